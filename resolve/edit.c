/* SPDX-License-Identifier: ISC */
/* edit.c: changes to the text entries, all or nothing. */
#include "edit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "fds.h"
#include "mailboxes.h"
#include "record.h"

#define KEY_MAX      64 /* octets of a record's key that is written */
#define MANY_AT_ONCE 8 /* mailboxes; more are synced together */

/* ---- lines */

static void
addition_begin(struct addition *a)
{
	*a = (struct addition){ BUF_INIT(DIRECTORY_TEXT_MAX),
		BUF_INIT(DIRECTORY_TEXT_MAX), BUF_INIT(DIRECTORY_TEXT_MAX) };
}

static void
addition_free(struct addition *a)
{
	buf_free(&a->lines);
	buf_free(&a->text);
	buf_free(&a->source);
}

/* A new line, with its LF. */
static enum outcome
add_line(
    struct editor *e, struct addition *a, struct span line, struct fault *f)
{
	buf_add(&a->lines, line);
	buf_add(&a->source,
	    (struct span){ (const char *)&e->source, sizeof(e->source) });
	return buf_failed(&a->lines) || buf_failed(&a->source)
	    ? directory_no_memory(f)
	    : OK;
}

/* Another line, with its LF, for an item; none: it goes. */
static enum outcome
set_line(struct editor *e, const struct item *item, struct span line,
    struct fault *f)
{
	struct items *items =
	    item->kind == ITEM_SECRET ? &e->now.secrets : &e->now.entries;
	struct item *own = &items->p[item - items->p];

	own->text = SPAN_EMPTY;
	if (line.len > 0 &&
	    !directory_keep(&e->now, span_head(line, line.len - 1), &own->text))
		return directory_no_memory(f);
	return OK;
}

/* What comes of a text, as the text of `to`. */
static enum outcome
join_text(const struct editor *e, const struct items *from, struct addition *a,
    struct items *to, struct fault *f)
{
	const struct item *item = from->p, *end = from->p + from->n;
	struct span rest = from->text, line;

	to->kept = 0;
	if (e->source > 0)
		to->source = (const uint32_t *)(const void *)a->source.p;
	for (uint32_t number = 1; span_next(&rest, '\n', &line); number++) {
		if (item < end && item->line == number) {
			line = item++->text;
			if (line.len == 0)
				continue;
		}
		buf_add(&a->text, line);
		buf_addc(&a->text, '\n');
		to->kept++;
	}
	buf_add(&a->text, buf_span(&a->lines));
	to->text = buf_span(&a->text);
	to->changed = from->changed || !span_same(from->text, to->text);
	return buf_failed(&a->text) ? directory_no_memory(f) : OK;
}

/* ---- records */

static void
put_field(struct record_out out, struct span key, struct span value)
{
	char name[KEY_MAX + 1];

	/* A longer key is none that a person wrote: it makes the record fail
	   at record_end() rather than lose a part. */
	if (!span_copy(key, name, sizeof(name)))
		out.b->missed = RECORD_MAX;
	record_put(out, name, value);
}

static const struct field_change *
change_of(const struct field_change *change, size_t n, struct span key)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(key, change[i].key))
			return &change[i];
	return NULL;
}

enum outcome
record_change(const struct record *r, const struct field_change *change,
    size_t n, struct buf *b, struct fault *f)
{
	struct record_out out;
	char word[KEY_MAX + 1];

	if (!span_copy(r->word, word, sizeof(word)))
		return fault_set(f, PERM, "5.3.5", 0, "record: long word");
	out = record_begin(b, word);
	for (size_t i = 0; i < r->fields; i++) {
		const struct field_change *to =
		    change_of(change, n, r->field[i].key);
		struct span value = to == NULL ? r->field[i].value : to->value;

		if (to == NULL || value.len > 0)
			put_field(out, r->field[i].key, value);
	}
	for (size_t i = 0; i < n; i++)
		if (record_find(r, span_of(change[i].key)) == NULL)
			record_put_optional(
			    out, change[i].key, change[i].value);
	return record_end(out, f);
}

/* ---- begin and end */

/* An error that only the check finds may be what this edit mends. */
static enum outcome
compile_first(struct directory *d, struct fault *f)
{
	directory_check(d, false);
	if (d->problems[PROBLEM_ERROR].count > 0 || directory_is_compiled(d))
		return OK;
	if (directory_expect_records(d, f) != OK)
		return f->outcome;
	return directory_write(d, f);
}

enum outcome
editor_begin(struct editor *e, const struct settings *s, struct fault *f)
{
	*e = (struct editor){ .settings = s, .lock = -1 };
	addition_begin(&e->entries);
	addition_begin(&e->secrets);
	if (directory_lock(LOCK_EX, &e->lock, f) != OK ||
	    directory_begin(&e->now, s, f) != OK ||
	    directory_read(&e->now, f) != OK ||
	    directory_parse(&e->now, f) != OK)
		return f->outcome;
	if (e->now.problems[PROBLEM_ERROR].count > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "the directory has errors; mend them first, nothing was "
		    "changed");
	return compile_first(&e->now, f);
}

void
editor_free(struct editor *e)
{
	directory_free(&e->now);
	directory_free(&e->fresh);
	addition_free(&e->entries);
	addition_free(&e->secrets);
	fds_close(&e->lock);
}

/* ---- adding */

/*
 * Set the password of an address, or remove it when there is no hash: the
 * password of a former user must not open the mailbox of a new one.
 */
static enum outcome
put_secret(struct editor *e, const struct address *a, struct span smtp,
    struct span hash, struct fault *f)
{
	const struct item *old = directory_find_secret(&e->now, address_key(a));
	struct buf record = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&record, "secret");
	enum outcome got = OK;

	record_put(out, "smtp", smtp);
	record_put(out, "hash", hash);
	if (hash.len > 0)
		got = record_end(out, f);
	else
		buf_reset(&record);
	if (got == OK && old != NULL)
		got = set_line(e, old, buf_span(&record), f);
	else if (got == OK && hash.len > 0)
		got = add_line(e, &e->secrets, buf_span(&record), f);
	buf_free(&record);
	return got;
}

/* The entry as it is kept: with path= and store= unless it is a program's, its
   hash taken out. */
static enum outcome
complete_entry(const struct address *a, const struct record *r, struct buf *out,
    struct fault *f)
{
	struct field_change change[3] = { { "hash", SPAN_EMPTY } };
	char path[RESOLVE_PATH_MAX + 1];
	size_t n = 1;

	if (record_find(r, SPAN_LIT("program")) != NULL)
		return record_change(r, NULL, 0, out, f);
	if (record_find(r, SPAN_LIT("store")) == NULL)
		change[n++] =
		    (struct field_change){ "store", SPAN_LIT("mailbox") };
	if (record_find(r, SPAN_LIT("path")) == NULL) {
		if (mailboxes_path(a, path, f) != OK)
			return f->outcome;
		change[n++] = (struct field_change){ "path", span_of(path) };
	}
	return record_change(r, change, n, out, f);
}

/* PERM: it cannot be read, or made whole. */
static enum outcome
read_new(
    struct editor *e, struct span record, struct buf *line, struct fault *f)
{
	struct record r;
	struct address a;
	struct span smtp, hash = SPAN_EMPTY;
	enum outcome got;

	if (record_parse(record, &r, f) != OK ||
	    !record_take(&r, "smtp", PATH_TEXT_MAX, &smtp) ||
	    address_make(smtp, &a, f) != OK)
		return PERM;
	if (record_is(&r, "entry"))
		(void)record_take(&r, "hash", RECORD_MAX, &hash);
	/* First: what cannot be made whole is added as it is, and may be
	   right for the commit. */
	got = put_secret(e, &a, smtp, hash, f);
	if (got != OK)
		return got;
	return record_is(&r, "entry") ? complete_entry(&a, &r, line, f)
	                              : record_change(&r, NULL, 0, line, f);
}

enum outcome
editor_add(struct editor *e, struct span record, struct fault *f)
{
	struct buf line = BUF_INIT(DIRECTORY_TEXT_MAX);
	enum outcome got = read_new(e, record, &line, f);

	/* As it is, then: the commit tells what is wrong with it. */
	if (got == PERM) {
		buf_reset(&line);
		buf_add(&line, record);
		if (line.len == 0 || line.p[line.len - 1] != '\n')
			buf_addc(&line, '\n');
		got = buf_failed(&line) ? directory_no_memory(f) : OK;
	}
	if (got == OK)
		got = add_line(e, &e->entries, buf_span(&line), f);
	e->added++;
	buf_free(&line);
	return got;
}

/* ---- changing, removing */

static enum outcome
find_entry(const struct editor *e, const struct address *a,
    const struct item **item, struct fault *f)
{
	*item = directory_find(&e->now, address_directory_key(a));
	if (*item == NULL)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is not in the directory",
		    SPAN_ARG(address_key(a)));
	if ((*item)->kind != ITEM_ENTRY && (*item)->kind != ITEM_PROGRAM)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is an alias; `directory alias` is for those",
		    SPAN_ARG(address_key(a)));
	return OK;
}

enum outcome
editor_change(struct editor *e, const struct address *a,
    const struct field_change *change, size_t n, struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX);
	const struct item *item;
	struct record r;
	enum outcome got;

	if (find_entry(e, a, &item, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < n; i++)
		if (strcmp(change[i].key, "path") == 0 &&
		    !span_copy(change[i].value, e->path, sizeof(e->path)))
			return fault_set(
			    f, PERM, "5.3.5", 0, "the path is too long");
	got = record_parse(item->text, &r, f);
	if (got == OK)
		got = record_change(&r, change, n, &line, f);
	if (got == OK)
		got = set_line(e, item, buf_span(&line), f);
	buf_free(&line);
	return got;
}

enum outcome
editor_set_hash(struct editor *e, const struct address *a, struct span hash,
    struct fault *f)
{
	const struct item *item;

	if (find_entry(e, a, &item, f) != OK)
		return f->outcome;
	if (item->kind == ITEM_PROGRAM)
		return fault_set(f, PERM, "5.3.5", 0,
		    "mail for it goes to a program: nobody logs in to that");
	return put_secret(e, a, item->smtp, hash, f);
}

enum outcome
editor_remove(struct editor *e, const struct address *a, struct fault *f)
{
	const struct item *item;

	if (find_entry(e, a, &item, f) != OK ||
	    set_line(e, item, SPAN_EMPTY, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->now.entries.n; i++) {
		const struct item *alias = &e->now.entries.p[i];

		if (directory_leads_to(&e->now, alias, item) &&
		    set_line(e, alias, SPAN_EMPTY, f) != OK)
			return f->outcome;
	}
	return put_secret(e, a, item->smtp, SPAN_EMPTY, f);
}

enum outcome
editor_remove_alias(struct editor *e, const struct address *a, struct fault *f)
{
	const struct item *item =
	    directory_find(&e->now, address_directory_key(a));

	if (item == NULL || item->kind == ITEM_ENTRY ||
	    item->kind == ITEM_PROGRAM)
		return fault_set(f, PERM, "5.1.1", 0, SPAN_FMT " is no alias",
		    SPAN_ARG(address_key(a)));
	return set_line(e, item, SPAN_EMPTY, f);
}

enum outcome
editor_clear(struct editor *e, const struct address *a, struct fault *f)
{
	const struct item *item =
	    directory_find(&e->now, address_directory_key(a));

	return item == NULL ? OK : set_line(e, item, SPAN_EMPTY, f);
}

/* ---- commit */

static enum outcome
make_one(struct editor *e, struct span path, bool sync, struct fault *f)
{
	bool existed = false;

	if (mailboxes_make(
	        e->settings->mail.directory, path, sync, &existed, f) != OK)
		return f->outcome;
	if (existed)
		e->found++;
	else
		e->made++;
	return OK;
}

/* One mailbox is synced by itself, many with their whole file system. */
static enum outcome
make_mailboxes(struct editor *e, struct fault *f)
{
	const struct items *items = &e->fresh.entries;
	bool many = e->added > MANY_AT_ONCE;

	/* Items stand in the order of their lines. */
	for (size_t i = items->n; i > 0 && items->p[i - 1].line > items->kept;
	     i--)
		if (items->p[i - 1].kind == ITEM_ENTRY &&
		    make_one(e, items->p[i - 1].value, !many, f) != OK)
			return f->outcome;
	if (e->path[0] != '\0' && make_one(e, span_of(e->path), true, f) != OK)
		return f->outcome;
	return many ? mailboxes_sync(e->settings->mail.directory, f) : OK;
}

static enum outcome
refuse(const struct problems *errors, struct fault *f)
{
	if (errors->n == 0)
		return directory_no_memory(f);
	return fault_set(
	    f, PERM, "5.3.5", 0, SPAN_FMT, SPAN_ARG(errors->p[0].text));
}

/* RFC 5321 4.5.1. One that was nobody before is no fault of this change. */
static enum outcome
keep_postmasters(const struct editor *e, struct fault *f)
{
	const struct domains *domains = &e->fresh.domains;

	for (size_t i = 0; i < domains->n; i++)
		if (directory_has_postmaster(&e->now, domains->name[i]) &&
		    !directory_has_postmaster(&e->fresh, domains->name[i]))
			return fault_set(f, PERM, "5.3.5", 0,
			    "nobody would be postmaster@%s, whose mail must be "
			    "taken (RFC 5321 4.5.1): `directory alias add "
			    "postmaster ADDRESS --replace` gives it to another",
			    domains->name[i]);
	return OK;
}

enum outcome
editor_check(struct editor *e, struct fault *f)
{
	struct directory *d = &e->fresh;

	if (directory_begin(d, e->settings, f) != OK ||
	    join_text(e, &e->now.entries, &e->entries, &d->entries, f) != OK ||
	    join_text(e, &e->now.secrets, &e->secrets, &d->secrets, f) != OK ||
	    directory_parse(d, f) != OK)
		return f->outcome;
	directory_check(d, false);
	if (d->problems[PROBLEM_ERROR].count > 0)
		return refuse(&d->problems[PROBLEM_ERROR], f);
	return keep_postmasters(e, f);
}

enum outcome
editor_commit(struct editor *e, struct fault *f)
{
	if (editor_check(e, f) != OK || make_mailboxes(e, f) != OK)
		return f->outcome;
	return directory_write(&e->fresh, f);
}

bool
editor_is_new(const struct editor *e, const struct problem *problem)
{
	const struct problems *before = &e->now.problems[problem->level];

	/* By its words, which have the address: lines move. */
	for (size_t i = 0; i < before->n; i++)
		if (span_same(before->p[i].text, problem->text))
			return false;
	return true;
}
