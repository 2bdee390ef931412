/* SPDX-License-Identifier: ISC */
/*
 * store.c: the queue on disk: what its file system promises, names,
 * directories, locks. store_step.c changes, store_read.c lists and reads.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "trouble.h"

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

bool
store_is_same_place(struct store_place a, struct store_place b)
{
	return a.state == b.state &&
	    (!store_has_minutes(a.state) ||
	        a.minute_ms / 60000 == b.minute_ms / 60000);
}

void
store_dir_name(struct store_place place, char out[STORE_DIR_MAX])
{
	char minute[CLOCK_TEXT_MAX];

	if (!store_has_minutes(place.state)) {
		(void)span_copy(
		    span_of(store_state_word(place.state)), out, STORE_DIR_MAX);
		return;
	}
	clock_minute(place.minute_ms, minute);
	(void)snprintf(out, STORE_DIR_MAX, "%s/%.20s",
	    store_state_word(place.state), minute);
}

void
store_envelope_name(
    struct store_place place, const struct qid *qid, char out[STORE_NAME_MAX])
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	(void)snprintf(out, STORE_NAME_MAX, "%s/%s", dir, qid->text);
}

void
store_shard_name(const struct qid *qid, char out[STORE_DIR_MAX])
{
	(void)snprintf(
	    out, STORE_DIR_MAX, "message/%.*s", QID_SHARD_LEN, qid->text);
}

void
store_content_name(const struct qid *qid, char out[STORE_NAME_MAX])
{
	(void)snprintf(out, STORE_NAME_MAX, "message/%.*s/%s", QID_SHARD_LEN,
	    qid->text, qid->text);
}

/* ---- Open. ---- */

static enum outcome
make_directories(struct store *s, struct fault *f)
{
	for (int i = 0; i <= STORE_STATES; i++) {
		const char *name = i < STORE_STATES
		    ? store_state_word((enum store_state)i)
		    : "message";

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

static void
forget_dir(struct store_dir *d)
{
	if (d->name[0] != '\0')
		(void)close(d->fd);
	d->name[0] = '\0';
}

void
store_close(struct store *s)
{
	for (size_t i = 0; i < STORE_DIRS; i++)
		forget_dir(&s->dir[i]);
	fds_close(&s->run_lock_fd);
	fds_close(&s->lock_fd);
	fds_close(&s->fd);
}

/* ---- Locks. ---- */

static enum outcome
take_lock(const struct store *s, const char *name, int how, uint64_t wait_ms,
    int *out, struct fault *f)
{
	int fd = openat(
	    s->fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return store_failed(f, "open", name);
	if (!fds_lock(fd, how, wait_ms)) {
		(void)store_failed(f, "another program has the lock", name);
		(void)close(fd);
		return TEMP;
	}
	*out = fd;
	return OK;
}

enum outcome
store_lock(
    struct store *s, enum store_lock lock, uint64_t wait_ms, struct fault *f)
{
	int how = lock == STORE_SHARED ? LOCK_SH : LOCK_EX;

	if (s->lock_fd == -1)
		return take_lock(s, LOCK_NAME, how, wait_ms, &s->lock_fd, f);
	return fds_lock(s->lock_fd, how, wait_ms)
	    ? OK
	    : store_failed(f, "lock", LOCK_NAME);
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
	if (s->run_lock_fd == -1)
		return;
	/* It is a hint for the next start: a failure costs that hint only. */
	(void)!pwrite(
	    s->run_lock_fd, qid == NULL ? NO_QID : qid->text, QID_LEN, 0);
}

void
store_run_ends(struct store *s)
{
	if (s->run_lock_fd != -1)
		(void)!ftruncate(s->run_lock_fd, 0);
}

bool
store_run_was_cut(const struct store *s)
{
	char first;

	return s->run_lock_fd != -1 && pread(s->run_lock_fd, &first, 1, 0) == 1;
}

bool
store_run_took(const struct store *s, struct qid *qid)
{
	char text[QID_LEN];

	return s->run_lock_fd != -1 &&
	    pread(s->run_lock_fd, text, QID_LEN, 0) == QID_LEN &&
	    qid_parse((struct span){ text, QID_LEN }, qid);
}

/* ---- Directories kept open. ---- */

static struct store_dir *
find_dir(struct store *s, const char *name)
{
	for (size_t i = 0; i < STORE_DIRS; i++)
		if (strcmp(s->dir[i].name, name) == 0)
			return &s->dir[i];
	return NULL;
}

static struct store_dir *
oldest_dir(struct store *s)
{
	struct store_dir *oldest = &s->dir[0];

	for (size_t i = 0; i < STORE_DIRS; i++) {
		if (s->dir[i].name[0] == '\0')
			return &s->dir[i];
		if (s->dir[i].used < oldest->used)
			oldest = &s->dir[i];
	}
	return oldest;
}

/*
 * Without a journal a parent's sync does not carry the inode of a directory in
 * it: after a cut the name could stand over what that inode was before.
 * Source: tests/crash, images.
 */
static enum outcome
sync_itself(struct store *s, const char *name, struct fault *f)
{
	int fd = openat(
	    s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum outcome got = OK;

	if (fd == -1)
		return store_failed(f, "open", name);
	if (fsync(fd) != 0)
		got = store_failed(f, "sync", name);
	(void)close(fd);
	return got;
}

/*
 * Make it if it is missing. Somebody else may have made it a moment ago and
 * died before he synced it, so its parent is synced whoever made it, once for
 * each time that we open it.
 */
static enum outcome
make_dir(struct store *s, const char *name, struct fault *f)
{
	struct span above = span_of(name);
	char parent[STORE_DIR_MAX];
	bool made;
	int fd;

	made = mkdirat(s->fd, name, 0700) == 0;
	if (!made && errno != EEXIST)
		return store_failed(f, "make", name);
	(void)span_copy(
	    span_head(above, span_find(above, '/')), parent, sizeof(parent));
	if (store_dir(s, parent, false, &fd, f) != OK)
		return f->outcome;
	if (s->disk.names_in_order || sync_itself(s, name, f) == OK) {
		if (fsync(fd) == 0)
			return OK;
		(void)store_failed(f, "sync the parent of", name);
	}
	/* A second sync of this name would prove nothing: the next try shall
	   find none, and make it. */
	if (made)
		(void)unlinkat(s->fd, name, AT_REMOVEDIR);
	return f->outcome;
}

enum outcome
store_dir(
    struct store *s, const char *name, bool make, int *fd, struct fault *f)
{
	struct store_dir *d = find_dir(s, name);

	if (d == NULL) {
		int opened;

		/* Those without a parent here were made at the start. */
		if (make && strchr(name, '/') != NULL &&
		    make_dir(s, name, f) != OK)
			return f->outcome;
		opened = openat(s->fd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (opened == -1)
			return store_failed(f, "open", name);
		d = oldest_dir(s);
		forget_dir(d);
		(void)span_copy(span_of(name), d->name, sizeof(d->name));
		d->fd = opened;
	}
	d->used = ++s->uses;
	*fd = d->fd;
	return OK;
}

void
store_drop_dir(struct store *s, const char *name)
{
	struct store_dir *d = find_dir(s, name);

	if (d != NULL)
		forget_dir(d);
}

void
store_remove_dir(struct store *s, const char *name)
{
	if (unlinkat(s->fd, name, AT_REMOVEDIR) == 0)
		store_drop_dir(s, name);
}

/* ---- Trouble. ---- */

void
store_trouble_set(struct store *s, const char *program, const char *text)
{
	if (!trouble_set(s->fd, program, text))
		s->owes_trouble = true;
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

enum outcome
store_free_octets(const struct store *s, uint64_t *octets, struct fault *f)
{
	struct statvfs vfs;

	if (fstatvfs(s->fd, &vfs) != 0)
		return store_failed(f, "look at", "its free space");
	if (__builtin_mul_overflow(
	        (uint64_t)vfs.f_bavail, (uint64_t)vfs.f_frsize, octets))
		*octets = UINT64_MAX;
	return OK;
}
