/* SPDX-License-Identifier: ISC */
/*
 * mailbox.c: link into new/, copy across file systems, sync when asked.
 * Trusts queue-run for what to deliver, and no one for where.
 */
#include "mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directories.h"
#include "fds.h"
#include "quota.h"
#include "prog.h"
#include "trouble.h"

#define COPY_CHUNK (256UL * 1024) /* octets of one read() of a copy */
/* Dot names: nobody looks at them; one that a kill left goes at the next try. */
#define TRY_NAME ".try-link"
#define TRY_FILE "in/" TRY_NAME

static enum outcome
not_in_queue(const struct deliver_req *req, int error, struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", error,
	    "content of %s is not in the queue", req->qid.text);
}

/* ---- Looking for a name after a restart ---- */

struct look {
	struct span base;
	bool found;
};

static bool
is_another(void *arg, const struct dirent *e)
{
	struct look *l = arg;

	l->found = span_same(maildir_base(span_of(e->d_name)), l->base);
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
		return not_in_queue(req, errno, f);
	if (s->links && !s->is_mounted_twice && st.st_nlink == 1 &&
	    st.st_dev == m->root->dev)
		return OK;
	*found = fstatat(m->fd, req->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (*found)
		return OK;
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
	static char chunk[COPY_CHUNK];
	ssize_t n;

	while ((n = read(from, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno != EINTR)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "read the queue's file");
		if (n > 0 &&
		    fds_write_all(to, (struct span){ chunk, (size_t)n }, f) !=
		        OK)
			return mailbox_failed(s, path, f->error, "write", f);
	}
	/* The content must be on disk before a reader may see the name. */
	if (fsync(to) != 0)
		return mailbox_failed(s, path, errno, "fsync of a copy", f);
	return OK;
}

struct stale {
	int tmp;
	const char *name; /* in new/ */
};

/* Copies that a killed attempt left, under this name and another pid. */
static bool
remove_stale(void *arg, const struct dirent *e)
{
	struct stale *stale = arg;

	if (span_has_prefix(span_of(e->d_name), stale->name) &&
	    e->d_name[strlen(stale->name)] == '.')
		(void)unlinkat(stale->tmp, e->d_name, 0);
	return true;
}

/*
 * tmp/, fsync, link into new/, unlink: the Maildir way. The pid keeps two
 * processes from writing one file when an old one has not quite ended.
 */
static enum outcome
copy(struct mailbox_store *s, const struct mailbox *m,
    const struct deliver_req *req, enum deliver_how *how, struct fault *f)
{
	char name[NAME_MAX + 1];
	int tmp = mailbox_open_part(s, m->path, "tmp"), from, to = -1;
	struct stale stale = { tmp, req->name };
	enum outcome got = TEMP;

	if (tmp == -1)
		return mailbox_missing(s, m->path, errno, f);
	(void)snprintf(name, sizeof(name), "%s.%ld", req->name, (long)getpid());
	if (req->again)
		(void)!maildir_list(tmp, remove_stale, &stale, f);
	from = openat(s->queue, req->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from == -1) {
		(void)not_in_queue(req, errno, f);
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
	if (to != -1)
		(void)unlinkat(tmp, name, 0);
	fds_close(&to);
	fds_close(&from);
	fds_close(&tmp);
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
		mailbox_drop(m);
		if (mailbox_get(s, req->path, &m, f) != OK)
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
		return not_in_queue(req, error, f);
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
	struct quota_check quota;
	struct mailbox *m;
	bool found = false;
	enum outcome got;

	*how = DELIVER_NONE;
	if (mailbox_root_is_current(s, f) != OK ||
	    mailbox_get(s, req->path, &m, f) != OK ||
	    (req->again && look(s, m, req, &found, f) != OK))
		return f->outcome;
	if (found) {
		*how = DELIVER_FOUND;
		return OK;
	}
	if (quota_check(s, req, &quota, f) != OK)
		return f->outcome;
	got = link_or_copy(s, m, req, how, f);
	if (got == OK && *how != DELIVER_FOUND)
		quota_took(&quota);
	quota_end(&quota);
	return got;
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

	(void)fault_set(f, TEMP, "4.3.0", error, "mailbox %s: %s", path, what);
	/* If it cannot be made: queue-run makes it when it has the answer. */
	(void)trouble_set(s->queue, "deliver-mailbox", f->text);
	return mailbox_failed(s, path, error, what, f);
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
		mailbox_drop(m);
		return fault_set(f, TEMP, FAULT_NO_MAILBOX, 0,
		    "mailbox %s: moved or replaced since the delivery", path);
	}
	if (mailbox_get(s, path, &m, f) != OK)
		return f->outcome;
	if (fsync(m->fd) != 0)
		return sync_failed(s, path, "fsync of new", f);
	/* In one journal a reader's move out of new/ is in that commit, or in
	   one before. */
	return m->root->disk.fsync_carries_all ? OK : sync_cur(s, m, f);
}

enum outcome
mailbox_sync_all(struct mailbox_store *s, struct fault *f)
{
	enum outcome got = OK;

	/* All of them even after an error, so that each is told. */
	for (size_t i = 0; i < s->roots; i++) {
		int fd = s->root[i].fd;

		if (!s->root[i].disk.fsync_carries_all) {
			if (sync_file_system(s, fd, ".", f) != OK)
				got = TEMP;
		} else if (fsync(fd) != 0) {
			got = sync_failed(s, ".", "fsync", f);
		}
	}
	return got;
}

/* ---- The try at the start ---- */

static bool
try_failed(struct mailbox_store *s, const struct fault *f)
{
	prog_warn("%s", f->text);
	mailbox_alarm(s, ".", f);
	return false;
}

static bool
try_link(
    struct mailbox_store *s, const struct mailbox_root *root, dev_t queue_dev)
{
	struct fault f;
	int error;

	(void)unlinkat(root->fd, TRY_NAME, 0);
	if (linkat(s->queue, TRY_FILE, root->fd, TRY_NAME, 0) == 0) {
		(void)unlinkat(root->fd, TRY_NAME, 0);
		return true;
	}
	error = errno;
	/* Another process that starts just now tries with the same name. */
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
	return try_failed(s, &f);
}

bool
mailbox_try_links(struct mailbox_store *s)
{
	struct fault f;
	struct stat st;
	int fd;

	(void)unlinkat(s->queue, TRY_FILE, 0);
	fd = openat(s->queue, TRY_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	if (fd == -1 || fstat(fd, &st) != 0) {
		(void)fault_set(&f, TEMP, "4.3.0", errno,
		    "cannot create a file in the queue's in/ to try a link");
		fds_close(&fd);
		return try_failed(s, &f);
	}
	(void)close(fd);
	s->links = true;
	for (size_t i = 0; i < s->roots; i++)
		if (!try_link(s, &s->root[i], st.st_dev))
			s->links = false;
	(void)unlinkat(s->queue, TRY_FILE, 0);
	return s->links;
}
