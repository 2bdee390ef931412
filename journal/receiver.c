/* SPDX-License-Identifier: ISC */
/* receiver.c: append, sync in the background, rotate by size. */
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "prog.h"
#include "record.h"

#define LOCK_WAIT_MS 30000 /* for one that drains; queue-run's figure */

/* ---- Attaching. ---- */

/*
 * A line without its end was being written when the machine stopped: nobody
 * was told of it, and a new entry must not be glued to it. Some file systems
 * leave a long run of zeros there.
 */
static enum outcome
cut_torn_line(struct receiver *r, struct fault *f)
{
	char part[RECORD_MAX];
	uint64_t keep = r->size;
	size_t whole = 0;

	while (keep > 0 && whole == 0) {
		size_t len = keep > sizeof(part) ? sizeof(part) : (size_t)keep;
		ssize_t n = pread(r->fd, part, len, (off_t)(keep - len));

		if (n != (ssize_t)len)
			return fault_set(f, TEMP, "4.3.0", n < 0 ? errno : EIO,
			    "read receiver");
		whole = span_whole_lines((struct span){ part, len }).len;
		keep = keep - len + whole;
	}
	if (keep != r->size && ftruncate(r->fd, (off_t)keep) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "cut receiver");
	r->size = keep;
	return OK;
}

/* Attach a receiver by its number; the thread closes the one before. */
static enum outcome
attach(struct receiver *r, uint64_t number, struct fault *f)
{
	char name[RECEIVER_NAME_MAX];
	struct stat st;
	int fd;

	receiver_name(number, name);
	fd = openat(r->dir, name,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || fstat(fd, &st) != 0) {
		fault_set(f, TEMP, "4.3.0", errno, "open receiver %s", name);
		fds_close(&fd);
		return TEMP;
	}
	(void)pthread_mutex_lock(&r->lock);
	r->old = r->fd;
	r->fd = fd;
	(void)pthread_mutex_unlock(&r->lock);
	r->number = number;
	r->inode = st.st_ino;
	r->size = (uint64_t)st.st_size;
	return OK;
}

enum outcome
receiver_open(struct receiver *r, const struct settings *set, struct fault *f)
{
	uint64_t *numbers;
	size_t count;
	enum outcome got;

	*r = (struct receiver){ .set = set,
		.fd = -1,
		.old = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.wake = PTHREAD_COND_INITIALIZER,
		.own = { .program = "journal-write",
		    .pending = BUF_INIT(JOURNAL_PENDING_MAX) } };
	r->dir = open(RECEIVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir == -1)
		return fault_set(f, TEMP, "4.3.0", errno,
		    "open directory " RECEIVER_DIRECTORY);
	if (!fds_lock(r->dir, LOCK_EX, LOCK_WAIT_MS))
		return fault_set(f, TEMP, "4.3.0", errno,
		    "another journal-write has " RECEIVER_DIRECTORY);
	if (receivers_list(r->dir, &numbers, &count, f) != OK)
		return f->outcome;
	got = attach(r, count == 0 ? 1 : numbers[count - 1], f);
	free(numbers);
	if (got == OK && fsync(r->dir) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "sync journal");
	return got == OK ? cut_torn_line(r, f) : got;
}

/* ---- Alerts. ---- */

/* On descriptor 2 at once; in the journal when it can be written. */
static void
note(struct receiver *r, bool *known, const struct fault *f)
{
	bool is_new = f->outcome != OK && !*known;

	*known = f->outcome != OK;
	if (!is_new)
		return;
	prog_warn("%s", f->text);
	(void)pthread_mutex_lock(&r->lock);
	(void)span_copy(span_of(f->text), r->alarm, sizeof(r->alarm));
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- The thread. ---- */

static bool
is_young(const struct receiver *r, const char *name)
{
	uint64_t now_s = clock_wall_ms() / 1000;
	struct stat st;

	return fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (uint64_t)st.st_mtime + r->set->journal.keep_time_ms / 1000 > now_s;
}

static bool
has_room(const struct receiver *r)
{
	struct statvfs vfs;

	return fstatvfs(r->dir, &vfs) != 0 || vfs.f_bavail >= vfs.f_blocks / 10;
}

/* false: it stays, for it is young and there is room. */
static bool
remove_one(struct receiver *r, uint64_t number, struct fault *early)
{
	char name[RECEIVER_NAME_MAX];
	bool is_early;

	receiver_name(number, name);
	is_early = is_young(r, name);
	if (is_early && has_room(r))
		return false;
	if (unlinkat(r->dir, name, 0) == 0 && is_early)
		fault_set(early, TEMP, "4.3.0", 0,
		    "receiver %s was removed before journal.keep_time: the "
		    "disk is nearly full",
		    name);
	return true;
}

/* Receivers beyond `keep`, oldest first. */
static void
remove_spent(struct receiver *r)
{
	struct fault crowded = FAULT_NONE, early = FAULT_NONE;
	uint64_t keep = r->set->journal.keep, *numbers;
	size_t count, i = 0;

	if (receivers_list(r->dir, &numbers, &count, &crowded) == OK) {
		while (i + keep < count && remove_one(r, numbers[i], &early))
			i++;
		if (i + keep < count)
			fault_set(&crowded, TEMP, "4.3.0", 0,
			    "%zu receivers, more than journal.keep, are "
			    "younger than journal.keep_time",
			    count - i);
	}
	free(numbers);
	note(r, &r->is_crowded, &crowded);
	note(r, &r->is_early, &early);
}

/* The successor's name is synced with the last entries before it. */
static void
sync_receivers(struct receiver *r)
{
	struct fault f = FAULT_NONE;
	int fd, old;

	(void)pthread_mutex_lock(&r->lock);
	fd = r->fd; /* stays open: only this closes it, one turn later */
	old = r->old;
	r->old = -1;
	(void)pthread_mutex_unlock(&r->lock);
	if ((old != -1 && (fdatasync(old) != 0 || fsync(r->dir) != 0)) ||
	    fdatasync(fd) != 0)
		fault_set(&f, TEMP, "4.3.0", errno,
		    "sync of the journal failed: its last entries may be lost");
	note(r, &r->is_unsynced, &f);
	if (old != -1) {
		(void)close(old);
		remove_spent(r);
	}
}

/* Wait for something to sync, then for sync_ms: entries come in bursts. */
static bool
wait_for_work(struct receiver *r)
{
	struct timespec until;
	uint64_t until_ms;
	bool ending;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->dirty && !r->ending)
		(void)pthread_cond_wait(&r->wake, &r->lock);
	until_ms = clock_mono_ms() + r->set->journal.sync_ms;
	until = (struct timespec){ .tv_sec = (time_t)(until_ms / 1000),
		.tv_nsec = (long)(until_ms % 1000) * 1000000 };
	while (!r->ending &&
	    pthread_cond_clockwait(
	        &r->wake, &r->lock, CLOCK_MONOTONIC, &until) == 0)
		continue;
	r->dirty = false;
	ending = r->ending;
	(void)pthread_mutex_unlock(&r->lock);
	return !ending;
}

static void *
sync_loop(void *arg)
{
	while (wait_for_work(arg))
		sync_receivers(arg);
	return NULL;
}

enum outcome
receiver_start(struct receiver *r, struct fault *f)
{
	int error = pthread_create(&r->syncer, NULL, sync_loop, r);

	return error == 0 ? OK
	                  : fault_set(f, TEMP, "4.3.0", error, "start syncing");
}

/* ---- Appending. ---- */

/* Removed, or moved elsewhere: what is appended to it nobody would find. */
static bool
is_taken_away(const struct receiver *r)
{
	char name[RECEIVER_NAME_MAX];
	struct stat st;

	receiver_name(r->number, name);
	return fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0
	    ? errno == ENOENT
	    : st.st_ino != r->inode;
}

static bool
is_rotation_due(struct receiver *r)
{
	struct fault gone = FAULT_NONE;
	char name[RECEIVER_NAME_MAX];
	bool is_behind;

	(void)pthread_mutex_lock(&r->lock);
	is_behind = r->old != -1;
	(void)pthread_mutex_unlock(&r->lock);
	if (is_behind) /* the disk has not yet taken the last one */
		return false;
	if (is_taken_away(r))
		fault_set(&gone, TEMP, "4.3.0", 0,
		    "receiver %06llu was taken away, and what it had with it",
		    (unsigned long long)r->number);
	note(r, &r->is_gone, &gone);
	receiver_name(r->number + 1, name);
	return r->is_gone || r->size >= r->set->journal.rotate_size ||
	    faccessat(r->dir, name, F_OK, 0) == 0;
}

/*
 * As many whole lines as the disk takes: half a line would be glued to the
 * next. *taken says how many octets that were.
 */
static enum outcome
append_lines(
    struct receiver *r, struct span lines, size_t *taken, struct fault *f)
{
	size_t done = 0;
	int error = 0;

	while (done < lines.len && error == 0) {
		ssize_t n = write(r->fd, lines.p + done, lines.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			error = n == 0 ? ENOSPC : errno;
	}
	*taken = span_whole_lines(span_head(lines, done)).len;
	r->size += *taken;
	if (error == 0)
		return OK;
	(void)!ftruncate(r->fd, (off_t)r->size);
	return fault_set(
	    f, TEMP, "4.3.1", error, "the journal cannot be written");
}

/* What this program has to say itself. */
static bool
append_own(struct receiver *r)
{
	struct fault f;
	size_t taken;
	bool done =
	    append_lines(r, buf_span(&r->own.pending), &taken, &f) == OK;

	buf_reset(&r->own.pending);
	return done;
}

/* What was lost, and why, is said before what comes next. */
static void
tell_alarm(struct receiver *r)
{
	char text[FAULT_TEXT_MAX];
	struct record_out out;

	if (r->lost > 0) {
		out = journal_begin(&r->own, CODE_LOST, NULL);
		record_put_num(out, "n", r->lost);
		journal_end(&r->own, out);
		if (!append_own(r))
			return;
		r->lost = 0;
	}
	(void)pthread_mutex_lock(&r->lock);
	memcpy(text, r->alarm, sizeof(text));
	r->alarm[0] = '\0';
	(void)pthread_mutex_unlock(&r->lock);
	if (text[0] != '\0') {
		journal_alarm(&r->own, NULL, "%s", text);
		r->lost += !append_own(r);
	}
}

void
receiver_append(struct receiver *r, struct span lines)
{
	struct fault stuck = FAULT_NONE, full = FAULT_NONE;
	size_t taken;

	if (is_rotation_due(r)) { /* or it goes on in the old one */
		(void)attach(r, r->number + 1, &stuck);
		note(r, &r->is_stuck, &stuck);
	}
	tell_alarm(r);
	(void)append_lines(r, lines, &taken, &full);
	r->lost += span_count_lines(span_from(lines, taken));
	note(r, &r->is_full, &full);
	(void)pthread_mutex_lock(&r->lock);
	if (!r->dirty) {
		r->dirty = true;
		(void)pthread_cond_signal(&r->wake);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

void
receiver_close(struct receiver *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->ending = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->syncer, NULL);
	sync_receivers(r);
	(void)close(r->fd);
	(void)close(r->dir);
	buf_free(&r->own.pending);
}
