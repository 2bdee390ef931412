/* SPDX-License-Identifier: ISC */
/* edit.c: changes to the text entries, all or nothing. */
#include "edit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "fds.h"
#include "mailboxes.h"
#include "record.h"

#define KEY_MAX      64 /* octets of a record's key that we write. Ours */
#define MANY_AT_ONCE 8 /* mailboxes; more are synced together. Ours */

/* ---- lines */

static void
edits_begin(struct edits *e)
{
	*e = (struct edits){ .records = BUF_INIT(DIRECTORY_TEXT_MAX),
		.text = BUF_INIT(DIRECTORY_TEXT_MAX) };
}

static void
edits_free(struct edits *e)
{
	free(e->p);
	free(e->source);
	buf_free(&e->records);
	buf_free(&e->text);
	e->p = NULL;
	e->source = NULL;
	e->n = e->cap = 0;
}

/* Replace a line, drop it when the record is empty, or put one at the end. */
static enum outcome
edit_line(struct edits *e, uint32_t line, uint32_t source, struct span record,
    struct fault *f)
{
	if (e->n == e->cap) {
		size_t cap = e->cap == 0 ? 16 : 2 * e->cap;
		struct line_edit *p = reallocarray(e->p, cap, sizeof(*p));

		if (p == NULL)
			return directory_no_memory(f);
		e->p = p;
		e->cap = cap;
	}
	e->p[e->n++] =
	    (struct line_edit){ line, source, e->records.len, record.len };
	buf_add(&e->records, record);
	return buf_failed(&e->records) ? directory_no_memory(f) : OK;
}

/* By line; of one line, and at the end, as they were said. */
static int
compare_edits(const void *a, const void *b)
{
	const struct line_edit *one = a, *other = b;

	if (one->line != other->line)
		return one->line < other->line ? -1 : 1;
	return one->at < other->at ? -1 : one->at > other->at;
}

static struct span
record_of(const struct edits *e, size_t i)
{
	return span_head(
	    span_from(buf_span(&e->records), e->p[i].at), e->p[i].len);
}

/* Every line of the text, changed where it is to be; of two changes of one
   line the last one counts. */
static size_t
change_lines(struct edits *e, struct span text, uint32_t *kept)
{
	struct span line;
	size_t next = 0;

	for (uint32_t number = 1; span_next(&text, '\n', &line); number++) {
		bool changes = false;

		for (; next < e->n && e->p[next].line == number; next++) {
			changes = true;
			line = record_of(e, next);
		}
		buf_add(&e->text, line);
		if (!changes)
			buf_addc(&e->text, '\n');
		if (!changes || line.len > 0)
			(*kept)++;
	}
	return next;
}

/* What comes of a text, as the text of `to`. */
static enum outcome
edits_apply(struct edits *e, const struct items *from, struct items *to,
    struct fault *f)
{
	size_t next;

	to->changed = e->n > 0 || from->changed;
	to->kept = 0;
	if (e->n > 1)
		qsort(e->p, e->n, sizeof(*e->p), compare_edits);
	next = change_lines(e, from->text, &to->kept);
	e->source = calloc(e->n - next + 1, sizeof(*e->source));
	for (size_t i = 0; e->source != NULL && next < e->n; i++, next++) {
		buf_add(&e->text, record_of(e, next));
		e->source[i] = e->p[next].source;
		if (e->source[i] != 0)
			to->source = e->source;
	}
	to->text = buf_span(&e->text);
	return e->source == NULL || buf_failed(&e->text)
	    ? directory_no_memory(f)
	    : OK;
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
	edits_begin(&e->entries);
	edits_begin(&e->secrets);
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
	edits_free(&e->entries);
	edits_free(&e->secrets);
	fds_close(&e->lock);
}

/* ---- adding */

/*
 * Set the password of an address, or take it away when there is no hash: who
 * is added must not open his mailbox with the password of whoever had the
 * address before.
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
	if (got == OK && (old != NULL || hash.len > 0))
		got = edit_line(&e->secrets, old == NULL ? LINE_NEW : old->line,
		    e->source, buf_span(&record), f);
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
		got = edit_line(
		    &e->entries, LINE_NEW, e->source, buf_span(&line), f);
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

static enum outcome
drop_line(struct editor *e, const struct item *item, struct fault *f)
{
	return edit_line(&e->entries, item->line, 0, SPAN_EMPTY, f);
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
	got = record_parse(directory_line(&e->now.entries, item), &r, f);
	if (got == OK)
		got = record_change(&r, change, n, &line, f);
	if (got == OK)
		got = edit_line(&e->entries, item->line, 0, buf_span(&line), f);
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

	if (find_entry(e, a, &item, f) != OK || drop_line(e, item, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->now.entries.n; i++) {
		const struct item *alias = &e->now.entries.p[i];

		if (directory_leads_to(&e->now, alias, item) &&
		    drop_line(e, alias, f) != OK)
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
	return drop_line(e, item, f);
}

enum outcome
editor_clear(struct editor *e, const struct address *a, struct fault *f)
{
	const struct item *item =
	    directory_find(&e->now, address_directory_key(a));

	return item == NULL ? OK : drop_line(e, item, f);
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
	    edits_apply(&e->entries, &e->now.entries, &d->entries, f) != OK ||
	    edits_apply(&e->secrets, &e->now.secrets, &d->secrets, f) != OK ||
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
