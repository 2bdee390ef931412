/* SPDX-License-Identifier: ISC */
/* directory.c: the text entries: in memory, and what is wrong with them. */
#include "directory_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "compiled.h"
#include "fds.h"
#include "prog.h"

#define ARENA_CHUNK (1UL << 20) /* octets */
#define SHOWN_MAX   100 /* octets of an address in a message */

struct arena_chunk {
	struct arena_chunk *next;
	char octets[ARENA_CHUNK];
};

enum outcome
directory_no_memory(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", ENOMEM, "directory");
}

struct span
directory_shown(struct span s)
{
	return span_head(s, s.len < SHOWN_MAX ? s.len : SHOWN_MAX);
}

/* ---- memory */

/* A copy that lives as long as the directory; SPAN_EMPTY's p is no copy. */
bool
directory_keep(struct directory *d, struct span in, struct span *out)
{
	char *to;

	if (d->arena == NULL || d->arena_left < in.len) {
		struct arena_chunk *chunk = malloc(sizeof(*chunk));

		if (chunk == NULL || in.len > ARENA_CHUNK) {
			free(chunk);
			return false;
		}
		chunk->next = d->arena;
		d->arena = chunk;
		d->arena_left = ARENA_CHUNK;
	}
	to = d->arena->octets + ARENA_CHUNK - d->arena_left;
	memcpy(to, in.p, in.len);
	d->arena_left -= in.len;
	*out = (struct span){ to, in.len };
	return true;
}

/* ---- order */

static struct span
field_of(const struct item *item, enum item_field field)
{
	return field == FIELD_KEY ? item->key
	    : field == FIELD_PATH ? item->value
	                          : item->userid;
}

static bool
has_field(const struct item *item, enum item_field field)
{
	return !item->repeats &&
	    (field == FIELD_KEY ||
	        (item->kind == ITEM_ENTRY && field_of(item, field).len > 0));
}

static int
compare_spans(struct span a, struct span b)
{
	int got = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return got != 0 ? got : (a.len > b.len) - (a.len < b.len);
}

/* Of equals the first line comes first. */
static int
compare_items(const void *a, const void *b, void *field)
{
	const struct item *one = *(struct item *const *)a;
	const struct item *other = *(struct item *const *)b;
	enum item_field by = *(const enum item_field *)field;
	int got = compare_spans(field_of(one, by), field_of(other, by));

	return got != 0 ? got : (one > other) - (one < other);
}

/* Where the operator finds a line: its file, or the standard input. */
static const char *
file_of(const struct items *items, uint32_t *line)
{
	if (items->source == NULL || *line <= items->kept)
		return items->name;
	*line = items->source[*line - items->kept - 1];
	return "stdin";
}

static void
refuse_repetition(struct directory *d, const struct items *items,
    enum item_field field, const struct item *first, struct item *item)
{
	static const char *const names[FIELDS] = { "address",
		"path=", "userid=" };
	uint32_t line = first->line;
	const char *file = file_of(items, &line);

	item->repeats = true;
	directory_problem(d, PROBLEM_ERROR, items, item,
	    "this %s is there already, on %s:%u", names[field], file, line);
}

bool
items_sort(struct directory *d, struct items *items, enum item_field field)
{
	struct sorted *by = &items->by[field];
	size_t n = 0;

	by->p = reallocarray(NULL, items->n + 1, sizeof(struct item *));
	if (by->p == NULL)
		return false;
	for (size_t i = 0; i < items->n; i++)
		if (has_field(&items->p[i], field))
			by->p[n++] = &items->p[i];
	qsort_r(by->p, n, sizeof(struct item *), compare_items, &field);
	for (size_t i = 0; i < n; i++)
		if (by->n > 0 &&
		    span_same(field_of(by->p[by->n - 1], field),
		        field_of(by->p[i], field)))
			refuse_repetition(
			    d, items, field, by->p[by->n - 1], by->p[i]);
		else
			by->p[by->n++] = by->p[i];
	return true;
}

const struct item *
items_find(const struct items *items, enum item_field field, struct span value)
{
	size_t low = 0, high = items->by[field].n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct item *item = items->by[field].p[middle];
		int got = compare_spans(field_of(item, field), value);

		if (got == 0)
			return item;
		if (got < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct item *
directory_find(const struct directory *d, struct span key)
{
	return items_find(&d->entries, FIELD_KEY, key);
}

const struct item *
directory_find_secret(const struct directory *d, struct span key)
{
	return items_find(&d->secrets, FIELD_KEY, key);
}

/* ---- problems */

const char *
problem_word(enum problem_level level)
{
	static const char *const words[] = { "error", "warning", "note" };

	return words[level];
}

/* A problem is counted even where there is no memory to keep it. */
__attribute__((format(printf, 5, 6))) void
directory_problem(struct directory *d, enum problem_level level,
    const struct items *items, const struct item *item, const char *format, ...)
{
	struct problems *problems = &d->problems[level];
	struct problem *p;
	char text[512];
	int n = 0;
	va_list ap;

	problems->count++;
	if (problems->p == NULL)
		problems->p = reallocarray(NULL, PROBLEM_LINES_MAX, sizeof(*p));
	if (problems->p == NULL || problems->n == PROBLEM_LINES_MAX)
		return;
	p = &problems->p[problems->n];
	*p = (struct problem){ .line = item == NULL ? 0 : item->line,
		.level = level };
	p->file = file_of(items, &p->line);
	if (item != NULL && item->smtp.len > 0)
		n = snprintf(text, sizeof(text), SPAN_FMT ": ",
		    SPAN_ARG(directory_shown(item->smtp)));
	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	if (directory_keep(d, span_of(text), &p->text))
		problems->n++;
}

static int
compare_problems(const void *a, const void *b)
{
	const struct problem *one = a, *other = b;
	int got = strcmp(one->file, other->file);

	if (got == 0)
		got = (one->line > other->line) - (one->line < other->line);
	return got != 0 ? got : compare_spans(one->text, other->text);
}

void
directory_sort_problems(struct directory *d)
{
	for (size_t i = 0; i < PROBLEM_LEVELS; i++)
		if (d->problems[i].n > 1)
			qsort(d->problems[i].p, d->problems[i].n,
			    sizeof(struct problem), compare_problems);
}

/* ---- begin, end, reading */

enum outcome
directory_begin(struct directory *d, const struct settings *s, struct fault *f)
{
	*d = (struct directory){ .settings = s,
		.entries = { .name = DIRECTORY_ENTRIES,
		    .text = SPAN_EMPTY,
		    .kept = UINT32_MAX,
		    .octets = BUF_INIT(DIRECTORY_TEXT_MAX) },
		.secrets = { .name = DIRECTORY_SECRETS,
		    .text = SPAN_EMPTY,
		    .kept = UINT32_MAX,
		    .octets = BUF_INIT(DIRECTORY_TEXT_MAX) } };
	return domains_begin(&d->domains, &s->resolve.domain, f);
}

static void
free_items(struct items *items)
{
	free(items->p);
	for (enum item_field i = 0; i < FIELDS; i++)
		free(items->by[i].p);
	if (items->octets.max > 0)
		buf_free(&items->octets);
}

void
directory_free(struct directory *d)
{
	free_items(&d->entries);
	free_items(&d->secrets);
	while (d->arena != NULL) {
		struct arena_chunk *next = d->arena->next;

		free(d->arena);
		d->arena = next;
	}
	for (size_t i = 0; i < PROBLEM_LEVELS; i++)
		free(d->problems[i].p);
	domains_free(&d->domains);
	*d = (struct directory){ .settings = NULL };
}

/* The other command may wait for its operator: say what this one waits for. */
static int
lock_fd(int fd, int how)
{
	int got = flock(fd, how | LOCK_NB);

	if (got == 0 || errno != EWOULDBLOCK || (how & LOCK_NB) != 0)
		return got;
	prog_warn("waiting for another directory command");
	do
		got = flock(fd, how);
	while (got != 0 && errno == EINTR);
	return got;
}

enum outcome
directory_lock(int how, int *fd, struct fault *f)
{
	*fd = open(
	    DIRECTORY_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP,
		    errno == ENOENT ? "5.3.5" : "4.3.0", errno,
		    "open " DIRECTORY_LOCK "%s",
		    errno == ENOENT ? " (`pneu init` makes a home)" : "");
	if (lock_fd(*fd, how) == 0)
		return OK;
	(void)fault_set(f, TEMP, "4.3.0", errno,
	    errno == EWOULDBLOCK ? "another directory command is at work"
	                         : "lock " DIRECTORY_LOCK);
	fds_close(fd);
	return TEMP;
}

/* A compilation writes both texts and both databases. */
static bool
was_compiled(void)
{
	struct stat st;

	return stat(ENTRIES_DB, &st) == 0 || errno != ENOENT ||
	    stat(SECRETS_DB, &st) == 0 || errno != ENOENT;
}

static enum outcome
read_text(struct items *items, struct fault *f)
{
	if (fds_read_file(AT_FDCWD, items->name, &items->octets, f) == OK) {
		items->text = buf_span(&items->octets);
		return OK;
	}
	if (f->error != ENOENT)
		return fault_set(
		    f, TEMP, "4.3.0", f->error, "read %s", items->name);
	if (was_compiled())
		return fault_set(f, TEMP, "4.3.0", 0,
		    "%s is gone, or not mounted: bring it back; an empty file "
		    "makes an empty directory",
		    items->name);
	items->changed = true;
	return OK;
}

enum outcome
directory_read(struct directory *d, struct fault *f)
{
	return read_text(&d->entries, f) == OK ? read_text(&d->secrets, f)
	                                       : f->outcome;
}

bool
items_are_whole(const struct items *items)
{
	return span_whole_lines(items->text).len == items->text.len;
}

const struct item *
directory_entry_of(const struct directory *d, const struct item *secret)
{
	const struct item *entry = directory_find(d, secret->key);

	return entry != NULL && entry->kind == ITEM_ENTRY ? entry : NULL;
}
