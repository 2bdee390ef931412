/* SPDX-License-Identifier: ISC */
/* directory_write.c: texts and databases, replaced together. */
#include "directory_parts.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>

#include "compiled.h"
#include "fds.h"
#include "lookup.h"
#include "record.h"

/* What stands in a database beside the addresses: no address lacks its '@'. */
#define DIGEST_KEY SPAN_LIT("digest")
#define DIGEST_LEN 32 /* BLAKE2b-256 */
/* Of the values; another number makes every start compile anew. */
#define FORMAT "1"

/* Of both texts, since an entry's path stands among the secrets too. */
static struct span
make_digest(const struct directory *d, unsigned char out[DIGEST_LEN])
{
	crypto_generichash_state state;
	uint64_t len = d->entries.text.len;

	(void)crypto_generichash_init(&state, NULL, 0, DIGEST_LEN);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)FORMAT, sizeof(FORMAT));
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)&len, sizeof(len));
	(void)crypto_generichash_update(&state,
	    (const unsigned char *)d->entries.text.p, d->entries.text.len);
	(void)crypto_generichash_update(&state,
	    (const unsigned char *)d->secrets.text.p, d->secrets.text.len);
	(void)crypto_generichash_final(&state, out, DIGEST_LEN);
	return (struct span){ (const char *)out, DIGEST_LEN };
}

/* The value of one item in its database; empty: it has none. */
static enum outcome
make_value(const struct directory *d, const struct item *item,
    struct buf *value, struct fault *f)
{
	static const char *const words[] = { LOOKUP_MAILBOX, LOOKUP_PROGRAM,
		LOOKUP_ALIAS, LOOKUP_CATCH_ALL };
	const struct item *entry;
	struct record_out out;

	buf_reset(value);
	if (item->kind != ITEM_SECRET) {
		buf_adds(value, words[item->kind]);
		buf_add(value, item->value);
		return buf_failed(value) ? directory_no_memory(f) : OK;
	}
	entry = directory_entry_of(d, item);
	if (entry == NULL)
		return OK;
	out = record_begin(value, "secret");
	record_put(out, "smtp", entry->smtp);
	record_put(out, "path", entry->value);
	record_put(out, "hash", item->value);
	return record_end(out, f);
}

static enum outcome
make(const struct directory *d, const struct items *items,
    struct replacement *file, const char *name, const char *purpose,
    struct span digest, struct fault *f)
{
	struct buf value = BUF_INIT(RECORD_MAX);
	struct compiled_maker m;
	enum outcome got = compiled_make_begin(&m, file, name, purpose, f);

	if (got == OK)
		got = compiled_make_add(&m, DIGEST_KEY, digest, f);
	for (size_t i = 0; got == OK && i < items->n; i++) {
		got = make_value(d, &items->p[i], &value, f);
		if (got == OK && value.len > 0)
			got = compiled_make_add(
			    &m, items->p[i].key, buf_span(&value), f);
	}
	if (got == OK)
		got = compiled_make_end(&m, f);
	compiled_make_drop(&m);
	buf_free(&value);
	return got;
}

static bool
is_made_of(const char *name, const char *purpose, struct span digest)
{
	struct compiled c;
	struct span value;
	struct fault f;
	bool same;

	compiled_begin(&c, name, purpose);
	same = compiled_look(&c, &f) == OK &&
	    compiled_get(&c, DIGEST_KEY, &value, &f) == OK &&
	    span_same(value, digest);
	compiled_free(&c);
	return same;
}

bool
directory_is_compiled(const struct directory *d)
{
	unsigned char digest[DIGEST_LEN];
	struct span made = make_digest(d, digest);

	return is_made_of(ENTRIES_DB, "entries", made) &&
	    is_made_of(SECRETS_DB, "secrets", made);
}

/* Had it more than n records? One that cannot be read may have had some. */
static bool
had_more(const char *name, const char *purpose, size_t n)
{
	struct compiled c;
	struct fault f;
	bool had;

	compiled_begin(&c, name, purpose);
	if (compiled_look(&c, &f) == OK)
		had = compiled_has_more(&c, n + 1); /* the digest is one */
	else
		had = n == 0 && f.error != ENOENT;
	compiled_free(&c);
	return had;
}

/* What a text lacks of what its database has, or NULL. */
static const char *
find_lack(const struct items *items, const char *name, const char *purpose)
{
	if (had_more(name, purpose, 2 * items->n))
		return items->n == 0
		    ? "has no record, but its database has"
		    : "has not half of the records of its database";
	if (!items_are_whole(items) && had_more(name, purpose, 0))
		return "ends within a line";
	return NULL;
}

enum outcome
directory_expect_records(const struct directory *d, struct fault *f)
{
	const struct items *items = &d->entries;
	const char *lack = find_lack(items, ENTRIES_DB, "entries");

	if (lack == NULL) {
		items = &d->secrets;
		lack = find_lack(items, SECRETS_DB, "secrets");
	}
	if (lack == NULL)
		return OK;
	return fault_set(f, TEMP, "4.3.0", 0,
	    "%s %s: bring it back, or run `pneu "
	    "directory compile` if it is as it should be",
	    items->name, lack);
}

static enum outcome
write_text(const struct items *items, struct replacement *file, struct fault *f)
{
	if (!items->changed)
		return OK;
	if (replacement_begin(file, items->name, f) != OK ||
	    fds_write_all(file->fd, items->text, f) != OK)
		return f->outcome;
	return replacement_sync(file, f);
}

/*
 * Rename all of them: signals are blocked meanwhile, and where only the sync of
 * one fails the others follow. The first error is the one reported.
 */
static enum outcome
put_all(struct replacement *file, size_t n, struct fault *f)
{
	enum outcome got = OK;
	sigset_t all, before;
	struct fault why;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < n; i++) {
		if (replacement_put(&file[i], &why) == OK)
			continue;
		if (got == OK)
			*f = why;
		got = TEMP;
		if (file[i].fd != -1)
			break;
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return got;
}

enum outcome
directory_write(const struct directory *d, struct fault *f)
{
	/* A cut between two of them leaves a password without its entry at
	   worst, which opens nothing, and goes when its address is added. */
	enum { SECRETS_TEXT, ENTRIES_TEXT, ENTRIES_MADE, SECRETS_MADE, FILES };
	size_t errors = d->problems[PROBLEM_ERROR].count;
	struct replacement file[FILES];
	unsigned char digest[DIGEST_LEN];
	struct span made;
	enum outcome got;

	if (errors > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu error%s in the directory: the databases stay as "
		    "they were",
		    errors, errors == 1 ? "" : "s");
	made = make_digest(d, digest);
	for (size_t i = 0; i < FILES; i++)
		file[i] = REPLACEMENT_NONE;
	got = write_text(&d->secrets, &file[SECRETS_TEXT], f);
	if (got == OK)
		got = write_text(&d->entries, &file[ENTRIES_TEXT], f);
	if (got == OK)
		got = make(d, &d->entries, &file[ENTRIES_MADE], ENTRIES_DB,
		    "entries", made, f);
	if (got == OK)
		got = make(d, &d->secrets, &file[SECRETS_MADE], SECRETS_DB,
		    "secrets", made, f);
	if (got == OK)
		got = put_all(file, FILES, f);
	for (size_t i = 0; i < FILES; i++)
		replacement_drop(&file[i]);
	return got;
}
