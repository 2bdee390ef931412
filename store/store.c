/* SPDX-License-Identifier: ISC */
/*
 * store.c: the queue on disk: names, directories, locks. store_step.c changes,
 * store_read.c lists and reads.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "trouble.h"

/* Of a qid's time, after the characters that name its shard. */
#define SHARD_BITS    20
#define LOCK_NAME     "lock"
#define RUN_LOCK_NAME "run.lock"
#define TROUBLE_NAME  "trouble"
#define NO_QID        "--------------------------" /* QID_LEN of them */

enum outcome
store_failed(struct fault *f, const char *what, const char *name)
{
	int error = errno;
	bool full = error == ENOSPC || error == EDQUOT;

	return fault_set(f, TEMP, full ? FAULT_NO_SPACE : "4.3.0", error,
	    "queue: %s %s", what, name);
}

/* ---- Names. ---- */

struct store_place
store_content_place(const struct qid *qid)
{
	return (struct store_place){ STORE_CONTENT, qid_time_ms(qid) };
}

void
store_dir_name(struct store_place place, char out[STORE_DIR_MAX])
{
	const char *word = store_state_word(place.state);
	char minute[CLOCK_TEXT_MAX];
	struct qid first;

	switch (store_parts(place.state)) {
	case STORE_MINUTES:
		clock_minute(place.part_ms, minute);
		(void)snprintf(out, STORE_DIR_MAX, "%s/%.20s", word, minute);
		break;
	case STORE_SHARDS:
		qid_first(place.part_ms, &first);
		(void)snprintf(out, STORE_DIR_MAX, "%s/%.*s", word,
		    QID_SHARD_LEN, first.text);
		break;
	case STORE_UNDIVIDED:
		(void)snprintf(out, STORE_DIR_MAX, "%s", word);
	}
}

/* The number of its minute or shard. */
static uint64_t
part_of(struct store_place place)
{
	switch (store_parts(place.state)) {
	case STORE_MINUTES:
		return place.part_ms / 60000;
	case STORE_SHARDS:
		return place.part_ms >> SHARD_BITS;
	default:
		return 0;
	}
}

bool
store_is_same_place(struct store_place a, struct store_place b)
{
	return a.state == b.state && part_of(a) == part_of(b);
}

void
store_name(
    struct store_place place, const struct qid *qid, char out[STORE_NAME_MAX])
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	(void)snprintf(out, STORE_NAME_MAX, "%s/%s%s", dir, qid->text,
	    place.state == STORE_ASIDE_CONTENT ? ".content" : "");
}

bool
store_has(
    const struct store *s, const struct qid *qid, struct store_place place)
{
	char name[STORE_NAME_MAX];

	store_name(place, qid, name);
	return faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- Open. ---- */

static enum outcome
make_directories(struct store *s, struct fault *f)
{
	for (int i = 0; i < STORE_DIRECTORIES; i++) {
		const char *name = store_state_word((enum store_state)i);

		if (mkdirat(s->fd, name, 0700) != 0 && errno != EEXIST)
			return store_failed(f, "make", name);
	}
	/* Who made them may have died before he synced them. */
	if (fsync(s->fd) != 0)
		return store_failed(f, "sync", "the queue directory");
	return OK;
}

enum outcome
store_open(struct store *s, const char *directory, struct fault *f)
{
	memset(s, 0, sizeof(*s));
	s->lock_fd = s->run_lock_fd = -1;
	s->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP,
		    errno == ENOENT ? "5.3.5" : "4.3.0", errno,
		    "queue directory %s", directory);
	disk_look(s->fd, &s->disk);
	if (make_directories(s, f) != OK) {
		store_close(s);
		return f->outcome;
	}
	return OK;
}

void
store_close(struct store *s)
{
	fds_close(&s->run_lock_fd);
	fds_close(&s->lock_fd);
	fds_close(&s->fd);
}

/* ---- Locks. ---- */

/* The descriptor is open while the lock is held, and no longer. */
static enum outcome
take_lock(const struct store *s, const char *name, int how, uint64_t wait_ms,
    int *fd, struct fault *f)
{
	if (*fd == -1)
		*fd = openat(s->fd, name,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1)
		return store_failed(f, "open", name);
	if (fds_lock(*fd, how, wait_ms))
		return OK;
	(void)store_failed(f, "another program has the lock", name);
	fds_close(fd);
	return TEMP;
}

enum outcome
store_lock(
    struct store *s, enum store_lock lock, uint64_t wait_ms, struct fault *f)
{
	return take_lock(s, LOCK_NAME, lock == STORE_SHARED ? LOCK_SH : LOCK_EX,
	    wait_ms, &s->lock_fd, f);
}

enum outcome
store_lock_run(struct store *s, uint64_t wait_ms, struct fault *f)
{
	if (s->lock_fd == -1 && store_lock(s, STORE_SHARED, wait_ms, f) != OK)
		return f->outcome;
	if (s->run_lock_fd != -1)
		return OK;
	return take_lock(
	    s, RUN_LOCK_NAME, LOCK_EX, wait_ms, &s->run_lock_fd, f);
}

void
store_run_takes(struct store *s, const struct qid *qid)
{
	/* It is a hint for the next start: a failure costs that hint only. */
	(void)!pwrite(
	    s->run_lock_fd, qid == NULL ? NO_QID : qid->text, QID_LEN, 0);
}

void
store_run_ends(struct store *s)
{
	(void)!ftruncate(s->run_lock_fd, 0);
}

bool
store_run_was_cut(const struct store *s)
{
	char first;

	return pread(s->run_lock_fd, &first, 1, 0) == 1;
}

bool
store_run_took(const struct store *s, struct qid *qid)
{
	char text[QID_LEN];

	return pread(s->run_lock_fd, text, QID_LEN, 0) == QID_LEN &&
	    qid_parse((struct span){ text, QID_LEN }, qid);
}

/* ---- Trouble. ---- */

void
store_trouble_set(struct store *s, const char *program, const char *text)
{
	if (!trouble_set(s->fd, program, text))
		s->owes_trouble = true;
}

void
store_io_error(struct store *s, struct journal *j, const struct qid *qid,
    const struct fault *f)
{
	store_trouble_set(s, j->program, f->text);
	journal_alarm(j, qid, "%s", f->text);
}

bool
store_is_io_error(const struct fault *f)
{
	return f->error == EIO || f->error == EROFS;
}

bool
store_is_trouble(struct store *s)
{
	if (s->owes_trouble) {
		s->owes_trouble = !trouble_set(s->fd, "queue",
		    "a write failed, and then this file could not be made");
		return true;
	}
	return trouble_stands(s->fd);
}

enum outcome
store_trouble_clear(struct store *s, struct fault *f)
{
	if (unlinkat(s->fd, TROUBLE_NAME, 0) != 0 && errno != ENOENT)
		return store_failed(f, "unlink", TROUBLE_NAME);
	return OK;
}
