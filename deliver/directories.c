/* SPDX-License-Identifier: ISC */
/*
 * directories.c: the new/ directories that are kept open, and every file
 * system they lie on. Trusts no one for where: each path is opened beneath the
 * mail directory, through no symbolic link.
 */
#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "mem.h"
#include "mounts.h"
#include "usage.h"

#define SPARE_FDS    256 /* descriptors left for clients and the rest */
#define NEW_PATH_MAX (RESOLVE_PATH_MAX + 8) /* path, "/new" or "/tmp", 0 */

/* ---- What goes wrong, said once ---- */

/*
 * A person must know. A store that is away makes every message fail the same
 * way: the alarm is about the store, so one a minute is enough.
 */
void
mailbox_alarm(struct mailbox_store *s, const char *path, const struct fault *f)
{
	uint64_t now = clock_mono_ms();
	uint32_t key = (uint32_t)f->error * 31U + (unsigned char)f->code[2];
	struct record_out out;

	if (s->alarm_ms != 0 && key == s->alarm_key &&
	    now - s->alarm_ms < MAILBOX_ALARM_MS)
		return;
	s->alarm_key = key;
	s->alarm_ms = now;
	out = journal_begin(s->journal, CODE_ALARM, NULL);
	record_puts(out, "path", path);
	record_put_fault(out, f);
	journal_end(s->journal, out);
}

/* The code of a failed call in the store. RFC 3463 3.3, 3.4. */
enum outcome
mailbox_failed(struct mailbox_store *s, const char *path, int error,
    const char *what, struct fault *f)
{
	(void)fault_set(f, TEMP,
	    error == ENOSPC       ? FAULT_NO_SPACE
	        : error == EDQUOT ? FAULT_FULL
	                          : "4.3.0",
	    error, "mailbox %s: %s", path, what);
	mailbox_alarm(s, path, f);
	return TEMP;
}

enum outcome
mailbox_missing(
    struct mailbox_store *s, const char *path, int error, struct fault *f)
{
	(void)fault_set(f, TEMP, FAULT_NO_MAILBOX, error,
	    "mailbox %s: cannot be opened", path);
	mailbox_alarm(s, path, f);
	return TEMP;
}

/* ---- File systems ---- */

/* Where the file system of dir is kept; st: what dir is. */
static enum outcome
find_root(struct mailbox_store *s, int dir, struct stat *st,
    const struct mailbox_root **out, struct fault *f)
{
	struct mailbox_root *root = s->root, *end = s->root + s->roots;

	if (fstat(dir, st) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "stat");
	while (root < end && root->dev != st->st_dev)
		root++;
	*out = root;
	if (root < end)
		return OK;
	if (s->roots == MAILBOX_ROOTS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "more than %d file systems under the mail directory",
		    MAILBOX_ROOTS_MAX);
	root->dev = st->st_dev;
	root->fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "mailbox root");
	disk_look(root->fd, &root->disk);
	s->roots++;
	return OK;
}

/*
 * What is mounted beneath the mail directory is synced too by `sync all`, also
 * when nothing was delivered there since the start: queue-run's restart rests
 * on it.
 */
static enum outcome
add_mounts_beneath(struct mailbox_store *s, const char *mail, struct fault *f)
{
	const struct mailbox_root *ignored;
	char root[FDS_PATH_MAX];
	struct mounts mounts;
	struct mount mount;
	struct stat st;
	size_t known;
	int fd;
	enum outcome got = OK;

	/* No /proc: then the mail directory's own only. */
	if (mounts_open(&mounts))
		got = fds_real_path(mail, root, f);
	while (got == OK && mounts_next(&mounts, &mount)) {
		if (!mounts_is_below(&mount, root))
			continue;
		fd = open(mount.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		known = s->roots;
		/* Else a file, or not readable. */
		if (fd != -1 && fstat(fd, &st) == 0) {
			got = find_root(s, fd, &st, &ignored, f);
			s->is_mounted_twice |= s->roots == known;
		}
		fds_close(&fd);
	}
	mounts_close(&mounts);
	return got;
}

/* ---- The open new/ directories ---- */

static uint32_t
hash_path(const char *path)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * 16777619U;
	return h;
}

/* A look at 2048 hashes side by side takes less than a microsecond. */
struct mailbox *
mailbox_find_open(struct mailbox_store *s, const char *path)
{
	uint32_t hash = hash_path(path);

	for (size_t i = 0; i < s->used; i++)
		if (s->hash[i] == hash && s->open[i].fd != -1 &&
		    strcmp(s->open[i].path, path) == 0)
			return &s->open[i];
	return NULL;
}

void
mailbox_drop(struct mailbox *m)
{
	fds_close(&m->fd);
	m->last_use = 0; /* its place is the first to be taken */
}

/* A place for one more; the one that was not used for longest makes room. */
static struct mailbox *
take_place(struct mailbox_store *s)
{
	struct mailbox *oldest = s->open;

	if (s->used < s->most)
		return &s->open[s->used++];
	for (size_t i = 1; i < s->used; i++)
		if (s->open[i].last_use < oldest->last_use)
			oldest = &s->open[i];
	mailbox_drop(oldest);
	return oldest;
}

/* A directory of a mailbox: beneath the root, through no symbolic link. */
int
mailbox_open_part(struct mailbox_store *s, const char *path, const char *part)
{
	char name[NEW_PATH_MAX];

	(void)snprintf(name, sizeof(name), "%s/%s", path, part);
	return fds_open_beneath(s->mail, name);
}

bool
mailbox_is_current(struct mailbox_store *s, struct mailbox *m)
{
	char name[NEW_PATH_MAX];
	struct stat st;

	if (m->round == s->round)
		return true;
	(void)snprintf(name, sizeof(name), "%s/new", m->path);
	if (fstatat(s->mail, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_ino != m->ino || st.st_dev != m->root->dev)
		return false;
	m->round = s->round;
	return true;
}

static enum outcome
open_new(struct mailbox_store *s, const char *path, struct mailbox **out,
    struct fault *f)
{
	const struct mailbox_root *root;
	struct mailbox *m;
	struct stat st;
	int fd = mailbox_open_part(s, path, "new");

	if (fd == -1)
		return mailbox_missing(s, path, errno, f);
	if (find_root(s, fd, &st, &root, f) != OK) {
		(void)close(fd);
		return fault_context(f, "mailbox %s", path);
	}
	m = *out = take_place(s);
	*m = (struct mailbox){ .fd = fd,
		.root = root,
		.ino = st.st_ino,
		.round = s->round,
		.last_use = ++s->uses };
	(void)span_copy(span_of(path), m->path, sizeof(m->path));
	s->hash[m - s->open] = hash_path(path);
	return OK;
}

/*
 * It was moved away, or another file system is mounted there by now: no reader
 * would see what is linked into the one that is kept open.
 */
enum outcome
mailbox_root_is_current(struct mailbox_store *s, struct fault *f)
{
	struct stat st;

	if (s->mail_round != s->round) {
		s->mail_round = s->round;
		s->is_replaced |= stat(s->mail_name, &st) != 0 ||
		    st.st_dev != s->root[0].dev || st.st_ino != s->mail_ino;
	}
	if (!s->is_replaced)
		return OK;
	(void)fault_set(f, TEMP, FAULT_NO_MAILBOX, 0,
	    "[mail] directory %s: moved or replaced since it was opened",
	    s->mail_name);
	mailbox_alarm(s, ".", f);
	return TEMP;
}

enum outcome
mailbox_get(struct mailbox_store *s, const char *path, struct mailbox **out,
    struct fault *f)
{
	*out = mailbox_find_open(s, path);
	if (*out != NULL && mailbox_is_current(s, *out)) {
		(*out)->last_use = ++s->uses;
		return OK;
	}
	if (*out != NULL)
		mailbox_drop(*out);
	return open_new(s, path, out, f);
}

/* ---- Begin and end ---- */

enum outcome
mailbox_store_open(struct mailbox_store *s, const char *queue, const char *mail,
    struct journal *journal, struct fault *f)
{
	const struct mailbox_root *root;
	struct stat st;
	size_t most;

	*s = (struct mailbox_store){
		.mail = -1, .journal = journal, .round = 1, .mail_name = mail
	};
	s->quota = open(USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->queue = open(queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->queue == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "queue %s", queue);
	s->mail = open(mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->mail == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "[mail] directory %s", mail);
	if (find_root(s, s->mail, &st, &root, f) != OK ||
	    add_mounts_beneath(s, mail, f) != OK)
		return f->outcome;
	s->mail_ino = st.st_ino;
	/* As many as the limit on descriptors leaves room for. */
	most = fds_raise_limit(MAILBOX_OPEN_MAX + SPARE_FDS);
	s->most = most < 2 * SPARE_FDS ? 16 : most - SPARE_FDS;
	s->open = mem_new(s->most, sizeof(*s->open));
	s->hash = mem_new(s->most, sizeof(*s->hash));
	return OK;
}

void
mailbox_store_free(struct mailbox_store *s)
{
	for (size_t i = 0; i < s->used; i++)
		fds_close(&s->open[i].fd);
	for (size_t i = 0; i < s->roots; i++)
		fds_close(&s->root[i].fd);
	fds_close(&s->mail);
	fds_close(&s->queue);
	fds_close(&s->quota);
	free(s->open);
	free(s->hash);
	*s = (struct mailbox_store){ .queue = -1, .mail = -1, .quota = -1 };
}

void
mailbox_next_round(struct mailbox_store *s)
{
	s->round++;
}
