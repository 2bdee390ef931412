/* SPDX-License-Identifier: ISC */
/*
 * store_step.c: every change of the queue as one step: a new file, a link, a
 * sync, an unlink. What is kept in its order is the callers' affair.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fds.h"
#include "store.h"

#define SUFFIX_MAX 9 /* ".<qid>.1" to ".9" */

/* ---- Minutes and shards. ---- */

static enum outcome
sync_directory(const struct store *s, const char *name, struct fault *f)
{
	int fd = openat(
	    s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum outcome got = OK;

	if (fd == -1)
		return store_failed(f, "open", name);
	if (fsync(fd) != 0)
		got = store_failed(f, "sync directory", name);
	(void)close(fd);
	return got;
}

/* Where its name is kept, if it is known to be on disk; or NULL. */
static char *
find_known(struct store *s, const char *dir)
{
	for (size_t i = 0; i < STORE_KNOWN; i++)
		if (strcmp(s->known[i], dir) == 0)
			return s->known[i];
	return NULL;
}

static void
forget(struct store *s, struct store_place place)
{
	char dir[STORE_DIR_MAX], *known;

	store_dir_name(place, dir);
	if ((known = find_known(s, dir)) != NULL)
		known[0] = '\0';
}

/*
 * Make it if it is missing. Another process may have made it a moment ago and
 * died before it synced it, so its parent is synced whoever made it, once by
 * each process. Without a journal a parent's sync does not carry the inode of a
 * directory in it: after a cut the name could stand over what that inode was
 * before. Source: tests/crash, images.
 */
static enum outcome
make_part(struct store *s, struct store_place place, struct fault *f)
{
	char dir[STORE_DIR_MAX];
	bool made;

	store_dir_name(place, dir);
	if (store_parts(place.state) == STORE_UNDIVIDED ||
	    find_known(s, dir) != NULL)
		return OK;
	made = mkdirat(s->fd, dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return store_failed(f, "make", dir);
	if ((s->disk.names_in_order || sync_directory(s, dir, f) == OK) &&
	    sync_directory(s, store_state_word(place.state), f) == OK) {
		memcpy(
		    s->known[s->next_known++ % STORE_KNOWN], dir, sizeof(dir));
		return OK;
	}
	/* A second sync of this name would prove nothing: the next try shall
	   find none, and make it. */
	if (made)
		(void)unlinkat(s->fd, dir, AT_REMOVEDIR);
	return f->outcome;
}

void
store_remove_part(struct store *s, struct store_place place)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	if (store_parts(place.state) != STORE_UNDIVIDED &&
	    unlinkat(s->fd, dir, AT_REMOVEDIR) == 0)
		forget(s, place);
}

/* ---- Writing a new file. ---- */

static int
open_dot(const struct store *s, struct store_place place, const struct qid *qid,
    mode_t mode, char dot[STORE_NAME_MAX])
{
	char dir[STORE_DIR_MAX];
	int fd = -1;

	store_dir_name(place, dir);
	for (int i = 0; fd == -1 && i <= SUFFIX_MAX; i++) {
		(void)snprintf(dot, STORE_NAME_MAX,
		    i == 0 ? "%s/.%s" : "%s/.%s.%d", dir, qid->text, i);
		fd = openat(s->fd, dot,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd == -1 && errno != EEXIST)
			break;
	}
	return fd;
}

enum outcome
store_create(struct store *s, struct store_place place, const struct qid *qid,
    mode_t mode, struct store_file *file, struct fault *f)
{
	*file = (struct store_file){ .fd = -1, .place = place };
	for (int tries = 2; tries > 0; tries--) {
		if (make_part(s, place, f) != OK)
			break;
		file->fd = open_dot(s, place, qid, mode, file->dot);
		if (file->fd != -1)
			return OK;
		(void)store_failed(f, "create", file->dot);
		if (f->error != ENOENT)
			break;
		forget(s, place); /* it was removed, being empty: once more */
	}
	file->dot[0] = '\0';
	return f->outcome;
}

/* Rename without replacing; by link and unlink where the kernel cannot. */
static int
rename_new(const struct store *s, const char *from, const char *to)
{
	if (renameat2(s->fd, from, s->fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(s->fd, from, s->fd, to, 0) != 0)
		return -1;
	return unlinkat(s->fd, from, 0);
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
	char name[STORE_NAME_MAX];

	store_name(file->place, qid, name);
	if (rename_new(s, file->dot, name) != 0)
		return store_failed(f, "publish", name);
	file->dot[0] = '\0';
	return OK;
}

void
store_abandon(struct store *s, struct store_file *file)
{
	fds_close(&file->fd);
	if (file->dot[0] != '\0')
		(void)unlinkat(s->fd, file->dot, 0);
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
store_sync(struct store *s, struct store_place place, struct fault *f)
{
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	if (sync_directory(s, dir, f) == OK)
		return OK;
	if (f->error != ENOENT)
		return f->outcome;
	/* It went when it was empty: that is to be on disk, too. */
	if (store_parts(place.state) != STORE_UNDIVIDED &&
	    sync_directory(s, store_state_word(place.state), f) != OK)
		return f->outcome;
	*f = FAULT_NONE;
	return OK;
}

enum outcome
store_syncfs(struct store *s, struct fault *f)
{
	if (syncfs(s->fd) != 0)
		return store_failed(f, "sync", "the file system");
	return OK;
}

/* Are both names of the same file? */
static bool
is_same_file(const struct store *s, const char *a, const char *b)
{
	struct stat st[2];

	return fstatat(s->fd, a, &st[0], AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(s->fd, b, &st[1], AT_SYMLINK_NOFOLLOW) == 0 &&
	    st[0].st_dev == st[1].st_dev && st[0].st_ino == st[1].st_ino;
}

enum outcome
store_link(struct store *s, const struct qid *qid, struct store_place from,
    struct store_place to, struct fault *f)
{
	char name[2][STORE_NAME_MAX];

	store_name(from, qid, name[0]);
	store_name(to, qid, name[1]);
	for (int tries = 2; tries > 0; tries--) {
		if (make_part(s, to, f) != OK)
			break;
		if (linkat(s->fd, name[0], s->fd, name[1], 0) == 0)
			return OK;
		(void)store_failed(f, "link", name[1]);
		if (f->error == EEXIST && is_same_file(s, name[0], name[1]))
			return OK;
		if (f->error != ENOENT)
			break;
		forget(s, to); /* it may have been removed, being empty */
	}
	return f->outcome;
}

enum outcome
store_unlink(struct store *s, const struct qid *qid, struct store_place place,
    struct fault *f)
{
	char name[STORE_NAME_MAX];

	store_name(place, qid, name);
	if (unlinkat(s->fd, name, 0) != 0 && errno != ENOENT)
		return store_failed(f, "unlink", name);
	return OK;
}

enum outcome
store_move(struct store *s, const struct qid *qid, struct store_place from,
    struct store_place to, struct fault *f)
{
	if (store_link(s, qid, from, to, f) != OK ||
	    store_sync(s, to, f) != OK || store_unlink(s, qid, from, f) != OK)
		return f->outcome;
	return store_sync(s, from, f);
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
	char name[STORE_NAME_MAX];

	store_name(place, qid, name);
	*file = (struct store_file){ .place = place };
	file->fd =
	    openat(s->fd, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (file->fd == -1)
		return store_failed(f, "open", name);
	if (append_lines(file->fd, lines, f) == OK)
		return OK;
	fds_close(&file->fd);
	return f->outcome;
}

enum outcome
store_set_aside(struct store *s, const struct qid *qid,
    struct store_place place, struct fault *f)
{
	struct store_place to = { STORE_ASIDE, 0 };
	char name[STORE_NAME_MAX], new_name[STORE_NAME_MAX];
	size_t len;

	if (place.state == STORE_CONTENT)
		to.state = STORE_ASIDE_CONTENT;
	store_name(place, qid, name);
	store_name(to, qid, new_name);
	len = strlen(new_name);
	for (int i = 0; i <= SUFFIX_MAX; i++) {
		if (i > 0)
			(void)snprintf(
			    new_name + len, sizeof(new_name) - len, ".%d", i);
		if (rename_new(s, name, new_name) == 0)
			return OK;
		if (errno != EEXIST)
			break;
	}
	return store_failed(f, "set aside", name);
}
