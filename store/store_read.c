/* SPDX-License-Identifier: ISC */
/* store_read.c: listing the queue in windows, reading envelopes and content. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "store.h"

#define CHUNK 32768 /* octets read at once */

/* ---- Listing. ---- */

static DIR *
open_dir(struct store *s, const char *name)
{
	int fd = openat(
	    s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL && fd != -1)
		(void)close(fd);
	return d;
}

static bool
is_of_kind(struct span name, enum store_kind kind)
{
	struct qid qid;
	uint64_t ms;
	char whole[QID_LEN + 1] = "00000000000000000000000000";

	switch (kind) {
	case STORE_QIDS:
		return qid_parse(name, &qid);
	case STORE_MINUTES:
		return clock_parse_minute(name, &ms);
	case STORE_SHARDS:
		if (name.len != QID_SHARD_LEN)
			return false;
		memcpy(whole, name.p, QID_SHARD_LEN);
		return qid_parse(span_of(whole), &qid);
	}
	return false;
}

/*
 * Minutes and shards are directories: a file or a link of such a name is a
 * stranger, and what waits elsewhere shall not wait for a person to remove it.
 */
static bool
is_entry_of_kind(DIR *d, const struct dirent *entry, enum store_kind kind)
{
	struct stat st;

	if (!is_of_kind(span_of(entry->d_name), kind))
		return false;
	if (kind == STORE_QIDS || entry->d_type == DT_DIR)
		return true;
	return entry->d_type == DT_UNKNOWN &&
	    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* A heap whose root is the greatest, so that it is the first to leave. */
static void
sift_down(struct store_listed *heap, size_t n, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct store_listed tmp;

		if (child >= n)
			return;
		if (child + 1 < n &&
		    strcmp(heap[child].text, heap[child + 1].text) < 0)
			child++;
		if (strcmp(heap[at].text, heap[child].text) >= 0)
			return;
		tmp = heap[at];
		heap[at] = heap[child];
		heap[child] = tmp;
		at = child;
	}
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct store_listed *)a)->text,
	    ((const struct store_listed *)b)->text);
}

struct window {
	struct store_listed *out;
	size_t most, got;
	bool more;
};

static void
window_add(struct window *w, struct span name)
{
	struct store_listed *to;

	if (w->got < w->most) {
		to = &w->out[w->got++];
		(void)span_copy(name, to->text, sizeof(to->text));
		if (w->got == w->most) /* from here on it is a heap */
			for (size_t i = w->most / 2 + 1; i-- > 0;)
				sift_down(w->out, w->most, i);
		return;
	}
	w->more = true;
	to = &w->out[0];
	if (w->most == 0 || strcmp(name.p, to->text) >= 0)
		return;
	(void)span_copy(name, to->text, sizeof(to->text));
	sift_down(w->out, w->most, 0);
}

enum outcome
store_list(struct store *s, const char *dir, enum store_kind kind,
    const char *after, size_t most, struct store_listed *out, size_t *got,
    bool *more, struct fault *f)
{
	struct window w = { out, most, 0, false };
	char last[QID_LEN + 1]; /* `after` may lie in out */
	bool got_all;
	DIR *d = open_dir(s, dir);
	const struct dirent *entry;

	if (d == NULL)
		return store_failed(f, "open", dir);
	(void)span_copy(span_of(after), last, sizeof(last));
	errno = 0;
	while ((entry = readdir(d)) != NULL) {
		struct span name = span_of(entry->d_name);

		if (is_entry_of_kind(d, entry, kind) &&
		    strcmp(name.p, last) > 0)
			window_add(&w, name);
		errno = 0;
	}
	got_all = errno == 0;
	if (!got_all)
		(void)store_failed(f, "read directory", dir);
	(void)closedir(d);
	if (!got_all)
		return f->outcome;
	qsort(w.out, w.got, sizeof(*w.out), by_text);
	*got = w.got;
	*more = w.more;
	return OK;
}

enum outcome
store_next(struct store *s, const char *dir, enum store_kind kind,
    char after[QID_LEN + 1], struct fault *f)
{
	struct store_listed next = { "" };
	size_t got;
	bool more;

	if (store_list(s, dir, kind, after, 1, &next, &got, &more, f) != OK)
		return f->outcome;
	memcpy(after, next.text, sizeof(next.text));
	return OK;
}

enum outcome
store_each_place(struct store *s, enum store_state state,
    enum outcome (*each)(void *arg, struct store_place, struct fault *),
    void *arg, struct fault *f)
{
	struct store_place place = { state, 0 };
	char minute[QID_LEN + 1] = "";

	if (!store_has_minutes(state))
		return each(arg, place, f);
	for (;;) {
		if (store_next(s, store_state_word(state), STORE_MINUTES,
		        minute, f) != OK)
			return f->outcome;
		if (minute[0] == '\0')
			return OK;
		if (clock_parse_minute(span_of(minute), &place.minute_ms) &&
		    each(arg, place, f) != OK)
			return f->outcome;
	}
}

enum outcome
store_each(struct store *s, const char *dir,
    bool (*each)(void *arg, const char *name), void *arg, struct fault *f)
{
	DIR *d = open_dir(s, dir);
	const struct dirent *entry;
	enum outcome got = OK;

	if (d == NULL)
		return store_failed(f, "open", dir);
	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (entry == NULL) {
			if (errno != 0)
				got = store_failed(f, "read directory", dir);
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (!each(arg, entry->d_name))
			break;
	}
	(void)closedir(d);
	return got;
}

struct counting {
	struct store *store;
	const char *state;
	bool minutes;
	uint64_t n;
	struct qid *oldest;
	struct fault *f;
	enum outcome outcome;
};

static bool
count_one(void *arg, const char *name)
{
	struct counting *c = arg;
	char dir[STORE_DIR_MAX];

	if (!c->minutes) {
		struct qid qid;

		if (qid_parse(span_of(name), &qid) &&
		    (c->n++ == 0 || strcmp(qid.text, c->oldest->text) < 0))
			*c->oldest = qid;
		return true;
	}
	if (!is_of_kind(span_of(name), STORE_MINUTES))
		return true;
	(void)snprintf(dir, sizeof(dir), "%s/%.20s", c->state, name);
	c->minutes = false;
	c->outcome = store_each(c->store, dir, count_one, c, c->f);
	c->minutes = true;
	/* Its minute came, and it went; or it never was a directory. */
	if (c->outcome != OK &&
	    (c->f->error == ENOENT || c->f->error == ENOTDIR))
		c->outcome = OK;
	return c->outcome == OK;
}

enum outcome
store_count(struct store *s, enum store_state state, uint64_t *n,
    struct qid *oldest, struct fault *f)
{
	struct counting c = { s, store_state_word(state),
		store_has_minutes(state), 0, oldest, f, OK };

	if (store_each(s, c.state, count_one, &c, f) != OK)
		return f->outcome;
	*n = c.n;
	return c.outcome;
}

/*
 * A file to read. What is none (a pipe, say) is not waited for.
 *
 * PERM	5.3.0 it is no file. TEMP: ENOENT not there, or it cannot be opened
 */
static enum outcome
open_file(int dir, const char *name, int *out, struct stat *st, struct fault *f)
{
	int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	/* A symbolic link, a socket: looked at before it is said. */
	if (fd == -1 &&
	    ((errno != ELOOP && errno != ENXIO) ||
	        fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) != 0 ||
	        S_ISREG(st->st_mode)))
		return store_failed(f, "open", name);
	if (fd != -1 && fstat(fd, st) != 0) {
		(void)store_failed(f, "stat", name);
		(void)close(fd);
		return f->outcome;
	}
	if (fd == -1 || !S_ISREG(st->st_mode)) {
		if (fd != -1)
			(void)close(fd);
		return fault_set(
		    f, PERM, "5.3.0", 0, "queue: %s is no file", name);
	}
	*out = fd;
	return OK;
}

/* ---- Envelopes. ---- */

/* Enough for one file's first line; an envelope file is read to its end. */
static enum outcome
read_envelope_octets(int fd, struct buf *b, struct fault *f)
{
	for (;;) {
		ssize_t n;

		if (!buf_reserve(b, CHUNK / 4))
			return fault_set(f,
			    b->len + CHUNK > b->max ? PERM : TEMP, "5.3.0", 0,
			    "envelope: too large");
		n = read(fd, b->p + b->len, CHUNK / 4);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed(f, "read", "an envelope");
		b->len += (size_t)n;
		if (n == 0 ||
		    (b->len >= ENVELOPE_ONE_LINE &&
		        span_has_prefix(buf_span(b), ENVELOPE_ONE_PREFIX)))
			return OK;
	}
}

enum outcome
store_read_envelope(struct store *s, const struct qid *qid,
    struct store_place place, bool fresh, struct envelope *e, struct fault *f)
{
	struct buf b = BUF_INIT(STORE_ENVELOPE_MAX);
	char dir[STORE_DIR_MAX];
	enum outcome got;
	struct stat st;
	int at, fd;

	envelope_reset(e);
	store_dir_name(place, dir);
	if (store_dir(s, dir, false, &at, f) != OK ||
	    open_file(at, qid->text, &fd, &st, f) != OK)
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

bool
store_has_content(const struct store *s, const struct qid *qid)
{
	char name[STORE_NAME_MAX];

	store_content_name(qid, name);
	return faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct finding {
	struct store *store;
	const struct qid *qid;
	struct store_place place;
	bool found;
	struct fault *f;
	enum outcome outcome;
};

/* false: nothing more is to be looked for in this state. */
static bool
is_not_at(struct finding *g)
{
	char name[STORE_NAME_MAX];

	store_envelope_name(g->place, g->qid, name);
	g->found =
	    faccessat(g->store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!g->found && errno != ENOENT)
		g->outcome = store_failed(g->f, "look for", name);
	return !g->found && g->outcome == OK;
}

static bool
is_not_in_minute(void *arg, const char *name)
{
	struct finding *g = arg;

	return !clock_parse_minute(span_of(name), &g->place.minute_ms) ||
	    is_not_at(g);
}

static enum outcome
find_in_state(struct finding *g, enum store_state state)
{
	g->place = (struct store_place){ state, 0 };
	if (!store_has_minutes(state))
		(void)is_not_at(g);
	else if (store_each(g->store, store_state_word(state), is_not_in_minute,
	             g, g->f) != OK)
		return g->f->outcome;
	return g->outcome;
}

/*
 * What leaves hold goes to in, what leaves in goes to a retry: looked for in
 * that order nothing slips through while it moves. What lies in in/ may be the
 * one file whose envelope file lies elsewhere by now, and that governs.
 */
enum outcome
store_find_envelope(struct store *s, const struct qid *qid,
    struct store_place *place, struct fault *f)
{
	static const enum store_state order[] = { STORE_HOLD, STORE_QUARANTINE,
		STORE_IN, STORE_OUT, STORE_BUSY, STORE_RETRY1, STORE_RETRY2 };
	struct finding g = { s, qid, STORE_PLACE_IN, false, f, OK };
	bool in = false;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (find_in_state(&g, order[i]) != OK)
			return f->outcome;
		if (g.found && order[i] == STORE_IN) {
			in = true;
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
store_open_content_at(
    const struct store *s, struct store_content *c, struct fault *f)
{
	struct stat st;

	if (open_file(s->fd, c->name, &c->fd, &st, f) != OK)
		return f->outcome;
	c->links = st.st_nlink;
	c->device = st.st_dev;
	c->file_size = (uint64_t)st.st_size;
	return OK;
}

/* in/<qid> may be the envelope file itself, which is no content. */
static enum outcome
check_one_file(const struct store_content *c, const char *qid, struct fault *f)
{
	char head[sizeof(ENVELOPE_ONE_PREFIX) - 1];
	ssize_t n = pread(c->fd, head, sizeof(head), 0);

	if (n < 0)
		return store_failed(f, "read", c->name);
	if (n == sizeof(head) &&
	    memcmp(head, ENVELOPE_ONE_PREFIX, sizeof(head)) == 0)
		return OK;
	errno = ENOENT;
	return store_failed(f, "find the content of", qid);
}

enum outcome
store_open_content(struct store *s, const struct envelope *e,
    struct store_content *c, struct fault *f)
{
	*c = STORE_CONTENT_NONE;
	c->offset = e->start;
	if (e->shape == ENVELOPE_APART) {
		store_content_name(&e->qid, c->name);
		if (store_open_content_at(s, c, f) == OK)
			return OK;
		if (f->error != ENOENT)
			return f->outcome;
	}
	store_envelope_name(
	    (struct store_place){ STORE_IN, 0 }, &e->qid, c->name);
	if (store_open_content_at(s, c, f) != OK)
		return f->outcome;
	if (check_one_file(c, e->qid.text, f) != OK) {
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
	uint64_t at = c->offset;

	if (c->file_size < c->offset || c->file_size - c->offset != e->size)
		return fault_set(
		    f, PERM, "5.3.0", 0, "content: not of the size accepted");
	if (fresh)
		(void)posix_fadvise(c->fd, 0, 0, POSIX_FADV_DONTNEED);
	envelope_digest_begin(&d);
	while (at < c->file_size) {
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
	if (at != c->file_size ||
	    memcmp(digest, e->digest, sizeof(digest)) != 0)
		return fault_set(
		    f, PERM, "5.3.0", 0, "content: not what was accepted");
	return OK;
}

void
store_close_content(struct store_content *c)
{
	fds_close(&c->fd);
}
