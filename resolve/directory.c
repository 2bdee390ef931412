/* SPDX-License-Identifier: ISC */
/* directory.c: the text entries: in memory, and what is wrong with them. */
#include "directory_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "compiled.h"
#include "fds.h"
#include "prog.h"

#define ARENA_CHUNK (1UL << 20) /* octets. Ours */
#define SHOWN_MAX   100 /* octets of an address in a message. Ours */

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

/* ---- memory and indexes */

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

struct span
directory_field(const struct item *item, enum index_field field)
{
	return field == INDEX_KEY  ? item->key
	    : field == INDEX_VALUE ? item->value
	                           : item->userid;
}

/* The slot that holds this value, or the free one where it belongs. */
static struct slot *
find_slot(const struct directory *d, const struct items *items,
    enum index_field field, struct span value, uint32_t *hash)
{
	unsigned char out[crypto_shorthash_BYTES];
	struct slot *slot;
	size_t at;

	(void)crypto_shorthash(
	    out, (const unsigned char *)value.p, value.len, d->hash_key);
	memcpy(hash, out, sizeof(*hash));
	for (at = *hash;; at++) {
		slot = &items->index[field][at & (items->slots - 1)];
		if (slot->item == 0 ||
		    (slot->hash == *hash &&
		        span_same(
		            directory_field(&items->p[slot->item - 1], field),
		            value)))
			return slot;
	}
}

const struct item *
directory_find_by(const struct directory *d, const struct items *items,
    enum index_field field, struct span value)
{
	uint32_t hash, at = 0;

	if (items->slots > 0)
		at = find_slot(d, items, field, value, &hash)->item;
	return at == 0 ? NULL : &items->p[at - 1];
}

/* Put the newest item in, or tell which has the same value. */
const struct item *
directory_put_index(
    const struct directory *d, struct items *items, enum index_field field)
{
	uint32_t hash;
	struct slot *slot = find_slot(d, items, field,
	    directory_field(&items->p[items->n - 1], field), &hash);

	if (slot->item != 0)
		return &items->p[slot->item - 1];
	*slot = (struct slot){ hash, (uint32_t)items->n };
	return NULL;
}

const struct item *
directory_find(const struct directory *d, struct span key)
{
	return directory_find_by(d, &d->entries, INDEX_KEY, key);
}

const struct item *
directory_find_secret(const struct directory *d, struct span key)
{
	return directory_find_by(d, &d->secrets, INDEX_KEY, key);
}

/* ---- problems */

const char *
problem_word(enum problem_level level)
{
	static const char *const words[] = { "error", "warning", "note" };

	return words[level];
}

const char *
directory_file(const struct items *items, uint32_t *line)
{
	if (items->source == NULL || *line <= items->kept)
		return items->name;
	*line = items->source[*line - items->kept - 1];
	return "stdin";
}

/* One that finds no memory is counted all the same. */
__attribute__((format(printf, 4, 5))) void
directory_problem(struct directory *d, enum problem_level level,
    struct place place, const char *format, ...)
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
	*p = (struct problem){ .line = place.line, .level = level };
	p->file = directory_file(place.items, &p->line);
	if (place.smtp.len > 0)
		n = snprintf(text, sizeof(text), SPAN_FMT ": ",
		    SPAN_ARG(directory_shown(place.smtp)));
	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	if (directory_keep(d, span_of(text), &p->text))
		problems->n++;
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
	randombytes_buf(d->hash_key, sizeof(d->hash_key));
	return domains_begin(&d->domains, &s->resolve.domain, f);
}

static void
free_items(struct items *items)
{
	free(items->p);
	for (enum index_field i = 0; i < INDEXES; i++)
		free(items->index[i]);
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

/* Whoever has it may wait for a person: so it is said that we do. */
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

/* Whoever compiles writes both texts and both databases. */
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

struct span
directory_line(const struct items *items, const struct item *item)
{
	struct span rest = items->text, line = SPAN_EMPTY;

	for (uint32_t i = 0; i < item->line; i++)
		(void)span_next(&rest, '\n', &line);
	return line;
}

struct place
directory_place(const struct items *items, const struct item *item)
{
	return (struct place){ items, item->line, item->smtp };
}

const struct item *
directory_entry_of(const struct directory *d, const struct item *secret)
{
	const struct item *entry = directory_find(d, secret->key);

	return entry != NULL && entry->kind == ITEM_ENTRY ? entry : NULL;
}
