/* SPDX-License-Identifier: ISC */
/* store_read.c: listing the queue in shares, reading envelopes and content. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "mem.h"
#include "store.h"

#define CHUNK     32768 /* octets of content read at once */
#define READ_ONCE 8192 /* of an envelope */
/* Qids at once: a directory is read once for each share. Chosen: 6 MB. */
#define WALK_SHARE 65536

/* ---- Listing. ---- */

enum outcome
store_each_name(struct store *s, const char *dir,
    void (*each)(void *arg, const char *name), void *arg, struct fault *f)
{
	int fd =
	    openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	enum outcome got = OK;

	if (d == NULL) {
		(void)store_failed(f, "open", dir);
		fds_close(&fd);
		return f->outcome;
	}
	while (errno = 0, (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			each(arg, entry->d_name);
	if (errno != 0)
		got = store_failed(f, "read directory", dir);
	(void)closedir(d);
	return got;
}

/* The smallest qids: what is too great is cut off when the room is full. */
struct smallest {
	struct qid *qid; /* room for 2 * most */
	size_t most, n;
	struct qid after;
	bool more; /* some were cut off: qid[most - 1] is the last to stay */
};

static void
cut(struct smallest *w)
{
	qsort(w->qid, w->n, sizeof(*w->qid), qid_compare);
	if (w->n <= w->most)
		return;
	w->n = w->most;
	w->more = true;
}

static void
add_qid(void *arg, const char *name)
{
	struct smallest *w = arg;

	if (!qid_parse(span_of(name), &w->qid[w->n]) ||
	    strcmp(name, w->after.text) <= 0 ||
	    (w->more && strcmp(name, w->qid[w->most - 1].text) > 0))
		return;
	if (++w->n == 2 * w->most)
		cut(w);
}

enum outcome
store_list(struct store *s, struct store_place place, const struct qid *after,
    size_t most, struct qid *out, size_t *got, bool *more, struct fault *f)
{
	struct smallest w = { mem_new(2 * most, sizeof(*out)), most, 0, *after,
		false };
	char dir[STORE_DIR_MAX];
	enum outcome outcome;

	store_dir_name(place, dir);
	outcome = store_each_name(s, dir, add_qid, &w, f);
	cut(&w);
	memcpy(out, w.qid, w.n * sizeof(*out));
	free(w.qid);
	*got = w.n;
	*more = w.more;
	return outcome;
}

struct parts {
	const struct store *store;
	enum store_state state;
	uint64_t *ms;
	size_t n;
};

static bool
parse_part(enum store_state state, const char *name, uint64_t *ms)
{
	char whole[QID_LEN + 1] = "00000000000000000000000000";
	struct qid qid;

	if (store_has_minutes(state)) {
		if (!clock_parse_minute(span_of(name), ms))
			return false;
		/* Without a clock a machine begins in 1970; 0 is no time. */
		*ms += *ms == 0;
		return true;
	}
	memcpy(whole, name, strnlen(name, QID_SHARD_LEN));
	if (!qid_parse(span_of(whole), &qid))
		return false;
	*ms = qid_time_ms(&qid);
	return true;
}

/*
 * Minutes and shards are directories: a file or a link of such a name is a
 * stranger, and what waits elsewhere shall not wait for a person to remove it.
 * One that cannot be looked at now is no stranger: who lists it is told why.
 */
static void
add_part(void *arg, const char *name)
{
	struct parts *parts = arg;
	struct store_place place = { parts->state, 0 };
	char dir[STORE_DIR_MAX];
	struct stat st;

	if (!parse_part(place.state, name, &place.part_ms))
		return;
	store_dir_name(place, dir);
	if (strcmp(strchr(dir, '/') + 1, name) != 0 ||
	    (fstatat(parts->store->fd, dir, &st, AT_SYMLINK_NOFOLLOW) == 0
	            ? !S_ISDIR(st.st_mode)
	            : errno == ENOENT))
		return;
	parts->ms = mem_grow(parts->ms, parts->n + 1, sizeof(*parts->ms));
	parts->ms[parts->n++] = place.part_ms;
}

static int
by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* All of a state, in their order; the caller frees parts->ms. */
static enum outcome
list_parts(struct store *s, enum store_state state, struct parts *parts,
    struct fault *f)
{
	enum outcome got;

	*parts = (struct parts){ s, state, NULL, 0 };
	got = store_each_name(s, store_state_word(state), add_part, parts, f);
	if (parts->n > 0)
		qsort(parts->ms, parts->n, sizeof(*parts->ms), by_time);
	return got;
}

enum outcome
store_next_part(
    struct store *s, enum store_state state, uint64_t *part_ms, struct fault *f)
{
	struct parts parts;
	enum outcome got = list_parts(s, state, &parts, f);
	size_t i = 0;

	while (i < parts.n && parts.ms[i] <= *part_ms)
		i++;
	*part_ms = i < parts.n ? parts.ms[i] : 0;
	free(parts.ms);
	return got;
}

enum outcome
store_each_place(struct store *s, enum store_state state, store_on_place *each,
    void *arg, struct fault *f)
{
	struct parts parts;
	enum outcome got;

	if (store_parts(state) == STORE_UNDIVIDED)
		return each(arg, (struct store_place){ state, 0 }, f);
	got = list_parts(s, state, &parts, f);
	for (size_t i = 0; got == OK && i < parts.n; i++)
		got = each(arg, (struct store_place){ state, parts.ms[i] }, f);
	free(parts.ms);
	return got;
}

struct walk {
	struct store *store;
	struct qid *qid; /* a share of them */
	store_on_qid *each;
	void *arg;
};

static enum outcome
walk_place(void *arg, struct store_place place, struct fault *f)
{
	struct walk *w = arg;
	struct qid after = { "" };
	bool more = true;
	size_t got;

	while (more) {
		if (store_list(w->store, place, &after, WALK_SHARE, w->qid,
		        &got, &more, f) != OK) /* its minute may be gone */
			return f->error == ENOENT ? OK : f->outcome;
		for (size_t i = 0; i < got; i++)
			if (w->each(w->arg, place, &w->qid[i], f) != OK)
				return f->outcome;
		if (more)
			after = w->qid[got - 1];
	}
	return OK;
}

enum outcome
store_each_qid(struct store *s, enum store_state state, store_on_qid *each,
    void *arg, struct fault *f)
{
	struct walk w = { s, mem_new(WALK_SHARE, sizeof(*w.qid)), each, arg };
	enum outcome got = store_each_place(s, state, walk_place, &w, f);

	free(w.qid);
	return got;
}

/* ---- Reading. ---- */

/*
 * A file to read. What is none (a link, a pipe) is not waited for.
 *
 * PERM	5.3.0 it is no file. TEMP: ENOENT not there, or it cannot be opened
 */
static enum outcome
open_file(const struct store *s, const char *name, int *fd, struct stat *st,
    struct fault *f)
{
	if (fstatat(s->fd, name, st, AT_SYMLINK_NOFOLLOW) != 0)
		return store_failed(f, "look at", name);
	if (!S_ISREG(st->st_mode))
		return fault_set(
		    f, PERM, "5.3.0", 0, "queue: %s is no file", name);
	*fd =
	    openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return *fd == -1 ? store_failed(f, "open", name) : OK;
}

/* Enough for one file's first line; an envelope file is read to its end. */
static enum outcome
read_envelope_octets(int fd, struct buf *b, struct fault *f)
{
	size_t got;

	do {
		if (fds_read_some(fd, b, READ_ONCE, &got, f) != OK)
			return buf_failed(b) ? fault_set(f, PERM, "5.3.0", 0,
			                           "envelope: too large")
			                     : f->outcome;
	} while (got > 0 &&
	    !(b->len >= ENVELOPE_ONE_LINE &&
	        span_has_prefix(buf_span(b), ENVELOPE_ONE_PREFIX)));
	return OK;
}

enum outcome
store_read_envelope(struct store *s, const struct qid *qid,
    struct store_place place, bool fresh, struct envelope *e, struct fault *f)
{
	struct buf b = BUF_INIT(STORE_ENVELOPE_MAX);
	char name[STORE_NAME_MAX];
	enum outcome got;
	struct stat st;
	int fd;

	envelope_reset(e);
	store_name(place, qid, name);
	if (open_file(s, name, &fd, &st, f) != OK)
		return f->outcome;
	if (fresh)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	got = read_envelope_octets(fd, &b, f);
	(void)close(fd);
	if (got == OK)
		got = envelope_get(buf_span(&b), e, f);
	buf_free(&b);
	if (got == OK && !span_same(qid_span(qid), qid_span(&e->qid)))
		got = fault_set(
		    f, PERM, "5.3.0", 0, "envelope: of another message");
	return got;
}

struct finding {
	const struct store *store;
	const struct qid *qid;
	struct store_place place;
	bool found;
};

static enum outcome
look_in(void *arg, struct store_place place, struct fault *f)
{
	struct finding *g = arg;

	if (g->found)
		return OK;
	g->place = place;
	g->found = store_has(g->store, g->qid, place);
	return g->found || errno == ENOENT
	    ? OK
	    : store_failed(f, "look for", g->qid->text);
}

enum outcome
store_find_envelope(struct store *s, const struct qid *qid,
    struct store_place *place, struct fault *f)
{
	bool in = false;

	for (size_t i = 0; i < STORE_STATES; i++) {
		struct finding g = { s, qid, STORE_PLACE_IN, false };

		if (store_precedence[i] == STORE_ASIDE)
			continue;
		if (store_each_place(s, store_precedence[i], look_in, &g, f) !=
		    OK)
			return f->outcome;
		if (g.found && g.place.state == STORE_IN) {
			in = true; /* unless there is another */
		} else if (g.found) {
			*place = g.place;
			return OK;
		}
	}
	*place = STORE_PLACE_IN;
	if (in)
		return OK;
	return fault_set(
	    f, TEMP, "4.3.0", ENOENT, "no such message in the queue");
}

/* ---- Content. ---- */

enum outcome
store_open_content_of(const struct store *s, const struct envelope *e,
    const struct store_place *place, size_t n, struct store_content *c,
    struct fault *f)
{
	*c = STORE_CONTENT_NONE;
	c->offset = e->start;
	for (size_t i = 0; i < n; i++) {
		store_name(place[i], &e->qid, c->name);
		if (open_file(s, c->name, &c->fd, &c->st, f) == OK)
			return OK;
		if (f->error != ENOENT)
			break;
	}
	return f->outcome;
}

/* in/<qid> may be the envelope file itself, which is no content. */
static enum outcome
check_one_file(const struct store_content *c, struct fault *f)
{
	char head[sizeof(ENVELOPE_ONE_PREFIX) - 1];
	ssize_t n = pread(c->fd, head, sizeof(head), 0);

	if (n < 0)
		return store_failed(f, "read", c->name);
	if (n == sizeof(head) &&
	    memcmp(head, ENVELOPE_ONE_PREFIX, sizeof(head)) == 0)
		return OK;
	errno = ENOENT;
	return store_failed(f, "find the content of", c->name);
}

enum outcome
store_open_content(struct store *s, const struct envelope *e,
    struct store_content *c, struct fault *f)
{
	const struct store_place place[] = { store_content_place(&e->qid),
		STORE_PLACE_IN };
	size_t first = e->shape == ENVELOPE_APART ? 0 : 1;

	if (store_open_content_of(s, e, place + first, 2 - first, c, f) != OK)
		return f->outcome;
	if (strncmp(c->name, "in/", 3) == 0 && check_one_file(c, f) != OK) {
		store_close_content(c);
		return f->outcome;
	}
	return OK;
}

enum outcome
store_check_content(const struct store_content *c, const struct envelope *e,
    bool fresh, struct fault *f)
{
	unsigned char digest[ENVELOPE_DIGEST_LEN];
	struct envelope_digest d;
	char chunk[CHUNK];
	uint64_t at = c->offset, end = (uint64_t)c->st.st_size;

	if (end < at || end - at != e->size)
		return fault_set(f, PERM, "5.3.0", 0,
		    "corrupt: the content's size differs from the envelope's");
	if (fresh)
		(void)posix_fadvise(c->fd, 0, 0, POSIX_FADV_DONTNEED);
	envelope_digest_begin(&d);
	while (at < end) {
		ssize_t n = pread(c->fd, chunk, sizeof(chunk), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed(f, "read", c->name);
		if (n == 0)
			break;
		envelope_digest_add(&d, (struct span){ chunk, (size_t)n });
		at += (uint64_t)n;
	}
	envelope_digest_end(&d, digest);
	if (at != end || memcmp(digest, e->digest, sizeof(digest)) != 0)
		return fault_set(f, PERM, "5.3.0", 0,
		    "corrupt: the content's digest differs from the "
		    "envelope's");
	return OK;
}

void
store_close_content(struct store_content *c)
{
	fds_close(&c->fd);
}
