/* SPDX-License-Identifier: ISC */
/* directory.c: the text entries in memory: lines, their indexes, problems. */
#include "directory.h"

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
#include "mem.h"
#include "prog.h"

#define MEMORY_CHUNK (1UL << 20) /* octets */

/* ---- memory */

struct memory_chunk {
	struct memory_chunk *next;
	char octets[];
};

struct span
directory_keep(struct directory *d, struct span in)
{
	size_t size = in.len > MEMORY_CHUNK ? in.len : MEMORY_CHUNK;
	struct memory_chunk *chunk = d->memory;
	char *to;

	if (d->memory_left < in.len) {
		chunk = mem_new(1, sizeof(*chunk) + size);
		chunk->next = d->memory;
		d->memory = chunk;
		d->memory_left = size;
	}
	if (in.len == 0)
		return SPAN_EMPTY;
	/* From its end on down: where it begins, all of it is used. */
	d->memory_left -= in.len;
	to = chunk->octets + d->memory_left;
	memcpy(to, in.p, in.len);
	return (struct span){ to, in.len };
}

struct line *
text_add(struct text *t, struct span line)
{
	if (t->lines == t->room) {
		t->room = 2 * t->room + 64;
		t->line = mem_grow(t->line, t->room, sizeof(*t->line));
	}
	t->line[t->lines] = (struct line){ .text = line,
		.file = t->name,
		.number = (uint32_t)t->lines + 1,
		.smtp = SPAN_EMPTY,
		.userid = SPAN_EMPTY,
		.scram = SPAN_EMPTY,
		.logins = SPAN_EMPTY,
		.accounts = SPAN_EMPTY };
	return &t->line[t->lines++];
}

bool
line_is_alias(const struct line *line)
{
	return line->kind == LINE_ALIAS || line->kind == LINE_CATCH_ALL;
}

bool
text_is_whole(const struct text *t)
{
	return span_whole_lines(t->whole).len == t->whole.len;
}

/* ---- indexes */

static struct span
field_of(const struct line *line, enum line_field field)
{
	return field == FIELD_KEY ? line->key
	    : field == FIELD_PATH ? line->value
	                          : line->userid;
}

static bool
has_field(const struct line *line, enum line_field field)
{
	if (field == FIELD_KEY)
		return line->kind != LINE_NONE;
	return line->kind == LINE_ENTRY && !line->repeats &&
	    field_of(line, field).len > 0;
}

static void
refuse_repetition(struct directory *d, enum line_field field,
    const struct line *first, struct line *line)
{
	static const char *const names[] = { "address", "path=", "userid=" };

	line->repeats = true;
	directory_problem(d, PROBLEM_ERROR, line,
	    "this %s is there already, on %s:%u%s", names[field], first->file,
	    first->number,
	    first->has_left
	        ? ", of a removed user: `directory restore` brings him back, "
	          "`directory remove --purge` ends that"
	        : "");
}

/* Where the value is, or the free slot where it would be. FNV-1a. */
static uint32_t *
slot_of(const struct line_index *x, struct span value)
{
	uint64_t at = 0xcbf29ce484222325;

	for (size_t i = 0; i < value.len; i++)
		at = (at ^ (unsigned char)value.p[i]) * 0x100000001b3;
	at ^= at >> 32;
	while (x->slot[at & x->mask] != 0 &&
	    !span_same(
	        field_of(&x->text->line[x->slot[at & x->mask] - 1], x->field),
	        value))
		at++;
	return &x->slot[at & x->mask];
}

void
line_index_make(struct directory *d, struct text *t, enum line_field field,
    struct line_index *x)
{
	*x = (struct line_index){ t, field, NULL, 1 };
	while (x->mask < 2 * t->lines)
		x->mask = 2 * x->mask + 1;
	x->slot = mem_new(x->mask + 1, sizeof(*x->slot));
	for (uint32_t i = 0; i < t->lines; i++) {
		uint32_t *slot;

		if (!has_field(&t->line[i], field))
			continue;
		slot = slot_of(x, field_of(&t->line[i], field));
		if (*slot == 0)
			*slot = i + 1;
		else
			refuse_repetition(
			    d, field, &t->line[*slot - 1], &t->line[i]);
	}
}

void
line_index_free(struct line_index *x)
{
	free(x->slot);
	x->slot = NULL;
}

struct line *
line_index_find(const struct line_index *x, struct span value)
{
	uint32_t at = *slot_of(x, value);

	return at == 0 ? NULL : &x->text->line[at - 1];
}

struct line *
directory_find(const struct directory *d, struct span key)
{
	return line_index_find(&d->entries.by_key, key);
}

struct line *
directory_find_secret(const struct directory *d, struct span key)
{
	return line_index_find(&d->secrets.by_key, key);
}

const struct line *
directory_entry_of(const struct directory *d, const struct line *secret)
{
	const struct line *entry = directory_find(d, secret->key);

	return entry != NULL && entry->kind == LINE_ENTRY ? entry : NULL;
}

/* ---- problems */

bool
problems_have(const struct problems *problems, struct span text)
{
	for (size_t i = 0; i < problems->n; i++)
		if (span_same(problems->p[i].text, text))
			return true;
	return false;
}

void
directory_problem(struct directory *d, enum problem_level level,
    const struct line *at, const char *format, ...)
{
	struct problems *problems = &d->problems;
	char text[512];
	int n = 0;
	va_list ap;

	if (at->smtp.len > 0)
		n = snprintf(text, sizeof(text), SPAN_FMT ": ",
		    SPAN_ARG(span_head(at->smtp, DIRECTORY_SHOWN_MAX)));
	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	if (level == PROBLEM_NOTE && n == 0 &&
	    problems_have(problems, span_of(text)))
		return;
	if (problems->count[level]++ >= PROBLEM_LINES_MAX)
		return;
	if (problems->p == NULL)
		problems->p = mem_new(
		    PROBLEM_LEVELS * PROBLEM_LINES_MAX, sizeof(*problems->p));
	problems->p[problems->n++] = (struct problem){ level, at->file,
		at->number, directory_keep(d, span_of(text)) };
}

/* ---- begin, end, reading */

enum outcome
directory_begin(struct directory *d, const struct settings *s, struct fault *f)
{
	const struct text entries = { .name = DIRECTORY_ENTRIES,
		.database = ENTRIES_DB,
		.purpose = "entries",
		.whole = SPAN_EMPTY,
		.octets = BUF_INIT(DIRECTORY_TEXT_MAX),
		.edited = BUF_INIT(DIRECTORY_TEXT_MAX) };

	*d = (struct directory){ .settings = s,
		.lock = -1,
		.entries = entries,
		.secrets = entries };
	d->secrets.name = DIRECTORY_SECRETS;
	d->secrets.database = SECRETS_DB;
	d->secrets.purpose = "secrets";
	d->has_postmaster = mem_new(s->resolve.domain.n, sizeof(bool));
	return domains_begin(&d->domains, &s->resolve.domain, f);
}

static void
free_text(struct text *t)
{
	free(t->line);
	line_index_free(&t->by_key);
	buf_free(&t->octets);
	buf_free(&t->edited);
}

void
directory_free(struct directory *d)
{
	directory_unlock(d);
	free_text(&d->entries);
	free_text(&d->secrets);
	while (d->memory != NULL) {
		struct memory_chunk *next = d->memory->next;

		free(d->memory);
		d->memory = next;
	}
	free(d->problems.p);
	free(d->has_postmaster);
	accounts_free(&d->accounts);
	domains_free(&d->domains);
}

/* The other command may wait for its operator: say what this one waits for. */
static bool
lock(int fd, int how)
{
	if (fds_lock(fd, how, 0))
		return true;
	if (errno != EWOULDBLOCK || (how & LOCK_NB) != 0)
		return false;
	prog_warn("waiting for another directory command");
	return fds_lock(fd, how, INT64_MAX);
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
read_text(struct text *t, struct fault *f)
{
	if (fds_read_file(AT_FDCWD, t->name, &t->octets, f) == OK) {
		t->whole = buf_span(&t->octets);
		return OK;
	}
	if (f->error != ENOENT)
		return fault_set(
		    f, TEMP, "4.3.0", f->error, "read %s", t->name);
	if (was_compiled())
		return fault_set(f, TEMP, "4.3.0", 0,
		    "%s is gone, or not mounted: bring it back; an empty file "
		    "makes an empty directory",
		    t->name);
	t->changed = true;
	return OK;
}

enum outcome
directory_open(
    struct directory *d, const struct settings *s, int how, struct fault *f)
{
	if (directory_begin(d, s, f) != OK)
		return f->outcome;
	d->lock = open(
	    DIRECTORY_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock == -1 && errno == ENOENT)
		return fault_set(f, PERM, "5.3.5", ENOENT,
		    "open " DIRECTORY_LOCK " (`pneu init` makes a home)");
	if (d->lock == -1 || !lock(d->lock, how))
		return fault_set(f, TEMP, "4.3.0", errno,
		    errno == EWOULDBLOCK
		        ? "another directory command is at work"
		        : "lock " DIRECTORY_LOCK);
	return accounts_read(&d->accounts, f) == OK &&
	        read_text(&d->entries, f) == OK
	    ? read_text(&d->secrets, f)
	    : f->outcome;
}

void
directory_unlock(struct directory *d)
{
	fds_close(&d->lock);
}
