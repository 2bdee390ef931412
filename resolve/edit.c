/* SPDX-License-Identifier: ISC */
/* edit.c: changes to the text entries, all or nothing. */
#include "edit.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "fds.h"
#include "mailboxes.h"
#include "maker.h"
#include "scram_keys.h"

#define MANY_AT_ONCE 8 /* mailboxes; more are synced together */

/* The change of this field=value, or n. */
static size_t
change_of(struct span field, const struct field_change *change, size_t n)
{
	struct span key = span_head(field, span_find(field, '='));
	size_t i = 0;

	while (i < n && !span_eq(key, change[i].key))
		i++;
	return i;
}

/* A line with some fields changed, in their order; the others stay as they
   are written. PERM: it is too long. */
static enum outcome
change_line(struct span line, const char *word,
    const struct field_change *change, size_t n, struct buf *b, struct fault *f)
{
	struct record_out out = record_begin(b, word);
	unsigned made = 0;
	struct span part;

	(void)span_next(&line, ' ', &part);
	while (span_next(&line, ' ', &part)) {
		size_t i = change_of(part, change, n);

		if (i == n) {
			buf_addc(b, ' ');
			buf_add(b, part);
			continue;
		}
		record_put_optional(out, change[i].key, change[i].value);
		made |= 1U << i;
	}
	for (size_t i = 0; i < n; i++)
		if ((made & 1U << i) == 0)
			record_put_optional(
			    out, change[i].key, change[i].value);
	return record_end(out, f);
}

/* ---- lines */

/* A record, with a LF or without, in place of a line; NULL: as a new one. */
static struct line *
put_line(struct editor *e, struct text *t, struct line *line,
    struct span record, uint32_t source)
{
	struct span text =
	    directory_keep(&e->d, span_head(record, span_find(record, '\n')));

	if (line != NULL) {
		line->text = text;
		line->is_changed = true;
		return line;
	}
	line = text_add(t, text);
	line->is_new = true;
	if (source > 0) {
		line->file = DIRECTORY_STDIN;
		line->number = source;
	}
	return line;
}

/* The password of an address: its hash, and the keys of SCRAM if a space and
   they follow. old: the line of the one before, or NULL. */
static enum outcome
put_secret(struct editor *e, struct line *old, struct span smtp,
    struct span hash, uint32_t source, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&b, "secret");
	size_t space = span_find(hash, ' ');
	enum outcome got;

	record_put(out, "smtp", smtp);
	record_put(out, "hash", span_head(hash, space));
	record_put_optional(out, "scram", span_from(hash, space + 1));
	got = record_end(out, f);
	if (got == OK)
		(void)put_line(e, &e->d.secrets, old, buf_span(&b), source);
	buf_free(&b);
	return got;
}

/* ---- begin and end */

enum outcome
editor_begin(struct editor *e, const struct settings *s, struct fault *f)
{
	struct directory *d = &e->d;

	*e = (struct editor){ .added = 0 };
	if (directory_open(d, s, LOCK_EX, f) != OK)
		return f->outcome;
	directory_parse(d);
	if (d->problems.count[PROBLEM_ERROR] > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "the directory has errors; mend them first, nothing was "
		    "changed");
	directory_check(d, false);
	/* An error that only the check finds may be what this edit mends. */
	if (d->problems.count[PROBLEM_ERROR] > 0 || directory_is_compiled(d))
		return OK;
	return directory_expect_records(d, f) == OK ? directory_write(d, f)
	                                            : f->outcome;
}

void
editor_free(struct editor *e)
{
	free(e->before.p);
	directory_free(&e->d);
}

/* ---- adding */

/* The entry as it is kept, its password among the secrets. PERM: it cannot be
   made whole, or is a program's, which has neither mailbox nor password. */
static enum outcome
complete_entry(struct editor *e, struct span record, const struct record *r,
    const struct address *a, struct span hash, uint32_t source,
    struct buf *line)
{
	struct field_change change[4] = { { "hash", SPAN_EMPTY } };
	char path[RESOLVE_PATH_MAX + 1];
	struct fault f;
	size_t n = 1;

	if (!record_is(r, "entry") || record_find(r, SPAN_LIT("program")))
		return PERM;
	if (hash.len > 0)
		change[n++] = (struct field_change){ "password", SPAN_EMPTY };
	else
		hash = record_value(r, "hash");
	if (record_find(r, SPAN_LIT("store")) == NULL)
		change[n++] =
		    (struct field_change){ "store", SPAN_LIT("mailbox") };
	if (record_find(r, SPAN_LIT("path")) == NULL) {
		if (mailboxes_path(a, path, &f) != OK)
			return PERM;
		change[n++] = (struct field_change){ "path", span_of(path) };
	}
	if (change_line(record, "entry", change, n, line, &f) != OK)
		return PERM;
	return hash.len == 0
	    ? OK
	    : put_secret(e, NULL, record_value(r, "smtp"), hash, source, &f);
}

void
editor_add(struct editor *e, struct span record, struct span hash,
    bool replaces, uint32_t source)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct line *line;
	struct address a;
	struct record r;
	struct fault ignored;

	/* What cannot be made whole is added as it is: the check tells why. */
	if (record_parse(record, &r, &ignored) == OK &&
	    address_make(record_value(&r, "smtp"), &a, &ignored) == OK) {
		if (complete_entry(e, record, &r, &a, hash, source, &b) == OK)
			record = buf_span(&b);
		line = directory_find(&e->d, address_directory_key(&a));
		if (replaces && line != NULL)
			line->is_removed = true;
	}
	line = put_line(e, &e->d.entries, NULL, record, source);
	line->wants_mailbox = true;
	e->added++;
	buf_free(&b);
	sodium_memzero(&r, sizeof(r)); /* it may have a password */
}

/* ---- changing, removing */

enum outcome
editor_find(const struct editor *e, const struct address *a, bool alias,
    struct line **line, struct fault *f)
{
	const char *wrong = alias
	    ? "is no alias"
	    : "is an alias; `directory alias` is for those";

	*line = directory_find(&e->d, address_directory_key(a));
	if (*line == NULL)
		wrong = "is not in the directory";
	else if (line_is_alias(*line) == alias)
		return OK;
	return fault_set(f, PERM, "5.1.1", 0, SPAN_FMT " %s",
	    SPAN_ARG(address_key(a)), wrong);
}

enum outcome
editor_change(struct editor *e, struct line *line,
    const struct field_change *change, size_t n, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	enum outcome got = change_line(line->text, "entry", change, n, &b, f);

	if (got == OK)
		(void)put_line(e, &e->d.entries, line, buf_span(&b), 0);
	for (size_t i = 0; i < n; i++)
		if (strcmp(change[i].key, "path") == 0)
			line->wants_mailbox = true;
	buf_free(&b);
	return got;
}

enum outcome
editor_hash(const struct settings *s, struct span password, struct buf *out,
    struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES], keys[SCRAM_TEXT_MAX] = "";

	errno = 0;
	if (crypto_pwhash_str(hash, password.p, password.len,
	        s->resolve.hash_ops, (size_t)s->resolve.hash_memory) != 0)
		return fault_set(f, TEMP, "4.3.0", errno,
		    "hash the password ([auth] hash_memory)");
	if (s->resolve.scram)
		scram_keys_text(password, s->resolve.scram_iterations, keys);
	buf_addf(out, "%s%s%s", hash, keys[0] == '\0' ? "" : " ", keys);
	return f->outcome = OK;
}

enum outcome
editor_set_hash(struct editor *e, const struct line *line, struct span hash,
    struct fault *f)
{
	if (line->kind == LINE_PROGRAM)
		return fault_set(f, PERM, "5.3.5", 0,
		    "mail for it goes to a program: nobody logs in to that");
	return put_secret(
	    e, directory_find_secret(&e->d, line->key), line->smtp, hash, 0, f);
}

static void
remove_aliases(struct editor *e, const struct line *line)
{
	for (size_t i = 0; i < e->d.entries.lines; i++)
		if (directory_leads_to(&e->d, &e->d.entries.line[i], line))
			e->d.entries.line[i].is_removed = true;
}

void
editor_remove(struct editor *e, struct line *line)
{
	struct line *secret = directory_find_secret(&e->d, line->key);

	line->is_removed = true;
	remove_aliases(e, line);
	if (secret != NULL)
		secret->is_removed = true;
}

enum outcome
editor_leave(
    struct editor *e, struct line *line, const char *time, struct fault *f)
{
	const struct field_change change = { "removed", span_of(time) };

	remove_aliases(e, line);
	return editor_change(e, line, &change, 1, f);
}

/* Does the alias name this address, however it is written? */
static bool
names_address(const struct line *alias, struct span key)
{
	struct address a;
	struct fault f;

	return line_is_alias(alias) &&
	    address_make(alias->value, &a, &f) == OK &&
	    span_same(address_key(&a), key);
}

/* In place of the line the same of another word, with some fields changed. */
static enum outcome
rewrite(struct editor *e, struct text *t, struct line *line, const char *word,
    const struct field_change *change, size_t n, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	enum outcome got = change_line(line->text, word, change, n, &b, f);

	if (got == OK)
		(void)put_line(e, t, line, buf_span(&b), 0);
	buf_free(&b);
	return got;
}

static enum outcome
put_alias(struct editor *e, struct span from, const char *to, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&b, "alias");
	enum outcome got;

	record_put(out, "smtp", from);
	record_puts(out, "to", to);
	got = record_end(out, f);
	if (got == OK)
		(void)put_line(e, &e->d.entries, NULL, buf_span(&b), 0);
	buf_free(&b);
	return got;
}

enum outcome
editor_rename(struct editor *e, struct line *line, const struct address *to,
    const char *new_smtp, struct span path, bool alias, struct fault *f)
{
	const struct field_change change[] = { { "smtp", span_of(new_smtp) },
		{ "path", path } };
	const struct field_change leads = { "to", span_of(new_smtp) };
	struct line *secret = directory_find_secret(&e->d, line->key);
	struct line *old = directory_find_secret(&e->d, address_key(to));
	struct span from = line->smtp, key = line->key;
	/* Lines move when one is added: it is not used from then on. */
	enum outcome got = rewrite(
	    e, &e->d.entries, line, "entry", change, path.len > 0 ? 2 : 1, f);

	/* That of a former user of the new address opens nothing more. */
	if (old != NULL && old != secret)
		old->is_removed = true;
	if (got == OK && secret != NULL) {
		got = rewrite(e, &e->d.secrets, secret, "secret", change, 1, f);
		/* An alias of the old address has no password to take along. */
		secret->key = directory_keep(&e->d, address_key(to));
	}
	for (size_t i = 0; got == OK && i < e->d.entries.lines; i++)
		if (names_address(&e->d.entries.line[i], key))
			got = rewrite(e, &e->d.entries, &e->d.entries.line[i],
			    "alias", &leads, 1, f);
	if (got == OK && alias)
		got = put_alias(e, from, new_smtp, f);
	return got;
}

enum outcome
editor_change_person(struct editor *e, const struct address *a,
    const struct field_change *change, size_t n, struct fault *f)
{
	struct line *line;

	for (size_t i = 0; i < n; i++)
		if (!directory_is_person_key(span_of(change[i].key)))
			return fault_set(f, PERM, "5.3.5", 0,
			    "%s= is not a user's to change", change[i].key);
	if (editor_find(e, a, false, &line, f) != OK)
		return f->outcome;
	return editor_change(e, line, change, n, f);
}

/* ---- commit */

/* One mailbox is synced by itself, many with their whole file system. */
static enum outcome
make_mailboxes(struct editor *e, struct fault *f)
{
	bool many = e->added > MANY_AT_ONCE, existed = false;
	const char *mail = e->d.settings->mail.directory;
	enum outcome got = OK;

	for (size_t i = 0; got == OK && i < e->d.entries.lines; i++) {
		const struct line *line = &e->d.entries.line[i];

		if (!line->wants_mailbox || line->kind != LINE_ENTRY)
			continue;
		got = maker_make(mail, line->value, !many, &existed, f);
		e->found += existed;
		e->made += !existed;
	}
	if (got == OK && many)
		got = maker_sync(mail, f);
	return got;
}

enum outcome
editor_commit(struct editor *e, bool tries, struct fault *f)
{
	struct directory *d = &e->d;
	const struct problem *error;

	e->before = d->problems;
	d->problems = (struct problems){ .n = 0 };
	if (directory_apply(d, f) != OK)
		return f->outcome;
	directory_check(d, false);
	if (d->problems.count[PROBLEM_ERROR] > 0) {
		error = d->problems.p;
		while (error->level != PROBLEM_ERROR)
			error++;
		return fault_set(
		    f, PERM, "5.3.5", 0, SPAN_FMT, SPAN_ARG(error->text));
	}
	if (tries)
		return OK;
	return make_mailboxes(e, f) == OK ? directory_write(d, f) : f->outcome;
}
