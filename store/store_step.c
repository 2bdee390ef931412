/* SPDX-License-Identifier: ISC */
/*
 * store_step.c: every change of the queue as one step: a new file, a link, a
 * sync, an unlink. What is kept in its order is the callers' affair.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fds.h"
#include "store.h"

#define SUFFIX_MAX 9 /* ".<qid>.1" to ".9" */

/* ---- Writing a new file. ---- */

static int
open_dot(int dir, const struct qid *qid, mode_t mode, char dot[STORE_DOT_MAX])
{
	int fd;

	for (int i = 0; i <= SUFFIX_MAX; i++) {
		(void)snprintf(dot, STORE_DOT_MAX, i == 0 ? ".%s" : ".%s.%d",
		    qid->text, i);
		fd = openat(dir, dot,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd != -1 || errno != EEXIST)
			return fd;
	}
	return -1;
}

enum outcome
store_create(struct store *s, const char *dir, const struct qid *qid,
    mode_t mode, struct store_file *file, struct fault *f)
{
	int fd;

	*file = STORE_FILE_NONE;
	if (store_dir(s, dir, true, &fd, f) != OK)
		return f->outcome;
	file->fd = open_dot(fd, qid, mode, file->dot);
	if (file->fd == -1 && errno == ENOENT) {
		/* The kept directory was removed, being empty: once more. */
		store_drop_dir(s, dir);
		if (store_dir(s, dir, true, &fd, f) != OK)
			return f->outcome;
		file->fd = open_dot(fd, qid, mode, file->dot);
	}
	if (file->fd == -1) {
		(void)store_failed(f, "create a file in", dir);
		file->dot[0] = '\0';
		return f->outcome;
	}
	(void)span_copy(span_of(dir), file->dir, sizeof(file->dir));
	return OK;
}

/* Rename without replacing; by link and unlink where the kernel cannot. */
static int
rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from_dir, from, to_dir, to, 0) != 0)
		return -1;
	return unlinkat(from_dir, from, 0);
}

enum outcome
store_write(int fd, struct span a, struct span b, struct fault *f)
{
	while (a.len + b.len > 0) {
		struct iovec parts[2] = { { (void *)(uintptr_t)a.p, a.len },
			{ (void *)(uintptr_t)b.p, b.len } };
		ssize_t n = writev(fd, parts, 2);
		size_t first;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : ENOSPC;
			return store_failed(f, "write", "a file");
		}
		first = (size_t)n < a.len ? (size_t)n : a.len;
		a = span_from(a, first);
		b = span_from(b, (size_t)n - first);
	}
	return OK;
}

void
store_start_disk(const struct store *s, int fd)
{
	if (!s->disk.in_memory)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

enum outcome
store_wait_for_disk(int fd, struct fault *f)
{
	if (sync_file_range(fd, 0, 0,
	        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
	            SYNC_FILE_RANGE_WAIT_AFTER) != 0)
		return store_failed(f, "write to the disk", "a file");
	return OK;
}

enum outcome
store_publish(struct store *s, struct store_file *file, const struct qid *qid,
    struct fault *f)
{
	int dir;

	if (store_dir(s, file->dir, false, &dir, f) != OK)
		return f->outcome;
	if (rename_new(dir, file->dot, dir, qid->text) != 0)
		return store_failed(f, "publish in", file->dir);
	file->dot[0] = '\0';
	return OK;
}

void
store_file_close(struct store_file *file)
{
	fds_close(&file->fd);
}

void
store_abandon(struct store *s, struct store_file *file)
{
	struct fault f;
	int dir;

	store_file_close(file);
	if (file->dot[0] != '\0' &&
	    store_dir(s, file->dir, false, &dir, &f) == OK)
		(void)unlinkat(dir, file->dot, 0);
	file->dot[0] = '\0';
}

enum outcome
store_sync_file(int fd, struct fault *f)
{
	/* fsync, never fdatasync: the name would not be on disk. */
	if (fsync(fd) != 0)
		return store_failed(f, "sync", "a file");
	return OK;
}

/* ---- Steps. ---- */

enum outcome
store_sync_dir(struct store *s, const char *name, struct fault *f)
{
	int fd;

	if (store_dir(s, name, false, &fd, f) != OK)
		return f->error == ENOENT ? OK : f->outcome;
	if (fsync(fd) != 0)
		return store_failed(f, "sync directory", name);
	return OK;
}

enum outcome
store_syncfs(struct store *s, struct fault *f)
{
	if (syncfs(s->fd) != 0)
		return store_failed(f, "sync", "the file system");
	return OK;
}

/* Do both directories have the same file under that name? */
static bool
is_same_file(int a_dir, int b_dir, const char *name)
{
	struct stat a, b;

	return fstatat(a_dir, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(b_dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static enum outcome
link_into(struct store *s, const struct qid *qid, const char *from,
    const char *to, struct fault *f)
{
	int from_fd, to_fd;

	for (int tries = 2;; tries--) {
		if (store_dir(s, to, true, &to_fd, f) != OK ||
		    store_dir(s, from, false, &from_fd, f) != OK)
			return f->outcome;
		if (linkat(from_fd, qid->text, to_fd, qid->text, 0) == 0)
			return OK;
		(void)store_failed(f, "link into", to);
		if (f->error == EEXIST &&
		    is_same_file(from_fd, to_fd, qid->text))
			return OK;
		if (f->error != ENOENT || tries == 1)
			return f->outcome;
		/* A kept directory may have been removed, being empty. */
		store_drop_dir(s, to);
		store_drop_dir(s, from);
	}
}

static enum outcome
unlink_in(
    struct store *s, const struct qid *qid, const char *dir, struct fault *f)
{
	int fd;

	if (store_dir(s, dir, false, &fd, f) != OK)
		return f->error == ENOENT ? OK : f->outcome;
	if (unlinkat(fd, qid->text, 0) != 0 && errno != ENOENT)
		return store_failed(f, "unlink in", dir);
	return OK;
}

enum outcome
store_link_state(struct store *s, const struct qid *qid,
    struct store_place from, struct store_place to, struct fault *f)
{
	char a[STORE_DIR_MAX], b[STORE_DIR_MAX];

	store_dir_name(from, a);
	store_dir_name(to, b);
	return link_into(s, qid, a, b, f);
}

enum outcome
store_sync_state_dir(struct store *s, struct store_place place, struct fault *f)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	return store_sync_dir(s, dir, f);
}

enum outcome
store_unlink_state(struct store *s, const struct qid *qid,
    struct store_place place, struct fault *f)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	return unlink_in(s, qid, dir, f);
}

enum outcome
store_link_content(struct store *s, const struct qid *qid, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	store_shard_name(qid, shard);
	return link_into(s, qid, store_state_word(STORE_IN), shard, f);
}

enum outcome
store_sync_shard(struct store *s, const struct qid *qid, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	store_shard_name(qid, shard);
	return store_sync_dir(s, shard, f);
}

enum outcome
store_unlink_content(struct store *s, const struct qid *qid, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	store_shard_name(qid, shard);
	return unlink_in(s, qid, shard, f);
}

/* Lines after a torn one must not become the end of it. */
static enum outcome
append_lines(int fd, struct span lines, struct fault *f)
{
	struct stat st;
	char last = '\n';

	if (fstat(fd, &st) != 0 ||
	    (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
		return store_failed(f, "read", "the end of an envelope");
	if (last != '\n' && fds_write_all(fd, SPAN_LIT("\n"), f) != OK)
		return f->outcome;
	return fds_write_all(fd, lines, f);
}

enum outcome
store_append(struct store *s, const struct qid *qid, struct store_place place,
    struct span lines, struct store_file *file, struct fault *f)
{
	int at;

	*file = STORE_FILE_NONE;
	store_dir_name(place, file->dir);
	if (store_dir(s, file->dir, false, &at, f) != OK)
		return f->outcome;
	file->fd =
	    openat(at, qid->text, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (file->fd == -1)
		return store_failed(f, "open an envelope in", file->dir);
	if (append_lines(file->fd, lines, f) != OK)
		store_file_close(file);
	return file->fd == -1 ? f->outcome : OK;
}

static enum outcome
move_aside(struct store *s, const char *dir, const struct qid *qid,
    const char *suffix, struct fault *f)
{
	char name[STORE_NAME_MAX];
	int from, to;

	if (store_dir(s, dir, false, &from, f) != OK ||
	    store_dir(s, store_state_word(STORE_ASIDE), false, &to, f) != OK)
		return f->outcome;
	for (int i = 0; i <= SUFFIX_MAX; i++) {
		(void)snprintf(name, sizeof(name), i == 0 ? "%s%s" : "%s%s.%d",
		    qid->text, suffix, i);
		if (rename_new(from, qid->text, to, name) == 0)
			return OK;
		if (errno != EEXIST)
			break;
	}
	return store_failed(f, "set aside from", dir);
}

enum outcome
store_set_aside(struct store *s, const struct qid *qid,
    struct store_place place, struct fault *f)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	return move_aside(s, dir, qid, "", f);
}

enum outcome
store_set_aside_content(struct store *s, const struct qid *qid, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	store_shard_name(qid, shard);
	return move_aside(s, shard, qid, ".content", f);
}
