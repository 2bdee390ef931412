/* SPDX-License-Identifier: ISC */
/*
 * mailbox.c: link into new/, copy across file systems, sync when asked.
 * Trusts queue-run for what to deliver, and no one for where.
 */
#include "mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directories.h"
#include "fds.h"
#include "prog.h"
#include "trouble.h"

#define FILE_NAME_MAX 256 /* NAME_MAX and its 0 */
/* Dot names: nobody looks at them; one that a kill left goes at the next try. */
#define TRY_NAME ".try-link"
#define TRY_FILE "in/" TRY_NAME

/* ---- Looking for a name after a restart ---- */

struct look {
	struct span base;
	bool found;
};

static bool
is_another(void *arg, const char *name)
{
	struct look *l = arg;

	l->found = span_same(maildir_base(span_of(name)), l->base);
	return !l->found;
}

/*
 * Is it in new/, then in cur/? In this order: a reader moves from the first
 * to the second, and the other way round both looks could miss it. A file with
 * one name on the same file system is in no mailbox, where links work.
 */
static enum outcome
look(struct mailbox_store *s, const struct mailbox *m,
    const struct deliver_req *req, bool *found, struct fault *f)
{
	struct look l = { span_of(req->name), false };
	struct fault why;
	struct stat st;
	enum outcome got;
	int cur;

	*found = false;
	if (fstatat(s->queue, req->file, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fault_set(f, TEMP, "4.3.0", errno,
		    "content of %s is not in the queue", req->qid.text);
	if (s->links && st.st_nlink == 1 && st.st_dev == m->dev)
		return OK;
	if (fstatat(m->fd, req->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		*found = true;
		return OK;
	}
	got = maildir_list(m->fd, is_another, &l, &why);
	if (got == OK && !l.found) {
		cur = mailbox_open_part(s, m->path, "cur");
		if (cur == -1 && errno != ENOENT)
			return mailbox_missing(s, m->path, errno, f);
		if (cur != -1)
			got = maildir_each(cur, is_another, &l, &why);
		fds_close(&cur);
	}
	if (got != OK)
		return mailbox_failed(s, m->path, why.error, "list", f);
	*found = l.found;
	return OK;
}

/* ---- Copies ---- */

static enum outcome
copy_octets(struct mailbox_store *s, int from, int to, const char *path,
    struct fault *f)
{
	ssize_t n;

	if (!buf_reserve(&s->copy, MAILBOX_COPY_CHUNK))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "copy");
	for (;;) {
		n = read(from, s->copy.p, MAILBOX_COPY_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "read the queue's file");
		if (n == 0)
			break;
		for (ssize_t at = 0, w; at < n; at += w) {
			w = write(to, s->copy.p + at, (size_t)(n - at));
			if (w < 0 && errno == EINTR)
				w = 0;
			else if (w < 0)
				return mailbox_failed(
				    s, path, errno, "write", f);
		}
	}
	/* The content must be on disk before a reader may see the name. */
	if (fsync(to) != 0)
		return mailbox_failed(s, path, errno, "fsync of a copy", f);
	return OK;
}

/* Copies that a killed attempt left, under this name and another pid. */
static void
remove_stale(int tmp, struct span name)
{
	int fd = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (span_has_prefix(span_of(e->d_name), name.p) &&
		    e->d_name[name.len] == '.')
			(void)unlinkat(tmp, e->d_name, 0);
	(void)closedir(d);
}

/*
 * tmp/, fsync, link into new/, unlink: the Maildir way. The pid keeps two
 * processes from writing one file when an old one has not quite ended.
 */
static enum outcome
copy(struct mailbox_store *s, const struct mailbox *m,
    const struct deliver_req *req, enum deliver_how *how, struct fault *f)
{
	char name[FILE_NAME_MAX];
	enum outcome got = TEMP;
	int from = -1, to = -1, tmp;

	(void)snprintf(name, sizeof(name), "%s.%ld", req->name, (long)getpid());
	tmp = mailbox_open_part(s, m->path, "tmp");
	if (tmp == -1)
		return mailbox_missing(s, m->path, errno, f);
	if (req->again)
		remove_stale(tmp, span_of(req->name));
	from = openat(s->queue, req->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from == -1) {
		(void)fault_set(f, TEMP, "4.3.0", errno,
		    "content of %s is not in the queue", req->qid.text);
		goto out;
	}
	(void)unlinkat(tmp, name, 0); /* a process of this pid, long ago */
	to = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (to == -1) {
		(void)mailbox_failed(s, m->path, errno, "create in tmp", f);
		goto out;
	}
	if (copy_octets(s, from, to, m->path, f) != OK)
		goto out;
	*how = DELIVER_COPY;
	if (linkat(tmp, name, m->fd, req->name, 0) == 0)
		got = OK;
	else if (errno == EEXIST)
		got = OK, *how = DELIVER_FOUND;
	else
		(void)mailbox_failed(
		    s, m->path, errno, "link from tmp to new", f);
out:
	if (to != -1) {
		(void)close(to);
		(void)unlinkat(tmp, name, 0);
	}
	if (from != -1)
		(void)close(from);
	(void)close(tmp);
	return got;
}

/* ---- The four questions ---- */

/* One link. Its errno, 0 when it was made. */
static int
link_into(struct mailbox_store *s, const struct mailbox *m,
    const struct deliver_req *req)
{
	return linkat(s->queue, req->file, m->fd, req->name, 0) == 0 ? 0
	                                                             : errno;
}

static enum outcome
link_or_copy(struct mailbox_store *s, struct mailbox *m,
    const struct deliver_req *req, enum deliver_how *how, struct fault *f)
{
	int error = link_into(s, m, req);
	struct stat st;

	/*
	 * Either the queue's file or the directory is gone. If the file is
	 * there, the mailbox was removed since it was opened: once more, afresh.
	 */
	if (error == ENOENT &&
	    fstatat(s->queue, req->file, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		mailbox_drop(s, m);
		if (mailbox_open_new(s, req->path, &m, f) != OK)
			return f->outcome;
		error = link_into(s, m, req);
	}
	switch (error) {
	case 0:
		*how = DELIVER_LINK;
		return OK;
	case EEXIST: /* an attempt whose answer nobody saw */
		*how = DELIVER_FOUND;
		return OK;
	case EXDEV: /* two file systems, or two mounts of one */
	case EMLINK: /* 65,000 on ext4 */
	case EOPNOTSUPP:
		return copy(s, m, req, how, f);
	case ENOENT:
		return fault_set(f, TEMP, "4.3.0", error,
		    "content of %s is not in the queue", req->qid.text);
	default:
		/*
		 * EPERM and EACCES too: never a copy. They mean another user
		 * or a sandbox that was set up wrongly, for a person to mend.
		 */
		return mailbox_failed(s, req->path, error, "link into new", f);
	}
}

enum outcome
mailbox_deliver(struct mailbox_store *s, const struct deliver_req *req,
    enum deliver_how *how, struct fault *f)
{
	struct mailbox *m;
	bool found;

	*how = DELIVER_NONE;
	if (mailbox_root_is_current(s, f) != OK ||
	    mailbox_get(s, req->path, &m, f) != OK)
		return f->outcome;
	if (req->again) {
		if (look(s, m, req, &found, f) != OK)
			return f->outcome;
		if (found) {
			*how = DELIVER_FOUND;
			return OK;
		}
	}
	return link_or_copy(s, m, req, how, f);
}

/*
 * The kernel tells this error once; this process may be killed before its
 * answer is read, and the next process is told that all is well. So it stands
 * on disk before anything else is done with it.
 */
static enum outcome
sync_failed(struct mailbox_store *s, const char *path, const char *what,
    struct fault *f)
{
	int error = errno;
	char text[FAULT_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "mailbox %s: %s: %s", path, what,
	    strerror(error));
	/* If it cannot be made: queue-run makes it when it has the answer. */
	(void)trouble_set(s->queue, "deliver-mailbox", text);
	return mailbox_failed(s, path, error, what, f);
}

/* One journal: a reader's move out of new/ is in the same commit, or before. */
static bool
sync_carries_all(const struct mailbox_store *s, dev_t dev)
{
	for (size_t i = 0; i < s->roots; i++)
		if (s->root[i].dev == dev)
			return s->root[i].disk.fsync_carries_all;
	return false;
}

/* syncfs twice: one is not one instant where there is no journal. cur/ may be
   written, a reader moves a message there, new/ is written. */
static enum outcome
sync_file_system(
    struct mailbox_store *s, int fd, const char *path, struct fault *f)
{
	enum outcome got = OK;

	for (int pass = 0; pass < 2; pass++)
		if (syncfs(fd) != 0)
			got = sync_failed(s, path, "syncfs", f);
	return got;
}

/*
 * Without a cur/ that can be opened the mail lies in new/, unless somebody
 * took cur/ away with it: the whole file system has it in either case.
 */
static enum outcome
sync_cur(struct mailbox_store *s, const struct mailbox *m, struct fault *f)
{
	int cur = mailbox_open_part(s, m->path, "cur");
	enum outcome got = OK;

	if (cur == -1)
		return sync_file_system(s, m->fd, m->path, f);
	if (fsync(cur) != 0)
		got = sync_failed(s, m->path, "fsync of cur", f);
	(void)close(cur);
	return got;
}

enum outcome
mailbox_sync(struct mailbox_store *s, const char *path, struct fault *f)
{
	struct mailbox *m = mailbox_find_open(s, path);

	/*
	 * The directory that was linked into is the one to sync. Where path
	 * names another by now, it is not known what is on disk: the message
	 * is looked for, or delivered, again.
	 */
	if (m != NULL && !mailbox_is_current(s, m)) {
		mailbox_drop(s, m);
		return fault_set(f, TEMP, FAULT_NO_MAILBOX, 0,
		    "mailbox %s: moved or replaced since the delivery", path);
	}
	if (m == NULL && mailbox_open_new(s, path, &m, f) != OK)
		return f->outcome;
	if (fsync(m->fd) != 0)
		return sync_failed(s, path, "fsync of new", f);
	if (sync_carries_all(s, m->dev))
		return OK;
	return sync_cur(s, m, f);
}

static enum outcome
sync_root(
    struct mailbox_store *s, const struct mailbox_root *root, struct fault *f)
{
	if (!root->disk.fsync_carries_all)
		return sync_file_system(s, root->fd, ".", f);
	return fsync(root->fd) == 0 ? OK : sync_failed(s, ".", "fsync", f);
}

enum outcome
mailbox_sync_all(struct mailbox_store *s, struct fault *f)
{
	enum outcome got = OK;

	/* All of them even after an error, so that each is told. */
	for (size_t i = 0; i < s->roots; i++)
		if (sync_root(s, &s->root[i], f) != OK)
			got = TEMP;
	return got;
}

/* ---- The try at the start ---- */

static bool
try_link(
    struct mailbox_store *s, const struct mailbox_root *root, dev_t queue_dev)
{
	struct fault f = FAULT_NONE;
	int error;

	(void)unlinkat(root->fd, TRY_NAME, 0);
	if (linkat(s->queue, TRY_FILE, root->fd, TRY_NAME, 0) == 0) {
		(void)unlinkat(root->fd, TRY_NAME, 0);
		return true;
	}
	error = errno;
	/* A fellow that starts in the same moment tries with the same name. */
	if (error == EEXIST || error == ENOENT)
		return true;
	if (error == EXDEV && root->dev != queue_dev) {
		prog_warn("queue and mailboxes lie on two file systems: "
		          "each delivery there is a copy");
		return true; /* slower, and as it was wanted */
	}
	(void)fault_set(&f, TEMP, "4.3.0", error,
	    "a file of the queue cannot be linked into the mail directory "
	    "(%s); queue and mail need the same rights in one mount and one "
	    "user",
	    error == EXDEV ? "every delivery will be a copy"
	                   : "nothing can be delivered");
	prog_warn("%s", f.text);
	mailbox_alarm(s, ".", &f);
	return false;
}

bool
mailbox_try_links(struct mailbox_store *s)
{
	struct fault f = FAULT_NONE;
	struct stat st;
	int fd;

	(void)unlinkat(s->queue, TRY_FILE, 0);
	fd = openat(s->queue, TRY_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	if (fd == -1 || fstat(fd, &st) != 0) {
		(void)fault_set(&f, TEMP, "4.3.0", errno,
		    "cannot create a file in the queue's in/ to try a link");
		prog_warn("%s", f.text);
		mailbox_alarm(s, ".", &f);
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	(void)close(fd);
	s->links = true;
	for (size_t i = 0; i < s->roots; i++)
		if (!try_link(s, &s->root[i], st.st_dev))
			s->links = false;
	(void)unlinkat(s->queue, TRY_FILE, 0);
	return s->links;
}
