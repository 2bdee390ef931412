/* SPDX-License-Identifier: ISC */
/* receiver.c: append, sync in the background, rotate by size. */
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "record.h"

#define TAIL_MAX (2 * RECORD_MAX) /* where a torn last line must begin */

/*
 * A line without its end was being written when the machine stopped: nobody
 * was told of it, and a new entry must not be glued to it.
 */
static enum outcome
cut_torn_line(struct receiver *r, struct fault *f)
{
	char tail[TAIL_MAX];
	uint64_t from = r->size > TAIL_MAX ? r->size - TAIL_MAX : 0;
	ssize_t n = pread(r->fd, tail, (size_t)(r->size - from), (off_t)from);
	uint64_t keep = from;

	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "read receiver");
	for (ssize_t i = n; i > 0; i--) {
		if (tail[i - 1] == '\n') {
			keep = from + (uint64_t)i;
			break;
		}
	}
	if (keep != r->size && ftruncate(r->fd, (off_t)keep) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "cut receiver");
	r->size = keep;
	return OK;
}

/* Attach a receiver by its number; flags say whether it must be new. */
static enum outcome
attach(struct receiver *r, uint64_t number, int flags, struct fault *f)
{
	char name[RECEIVER_NAME_MAX];
	struct stat st;
	int fd;

	receiver_name(number, name);
	fd = openat(r->dir, name,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "open receiver %s", name);
	if (fstat(fd, &st) != 0) {
		fault_set(f, TEMP, "4.3.0", errno, "stat receiver %s", name);
		(void)close(fd);
		return TEMP;
	}
	r->fd = fd;
	r->number = number;
	r->size = (uint64_t)st.st_size;
	if (fsync(r->dir) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "sync journal");
	return OK;
}

enum outcome
receiver_open(
    struct receiver *r, uint64_t rotate_size, uint64_t keep, struct fault *f)
{
	uint64_t *numbers;
	size_t count;
	enum outcome got;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->rotate_size = rotate_size;
	r->keep = keep;
	r->dir = open(RECEIVER_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir == -1)
		return fault_set(f, TEMP, "4.3.0", errno,
		    "open directory " RECEIVER_DIRECTORY);
	if (receivers_list(r->dir, &numbers, &count, f) != OK)
		return f->outcome;
	got = attach(r, count == 0 ? 1 : numbers[count - 1], 0, f);
	free(numbers);
	return got == OK ? cut_torn_line(r, f) : got;
}

/* Wait for something to sync, then for sync_ms: entries come in bursts. */
static void
wait_for_work(struct receiver *r)
{
	struct timespec until;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->dirty && !r->ending)
		(void)pthread_cond_wait(&r->wake, &r->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(r->sync_ms / 1000);
	until.tv_nsec += (long)(r->sync_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!r->ending &&
	    pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
		continue;
	r->dirty = false;
	(void)pthread_mutex_unlock(&r->lock);
}

static void *
sync_loop(void *arg)
{
	struct receiver *r = arg;

	for (;;) {
		int fd;

		wait_for_work(r);
		(void)pthread_mutex_lock(&r->lock);
		if (r->ending) {
			(void)pthread_mutex_unlock(&r->lock);
			return NULL;
		}
		fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3); /* it may be rotated */
		(void)pthread_mutex_unlock(&r->lock);
		if (fd == -1 || fdatasync(fd) != 0)
			atomic_store(&r->sync_error, errno);
		if (fd != -1)
			(void)close(fd);
	}
}

enum outcome
receiver_start(struct receiver *r, uint64_t sync_ms, struct fault *f)
{
	int error;

	r->sync_ms = sync_ms;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->wake, NULL);
	error = pthread_create(&r->syncer, NULL, sync_loop, r);
	if (error != 0)
		return fault_set(f, TEMP, "4.3.0", error, "start syncing");
	return OK;
}

/* Receivers beyond `keep`, oldest first. */
static void
remove_old(struct receiver *r)
{
	struct fault f = FAULT_NONE;
	uint64_t *numbers;
	size_t count;
	char name[RECEIVER_NAME_MAX];

	if (receivers_list(r->dir, &numbers, &count, &f) == OK) {
		for (size_t i = 0; i + r->keep < count; i++) {
			receiver_name(numbers[i], name);
			(void)unlinkat(r->dir, name, 0);
		}
	}
	free(numbers);
}

/* The next one is made by us, or was made by an operator already. */
static enum outcome
rotate(struct receiver *r, struct fault *f)
{
	int old = r->fd;
	uint64_t number = r->number, size = r->size;
	enum outcome got;

	(void)pthread_mutex_lock(&r->lock);
	got = attach(r, number + 1, 0, f);
	if (got != OK && r->fd != old)
		(void)close(r->fd);
	if (got != OK) {
		r->fd = old;
		r->number = number;
		r->size = size;
	}
	(void)pthread_mutex_unlock(&r->lock);
	if (got != OK)
		return got;
	if (fdatasync(old) != 0)
		atomic_store(&r->sync_error, errno);
	(void)close(old);
	remove_old(r);
	return OK;
}

static bool
is_rotation_due(const struct receiver *r)
{
	char name[RECEIVER_NAME_MAX];

	if (r->size >= r->rotate_size)
		return true;
	receiver_name(r->number + 1, name);
	return faccessat(r->dir, name, F_OK, 0) == 0;
}

/* How much of the first `len` octets is whole lines. */
static size_t
whole_lines(struct span lines, size_t len)
{
	while (len > 0 && lines.p[len - 1] != '\n')
		len--;
	return len;
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

	while (done < lines.len) {
		ssize_t n = write(r->fd, lines.p + done, lines.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			error = n < 0 ? errno : ENOSPC;
			break;
		}
		done += (size_t)n;
	}
	*taken = error == 0 ? done : whole_lines(lines, done);
	r->size += *taken;
	if (error == 0)
		return OK;
	(void)!ftruncate(r->fd, (off_t)r->size);
	return fault_set(f, TEMP, "4.3.1", error, "write receiver");
}

/* What was lost is said before what comes next. */
static void
tell_lost(struct receiver *r)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&b, CODE_LOST);
	char time[CLOCK_TEXT_MAX];
	struct fault f = FAULT_NONE;
	size_t taken;

	clock_text_us(clock_wall_us(), time);
	record_puts(out, "time", time);
	record_puts(out, "program", "journal-write");
	record_put_num(out, "n", r->lost);
	if (record_end(out, &f) == OK &&
	    append_lines(r, buf_span(&b), &taken, &f) == OK)
		r->lost = 0;
	buf_free(&b);
}

enum outcome
receiver_append(struct receiver *r, struct span lines, struct fault *f)
{
	enum outcome got;
	size_t taken;

	if (is_rotation_due(r) && rotate(r, f) != OK)
		f->outcome = OK; /* go on in the old one */
	if (r->lost > 0)
		tell_lost(r);
	got = append_lines(r, lines, &taken, f);
	if (got != OK)
		r->lost += span_count_lines(span_from(lines, taken));
	(void)pthread_mutex_lock(&r->lock);
	if (!r->dirty) {
		r->dirty = true;
		(void)pthread_cond_signal(&r->wake);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return got;
}

void
receiver_close(struct receiver *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->ending = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->syncer, NULL);
	(void)fdatasync(r->fd);
	(void)close(r->fd);
	(void)close(r->dir);
}
