/* SPDX-License-Identifier: ISC */
/* directory_write.c: texts and databases, replaced together. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "compiled.h"
#include "directory.h"
#include "fds.h"
#include "lookup.h"
#include "names.h"
#include "record.h"
#include "users.h"

/* What stands in a database beside the addresses: no address lacks its '@'. */
#define DIGEST_KEY   SPAN_LIT("digest")
#define DIGEST_LEN   32 /* BLAKE2b-256 */
#define SALT_KEY_LEN 32 /* octets of SECRETS_SALT_KEY */
/* Records of its text: it has more keys than those. */
#define RECORDS_KEY SPAN_LIT("records")
/* Of the values; another number makes every start compile anew. */
#define FORMAT "4"

static void
digest_add(crypto_generichash_state *state, const void *p, size_t len)
{
	(void)crypto_generichash_update(state, p, len);
}

/* Of both texts, since an entry's path stands among the secrets too; and of the
   accounts, where there are entries of accounts. */
static struct span
make_digest(const struct directory *d, unsigned char out[DIGEST_LEN])
{
	struct span entries = d->entries.whole, secrets = d->secrets.whole;
	crypto_generichash_state state;
	uint64_t len = entries.len;

	(void)crypto_generichash_init(&state, NULL, 0, DIGEST_LEN);
	digest_add(&state, FORMAT, sizeof(FORMAT));
	digest_add(&state, &len, sizeof(len));
	digest_add(&state, entries.p, entries.len);
	digest_add(&state, secrets.p, secrets.len);
	if (names_have_accounts(entries))
		accounts_digest(&d->accounts, &state);
	(void)crypto_generichash_final(&state, out, DIGEST_LEN);
	return (struct span){ (const char *)out, DIGEST_LEN };
}

/* ---- what is there */

static bool
is_made_of(const struct text *t, struct span digest)
{
	struct compiled c = { .name = t->database, .purpose = t->purpose };
	struct span value;
	struct fault f;
	bool same;

	same = compiled_look(&c, &f) == OK &&
	    compiled_get(&c, DIGEST_KEY, &value, &f) == OK &&
	    span_same(value, digest);
	compiled_free(&c);
	return same;
}

bool
directory_is_compiled(const struct directory *d)
{
	unsigned char octets[DIGEST_LEN];
	struct span digest = make_digest(d, octets);

	return is_made_of(&d->entries, digest) &&
	    is_made_of(&d->secrets, digest);
}

/* Of a database before format 2 the digest is one. */
static uint64_t
records_of(struct compiled *c)
{
	struct span value;
	struct fault f;
	uint64_t n;

	if (compiled_get(c, RECORDS_KEY, &value, &f) == OK &&
	    num_parse(value, 0, UINT64_MAX, &n))
		return n;
	return compiled_count(c) - 1;
}

static enum outcome
expect_records(const struct text *t, struct fault *f)
{
	struct compiled c = { .name = t->database, .purpose = t->purpose };
	const char *lack = NULL;
	uint64_t had;

	/* One that cannot be read may have had some. */
	if (compiled_look(&c, f) == OK)
		had = records_of(&c);
	else
		had = f->error == ENOENT ? 0 : 1;
	compiled_free(&c);
	if (had > 2 * t->records)
		lack = t->records == 0
		    ? "has no record, but its database has"
		    : "has not half of the records of its database";
	else if (had > 0 && !text_is_whole(t))
		lack = "ends within a line";
	if (lack == NULL)
		return OK;
	return fault_set(f, TEMP, "4.3.0", 0,
	    "%s %s: bring it back, or run `pneu "
	    "directory compile --force` if it is as it should be",
	    t->name, lack);
}

enum outcome
directory_expect_records(const struct directory *d, struct fault *f)
{
	return expect_records(&d->entries, f) == OK
	    ? expect_records(&d->secrets, f)
	    : f->outcome;
}

/* ---- what is made */

/* A file that takes the place of another: written whole under a dot name and
   synced before the first of them gets its name. */
struct replacement {
	const char *name, *dot_name, *parent;
	const struct text *text;
	bool is_database; /* made of the text */
	int fd; /* -1: none, or it has its name */
};

static bool
has_quota(const struct line *line)
{
	return line->quota.octets != QUOTA_UNSAID ||
	    line->quota.messages != QUOTA_UNSAID;
}

static void
put_limit(struct buf *value, uint64_t limit)
{
	if (limit == QUOTA_UNSAID)
		buf_adds(value, "- ");
	else
		buf_addf(value, "%llu ", (unsigned long long)limit);
}

/* What auth reads of an entry; secret: its password's line, or NULL. */
static bool
make_secret(
    const struct line *entry, const struct line *secret, struct buf *value)
{
	struct record_out out = record_begin(value, "secret");
	struct fault f;

	record_put(out, "smtp", entry->smtp);
	record_put(out, "path", entry->value);
	if (secret != NULL) {
		record_put(out, "hash", secret->value);
		record_put_optional(out, "scram", secret->scram);
	}
	if (entry->has_left)
		record_puts(out, "removed", "yes");
	return record_end(out, &f) == OK;
}

/* Users without a password: a checkpassword program may know one. */
static void
put_others(const struct directory *d, struct compiled_maker *m)
{
	struct buf value = BUF_INIT(RECORD_MAX);

	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];

		buf_reset(&value);
		if (line->kind == LINE_ENTRY &&
		    directory_find_secret(d, line->key) == NULL &&
		    make_secret(line, NULL, &value))
			compiled_make_add(m, line->key, buf_span(&value));
	}
	buf_free(&value);
}

/* The value of one line in its database; false: it has none. */
static bool
make_value(
    const struct directory *d, const struct line *line, struct buf *value)
{
	static const char *const words[] = { [LINE_ENTRY] = LOOKUP_MAILBOX,
		[LINE_PROGRAM] = LOOKUP_PROGRAM,
		[LINE_ALIAS] = LOOKUP_ALIAS,
		[LINE_CATCH_ALL] = LOOKUP_CATCH_ALL };
	const struct line *entry;

	buf_reset(value);
	if (line->kind == LINE_NONE)
		return false;
	if (line->has_left) {
		buf_adds(value, LOOKUP_REMOVED);
		return true;
	}
	if (line->kind == LINE_ENTRY && has_quota(line)) {
		buf_adds(value, LOOKUP_QUOTA);
		put_limit(value, line->quota.octets);
		put_limit(value, line->quota.messages);
		buf_add(value, line->value);
		return true;
	}
	if (line->kind != LINE_SECRET) {
		buf_adds(value, words[line->kind]);
		buf_add(value, line->value);
		return true;
	}
	entry = directory_entry_of(d, line);
	return entry != NULL && make_secret(entry, line, value);
}

static enum outcome
make_database(const struct directory *d, const struct replacement *r,
    struct span digest, struct fault *f)
{
	struct buf value = BUF_INIT(RECORD_MAX);
	struct compiled_maker m;
	enum outcome got;

	compiled_make_begin(&m, r->fd, r->text->purpose);
	compiled_make_add(&m, DIGEST_KEY, digest);
	buf_addf(&value, "%zu", r->text->records);
	compiled_make_add(&m, RECORDS_KEY, buf_span(&value));
	if (r->text == &d->entries) {
		names_put_accounts(d, &m);
	} else {
		names_put_logins(d, &m);
		put_others(d, &m);
	}
	for (size_t i = 0; i < r->text->lines; i++)
		if (make_value(d, &r->text->line[i], &value))
			compiled_make_add(
			    &m, r->text->line[i].key, buf_span(&value));
	got = compiled_make_end(&m, f);
	buf_free(&value);
	return got;
}

/* Made once: salts that are derived from it must be the same for ever. */
static enum outcome
write_salt_key(int fd, struct fault *f)
{
	unsigned char key[SALT_KEY_LEN];
	enum outcome got;

	randombytes_buf(key, sizeof(key));
	got = fds_write_all(
	    fd, (struct span){ (const char *)key, sizeof(key) }, f);
	sodium_memzero(key, sizeof(key));
	return got;
}

static enum outcome
write_one(const struct directory *d, struct replacement *r, struct span digest,
    struct fault *f)
{
	bool is_key = r->text == NULL;
	mode_t mode = 0600;
	enum outcome got;

	if (is_key ? access(r->name, F_OK) == 0
	           : !r->is_database && !r->text->changed)
		return OK;
	/* What lies there is of a run that was cut short. */
	(void)unlink(r->dot_name);
	/* The directory's group is that of its reader then; the umask is
	   main_directory.c's. */
	if ((r->is_database || is_key) &&
	    d->settings->pneu.users == USERS_SEPARATE)
		mode = 0640;
	r->fd = open(r->dot_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (r->fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "create %s", r->dot_name);
	got = is_key         ? write_salt_key(r->fd, f)
	    : r->is_database ? make_database(d, r, digest, f)
	                     : fds_write_all(r->fd, r->text->whole, f);
	if (got != OK)
		return fault_context(f, "%s", r->dot_name);
	if (fsync(r->fd) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "fsync %s", r->dot_name);
	return OK;
}

/* It gets its name, on disk too. */
static enum outcome
put_one(struct replacement *r, struct fault *f)
{
	if (r->fd == -1)
		return OK;
	if (rename(r->dot_name, r->name) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "rename to %s", r->name);
	fds_close(&r->fd);
	return fds_sync_directory(r->parent, f);
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
		if (put_one(&file[i], &why) == OK)
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
	const struct text *entries = &d->entries, *secrets = &d->secrets;
	struct replacement file[] = {
		{ SECRETS_SALT_KEY, "secrets/.salt-key", "secrets", NULL, false,
		    -1 },
		{ secrets->name, "secrets/.secrets", "secrets", secrets, false,
		    -1 },
		{ entries->name, "directory/.entries", "directory", entries,
		    false, -1 },
		{ entries->database, "directory/.entries.cdb", "directory",
		    entries, true, -1 },
		{ secrets->database, "secrets/.secrets.cdb", "secrets", secrets,
		    true, -1 },
	};
	enum { FILES = sizeof(file) / sizeof(file[0]) };
	size_t errors = d->problems.count[PROBLEM_ERROR];
	unsigned char octets[DIGEST_LEN];
	struct span digest = make_digest(d, octets);
	enum outcome got = OK;

	if (errors > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu error%s in the directory: the databases stay as "
		    "they were",
		    errors, errors == 1 ? "" : "s");
	for (size_t i = 0; got == OK && i < FILES; i++)
		got = write_one(d, &file[i], digest, f);
	if (got == OK)
		got = put_all(file, FILES, f);
	/* What has not got its name is nothing. */
	for (size_t i = 0; i < FILES; i++) {
		if (file[i].fd != -1)
			(void)unlink(file[i].dot_name);
		fds_close(&file[i].fd);
	}
	return got;
}
