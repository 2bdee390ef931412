/* SPDX-License-Identifier: ISC */
/* edit.c: changes to the text entries, all or nothing. */
#include "edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiled.h"
#include "fds.h"
#include "record.h"
#include "mailboxes.h"

#define KEY_MAX      64 /* octets of a record's key that we write. Ours */
#define ENTRIES_MODE 0644U /* within the umask */
#define SECRETS_MODE 0600U

static enum outcome
no_memory(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", ENOMEM, "directory");
}

/* ---- lines */

static void
edits_begin(struct edits *e)
{
	*e = (struct edits){ .records = BUF_INIT(DIRECTORY_TEXT_MAX),
		.appended = BUF_INIT(DIRECTORY_TEXT_MAX) };
}

static void
edits_free(struct edits *e)
{
	free(e->p);
	buf_free(&e->records);
	buf_free(&e->appended);
	e->p = NULL;
	e->n = e->cap = 0;
}

/* Replace a line, or drop it when the record is empty. */
static enum outcome
edit_line(struct edits *e, uint32_t line, struct span record, struct fault *f)
{
	if (e->n == e->cap) {
		size_t cap = e->cap == 0 ? 16 : 2 * e->cap;
		struct line_edit *p = reallocarray(e->p, cap, sizeof(*p));

		if (p == NULL)
			return no_memory(f);
		e->p = p;
		e->cap = cap;
	}
	e->p[e->n++] = (struct line_edit){ line, e->records.len, record.len };
	buf_add(&e->records, record);
	return buf_failed(&e->records) ? no_memory(f) : OK;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct line_edit *one = a, *other = b;

	return one->line < other->line ? -1 : one->line > other->line;
}

/* Every line of `text`, changed where it is to be, then what is new. */
static enum outcome
edits_apply(struct edits *e, struct span text, struct buf *out, struct fault *f)
{
	struct span line;
	size_t next = 0;

	if (e->n > 1)
		qsort(e->p, e->n, sizeof(*e->p), compare_lines);
	for (uint32_t number = 1; span_next(&text, '\n', &line); number++) {
		if (next < e->n && e->p[next].line == number) {
			buf_add(out,
			    (struct span){
			        e->records.p + e->p[next].at, e->p[next].len });
			next++;
			continue;
		}
		buf_add(out, line);
		buf_addc(out, '\n');
	}
	buf_add(out, buf_span(&e->appended));
	return buf_failed(out) ? no_memory(f) : OK;
}

/* ---- files */

static enum outcome
write_new(
    const char *dot_name, unsigned mode, struct span text, struct fault *f)
{
	enum outcome got;
	int fd;

	(void)unlink(dot_name); /* of a run cut short; we hold the lock */
	fd = open(dot_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "create %s", dot_name);
	got = fds_write_all(fd, text, f);
	if (got == OK && fsync(fd) != 0)
		got = fault_set(f, TEMP, "4.3.0", errno, "fsync %s", dot_name);
	(void)close(fd);
	if (got != OK)
		(void)unlink(dot_name);
	return got;
}

static enum outcome
write_text(const char *name, const char *dot_name, unsigned mode,
    struct span text, struct fault *f)
{
	if (write_new(dot_name, mode, text, f) != OK)
		return f->outcome;
	if (rename(dot_name, name) != 0) {
		(void)fault_set(f, TEMP, "4.3.0", errno, "rename to %s", name);
		(void)unlink(dot_name);
		return TEMP;
	}
	return compiled_sync_directory(name, f);
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

static bool
has_field(const struct record *r, const char *key)
{
	for (size_t i = 0; i < r->fields; i++)
		if (span_eq(r->field[i].key, key))
			return true;
	return false;
}

static const struct field_change *
change_of(const struct field_change *change, size_t n, struct span key)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(key, change[i].key))
			return &change[i];
	return NULL;
}

/* The same record with some fields changed, in its old order. */
static enum outcome
change_record(struct span line, const struct field_change *change, size_t n,
    struct buf *b, struct fault *f)
{
	struct record r;
	struct record_out out;
	char word[KEY_MAX + 1];

	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	if (!span_copy(r.word, word, sizeof(word)))
		return fault_set(f, PERM, "5.3.5", 0, "record: long word");
	out = record_begin(b, word);
	for (size_t i = 0; i < r.fields; i++) {
		const struct field_change *to =
		    change_of(change, n, r.field[i].key);
		struct span value = to == NULL ? r.field[i].value : to->value;

		if (to == NULL || value.len > 0)
			put_field(out, r.field[i].key, value);
	}
	for (size_t i = 0; i < n; i++)
		if (!has_field(&r, change[i].key) && change[i].value.len > 0)
			record_put(out, change[i].key, change[i].value);
	return record_end(out, f);
}

static struct span
line_of(struct span text, uint32_t number)
{
	struct span line = SPAN_EMPTY;

	while (number-- > 0 && span_next(&text, '\n', &line))
		continue;
	return line;
}

/* ---- begin and end */

enum outcome
editor_begin(struct editor *e, const struct settings *s, struct fault *f)
{
	*e = (struct editor){ .settings = s, .lock = -1 };
	edits_begin(&e->entries);
	edits_begin(&e->secrets);
	if (directory_lock(true, &e->lock, f) != OK ||
	    directory_begin(&e->now, s, f) != OK ||
	    directory_read(&e->now, f) != OK)
		return f->outcome;
	e->entries_before = e->now.entries.n;
	if (e->now.problems.count[PROBLEM_ERROR] > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "the directory has errors; mend them first, nothing was "
		    "changed");
	return OK;
}

void
editor_free(struct editor *e)
{
	edits_free(&e->entries);
	edits_free(&e->secrets);
	directory_free(&e->now);
	directory_free(&e->fresh);
	fds_close(&e->lock);
}

/* ---- adding */

/* PERM when it is taken: told with the fault rather than as a problem. */
static enum outcome
check_new(const struct editor *e, const struct address *a, struct span key,
    struct fault *f)
{
	if (!domains_has(&e->now.domains, address_domain(a)))
		return fault_set(f, PERM, "5.3.5", 0,
		    SPAN_FMT " is not a local domain; put `domain = " SPAN_FMT
		             "` under [resolve] in pneu.conf first",
		    SPAN_ARG(address_domain(a)), SPAN_ARG(address_domain(a)));
	if (directory_find(&e->now, key) != NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    SPAN_FMT " is there already", SPAN_ARG(key));
	return OK;
}

/* The first problem's text without its place, as a fault. */
static enum outcome
fault_of_problem(const struct problems *problems, size_t from, struct fault *f)
{
	struct span text = span_from(buf_span(&problems->text), from), line;

	while (span_next(&text, '\n', &line)) {
		static const char mark[] = ": error: ";
		const char *at =
		    memmem(line.p, line.len, mark, sizeof(mark) - 1);

		if (at != NULL)
			return fault_set(f, PERM, "5.3.5", 0, SPAN_FMT,
			    SPAN_ARG(span_from(line,
			        (size_t)(at - line.p) + sizeof(mark) - 1)));
	}
	return fault_set(f, PERM, "5.3.5", 0, "the record is wrong");
}

static enum outcome
append_secret(struct editor *e, const struct address *a, struct span smtp,
    struct span hash, struct fault *f)
{
	const struct item *old = directory_find_secret(&e->now, address_key(a));
	struct buf record = BUF_INIT(RECORD_MAX);
	struct buf *to = old == NULL ? &e->secrets.appended : &record;
	struct record_out out = record_begin(to, "secret");
	enum outcome got;

	record_put(out, "smtp", smtp);
	record_put(out, "hash", hash);
	got = record_end(out, f);
	if (got == OK && old != NULL)
		got = edit_line(&e->secrets, old->line, buf_span(&record), f);
	buf_free(&record);
	return got;
}

/* The record with path= and store= where they were left out. */
static enum outcome
complete_entry(const struct address *a, struct span record,
    const struct record *r, struct buf *out, struct fault *f)
{
	struct field_change change[2];
	char path[RESOLVE_PATH_MAX + 1];
	size_t n = 0;

	if (!has_field(r, "store"))
		change[n++] =
		    (struct field_change){ "store", SPAN_LIT("mailbox") };
	if (!has_field(r, "path")) {
		if (mailboxes_path(a, path, f) != OK)
			return f->outcome;
		change[n++] = (struct field_change){ "path", span_of(path) };
	}
	return change_record(record, change, n, out, f);
}

/* Into the directory as it would be, so that what follows is held against
   it too, and to the end of the text. */
static enum outcome
append_entry(struct editor *e, struct span record, struct fault *f)
{
	struct problems *problems = &e->now.problems;
	size_t told = problems->text.len;

	if (directory_add_line(
	        &e->now, DIRECTORY_ENTRIES, e->line, record, f) != OK)
		return f->outcome;
	if (problems->count[PROBLEM_ERROR] > 0)
		return fault_of_problem(problems, told, f);
	buf_add(&e->entries.appended, record);
	return buf_failed(&e->entries.appended) ? no_memory(f) : OK;
}

enum outcome
editor_add(
    struct editor *e, struct span record, struct span hash, struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX);
	struct record r;
	struct address a;
	struct span smtp, key;
	enum outcome got;

	if (record_parse(record, &r, f) != OK)
		return f->outcome;
	if (!record_take(&r, "smtp", PATH_TEXT_MAX, &smtp))
		return fault_set(f, PERM, "5.3.5", 0, "no smtp=");
	if (address_make(smtp, &a, f) != OK)
		return f->outcome;
	key = address_key(&a);
	if (span_eq(address_local(&a), "*"))
		key = span_from(key, 1); /* as a catch-all is kept */
	if (hash.len > 0 && !directory_is_hash(hash))
		return fault_set(
		    f, PERM, "5.3.5", 0, "hash= is no Argon2 hash");
	if (check_new(e, &a, key, f) != OK)
		return f->outcome;
	got = record_is(&r, "entry") ? complete_entry(&a, record, &r, &line, f)
	                             : change_record(record, NULL, 0, &line, f);
	if (got == OK)
		got = append_entry(e, buf_span(&line), f);
	if (got == OK && hash.len > 0)
		got = append_secret(e, &a, smtp, hash, f);
	buf_free(&line);
	return got;
}

/* ---- changing, removing */

static enum outcome
find_entry(const struct editor *e, const struct address *a,
    const struct item **item, struct fault *f)
{
	*item = directory_find(&e->now, address_key(a));
	if (*item == NULL)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is not in the directory",
		    SPAN_ARG(address_key(a)));
	if ((*item)->kind != ITEM_ENTRY)
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
	enum outcome got;

	if (find_entry(e, a, &item, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < n; i++)
		if (strcmp(change[i].key, "path") == 0 &&
		    !span_copy(change[i].value, e->path, sizeof(e->path)))
			return fault_set(
			    f, PERM, "5.3.5", 0, "the path is too long");
	got = change_record(
	    line_of(e->now.entries_text, item->line), change, n, &line, f);
	if (got == OK)
		got = edit_line(&e->entries, item->line, buf_span(&line), f);
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
	return append_secret(e, a, item->smtp, hash, f);
}

enum outcome
editor_remove(
    struct editor *e, const struct address *a, size_t *aliases, struct fault *f)
{
	const struct item *item, *secret;
	struct address target;

	*aliases = 0;
	if (find_entry(e, a, &item, f) != OK ||
	    edit_line(&e->entries, item->line, SPAN_EMPTY, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->now.entries.n; i++) {
		const struct item *other = &e->now.entries.p[i];

		if (other->kind == ITEM_ENTRY ||
		    address_make(other->value, &target, f) != OK ||
		    !span_same(address_key(&target), item->key))
			continue;
		if (edit_line(&e->entries, other->line, SPAN_EMPTY, f) != OK)
			return f->outcome;
		(*aliases)++;
	}
	secret = directory_find_secret(&e->now, item->key);
	if (secret == NULL)
		return OK;
	return edit_line(&e->secrets, secret->line, SPAN_EMPTY, f);
}

enum outcome
editor_remove_alias(struct editor *e, struct span key, struct fault *f)
{
	const struct item *item = directory_find(&e->now, key);

	if (item == NULL || item->kind == ITEM_ENTRY)
		return fault_set(f, PERM, "5.1.1", 0, SPAN_FMT " is no alias",
		    SPAN_ARG(key));
	return edit_line(&e->entries, item->line, SPAN_EMPTY, f);
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
	const struct items *items = &e->now.entries;
	bool many = items->n - e->entries_before > 8;

	for (size_t i = e->entries_before; i < items->n; i++)
		if (items->p[i].kind == ITEM_ENTRY &&
		    make_one(e, items->p[i].value, !many, f) != OK)
			return f->outcome;
	if (e->path[0] != '\0' && make_one(e, span_of(e->path), true, f) != OK)
		return f->outcome;
	return many ? mailboxes_sync(e->settings->mail.directory, f) : OK;
}

static enum outcome
write_texts(
    struct editor *e, struct span entries, struct span secrets, struct fault *f)
{
	bool secret = e->secrets.n > 0 || e->secrets.appended.len > 0;
	bool entry = e->entries.n > 0 || e->entries.appended.len > 0;

	if (entry &&
	    write_text(DIRECTORY_ENTRIES, "directory/.entries", ENTRIES_MODE,
	        entries, f) != OK)
		return f->outcome;
	if (secret &&
	    write_text(DIRECTORY_SECRETS, "secrets/.secrets", SECRETS_MODE,
	        secrets, f) != OK)
		return f->outcome;
	return OK;
}

static enum outcome
commit_texts(
    struct editor *e, struct span entries, struct span secrets, struct fault *f)
{
	if (directory_begin(&e->fresh, e->settings, f) != OK ||
	    directory_parse(&e->fresh, entries, secrets, f) != OK ||
	    directory_check(&e->fresh, false, f) != OK)
		return f->outcome;
	if (e->fresh.problems.count[PROBLEM_ERROR] > 0)
		return fault_of_problem(&e->fresh.problems, 0, f);
	if (make_mailboxes(e, f) != OK ||
	    write_texts(e, entries, secrets, f) != OK)
		return f->outcome;
	return directory_compile(&e->fresh, f);
}

enum outcome
editor_commit(struct editor *e, struct fault *f)
{
	struct buf entries = BUF_INIT(DIRECTORY_TEXT_MAX);
	struct buf secrets = BUF_INIT(DIRECTORY_TEXT_MAX);

	enum outcome got =
	    edits_apply(&e->entries, e->now.entries_text, &entries, f);

	if (got == OK)
		got =
		    edits_apply(&e->secrets, e->now.secrets_text, &secrets, f);
	if (got == OK)
		got =
		    commit_texts(e, buf_span(&entries), buf_span(&secrets), f);
	/* `fresh` borrows from them. */
	directory_free(&e->fresh);
	buf_free(&entries);
	buf_free(&secrets);
	return got;
}
