/* SPDX-License-Identifier: ISC */
/*
 * mailbox.c: link into new/, copy across file systems, sync when asked.
 *
 * Trusts queue-run for what to deliver, and no one for where: each path is
 * opened beneath the mail directory, through no symbolic link.
 */
#include "mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "prog.h"

#define COPY_CHUNK    (256UL * 1024) /* octets of one read() of a copy. Ours */
#define SPARE_FDS     256 /* descriptors left for clients and the rest. Ours */
#define LOOK_REPEATS  4 /* listings of a directory that changes under us */
#define FILE_NAME_MAX 256 /* NAME_MAX and its 0 */
/* Dot names: nobody looks at them; one that a kill left goes at the next try. */
#define TRY_NAME     ".try-link"
#define TRY_FILE     "in/" TRY_NAME
#define NEW_PATH_MAX (RESOLVE_PATH_MAX + 8) /* path, "/new" or "/tmp", 0 */

struct mailbox {
	char path[RESOLVE_PATH_MAX + 1];
	uint32_t hash;
	int fd; /* its new/ */
	dev_t dev;
	ino_t ino;
	uint64_t round; /* when it was last found to be what path names */
	int32_t chain, newer, older;
};

/* ---- What goes wrong, said once ---- */

/*
 * A person must know. A store that is away makes every message fail the same
 * way: the alarm is about the store, so one a minute is enough.
 */
static void
alarm_once(struct mailbox_store *s, const char *path, const struct fault *f)
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
	record_puts(out, "code", f->code);
	record_puts(out, "text", f->text);
	journal_end(s->journal, out);
}

/* The enhanced code of a failed call in the store. RFC 3463 3.3, 3.4. */
static const char *
code_of(int error)
{
	switch (error) {
	case ENOSPC:
		return "4.3.1";
	case EDQUOT:
		return "4.2.2";
	default:
		return "4.3.0";
	}
}

static enum outcome
trouble(struct mailbox_store *s, const char *path, int error, const char *what,
    struct fault *f)
{
	(void)fault_set(
	    f, TEMP, code_of(error), error, "mailbox %s: %s", path, what);
	alarm_once(s, path, f);
	return TEMP;
}

static enum outcome
no_mailbox(
    struct mailbox_store *s, const char *path, int error, struct fault *f)
{
	(void)fault_set(
	    f, TEMP, "4.2.0", error, "mailbox %s: cannot be opened", path);
	alarm_once(s, path, f);
	return TEMP;
}

/* ---- File systems ---- */

static enum outcome
add_root(struct mailbox_store *s, int dir, dev_t dev, struct fault *f)
{
	int fd;

	for (size_t i = 0; i < s->roots; i++)
		if (s->root[i].dev == dev)
			return OK;
	if (s->roots == MAILBOX_ROOTS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "more than %d file systems under the mail directory",
		    MAILBOX_ROOTS_MAX);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "mailbox root");
	s->root[s->roots++] = (struct mailbox_root){ dev, fd };
	return OK;
}

/* Field 5 of a line is the mount point, with \040 for a space. proc(5). */
static void
unescape_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
		    from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 +
			    (from[2] - '0') * 8 + (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/*
 * What is mounted beneath the mail directory is synced too by `sync all`, also
 * when nothing was delivered there since we started: queue-run's restart rests
 * on it.
 */
static enum outcome
add_mounts_beneath(struct mailbox_store *s, const char *mail, struct fault *f)
{
	char root[4096], *line = NULL, *point, *end;
	size_t size = 0, n;
	struct stat st;
	FILE *mounts;
	int fd;
	enum outcome got = OK;

	if (realpath(mail, root) == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", mail);
	n = strlen(root);
	mounts = fopen("/proc/self/mountinfo", "re");
	if (mounts == NULL)
		return OK; /* no /proc: then the mail directory's own only */
	while (got == OK && getline(&line, &size, mounts) > 0) {
		point = line;
		for (int i = 0; i < 4 && point != NULL; i++) {
			point = strchr(point, ' ');
			point = point == NULL ? NULL : point + 1;
		}
		if (point == NULL || (end = strchr(point, ' ')) == NULL)
			continue;
		*end = '\0';
		unescape_octal(point);
		if (strncmp(point, root, n) != 0 || point[n] != '/')
			continue;
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1)
			continue; /* a file, or not ours to read */
		if (fstat(fd, &st) == 0)
			got = add_root(s, fd, st.st_dev, f);
		(void)close(fd);
	}
	free(line);
	(void)fclose(mounts);
	return got;
}

/* ---- The open new/ directories, by last use ---- */

static uint32_t
hash_path(const char *path)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * 16777619U;
	return h;
}

static void
list_remove(struct mailbox_store *s, int32_t i)
{
	struct mailbox *m = &s->open[i];

	if (m->newer == -1)
		s->newest = m->older;
	else
		s->open[m->newer].older = m->older;
	if (m->older == -1)
		s->oldest = m->newer;
	else
		s->open[m->older].newer = m->newer;
}

static void
list_put_first(struct mailbox_store *s, int32_t i)
{
	struct mailbox *m = &s->open[i];

	m->newer = -1;
	m->older = s->newest;
	if (s->newest != -1)
		s->open[s->newest].newer = i;
	s->newest = i;
	if (s->oldest == -1)
		s->oldest = i;
}

static int32_t *
bucket_of(struct mailbox_store *s, uint32_t hash)
{
	return &s->bucket[hash & (s->buckets - 1)];
}

static struct mailbox *
find_open(struct mailbox_store *s, const char *path)
{
	uint32_t hash = hash_path(path);

	for (int32_t i = *bucket_of(s, hash); i != -1; i = s->open[i].chain)
		if (s->open[i].hash == hash &&
		    strcmp(s->open[i].path, path) == 0)
			return &s->open[i];
	return NULL;
}

/* Close it; its place goes to the end of the list, marked free by fd -1. */
static void
drop(struct mailbox_store *s, struct mailbox *m)
{
	int32_t i = (int32_t)(m - s->open), *link = bucket_of(s, m->hash);

	while (*link != i)
		link = &s->open[*link].chain;
	*link = m->chain;
	(void)close(m->fd);
	m->fd = -1;
	list_remove(s, i);
	m->newer = s->oldest;
	m->older = -1;
	if (s->oldest != -1)
		s->open[s->oldest].older = i;
	s->oldest = i;
	if (s->newest == -1)
		s->newest = i;
}

static int32_t
free_place(struct mailbox_store *s)
{
	int32_t i;

	if (s->oldest != -1 && s->open[s->oldest].fd == -1) {
		i = s->oldest;
		list_remove(s, i);
		return i;
	}
	if (s->used < s->most)
		return (int32_t)s->used++;
	i = s->oldest;
	drop(s, &s->open[i]);
	list_remove(s, s->oldest);
	return i;
}

/* A directory of a mailbox: beneath the root, through no symbolic link. */
static int
open_part(struct mailbox_store *s, const char *path, const char *part)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS };
	char name[NEW_PATH_MAX];

	(void)snprintf(name, sizeof(name), "%s/%s", path, part);
	return (int)syscall(SYS_openat2, s->mail, name, &how, sizeof(how));
}

/* Does path still name the directory that we hold? */
static bool
is_current(struct mailbox_store *s, const struct mailbox *m)
{
	char name[NEW_PATH_MAX];
	struct stat st;

	if (m->round == s->round)
		return true;
	(void)snprintf(name, sizeof(name), "%s/new", m->path);
	return fstatat(s->mail, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == m->ino && st.st_dev == m->dev;
}

static enum outcome
open_new(struct mailbox_store *s, const char *path, struct mailbox **out,
    struct fault *f)
{
	struct mailbox *m;
	struct stat st;
	int32_t i, *head;
	int fd = open_part(s, path, "new");

	if (fd == -1)
		return no_mailbox(s, path, errno, f);
	if (fstat(fd, &st) != 0) {
		(void)trouble(s, path, errno, "stat", f);
		(void)close(fd);
		return TEMP;
	}
	if (add_root(s, fd, st.st_dev, f) != OK) {
		(void)close(fd);
		return TEMP;
	}
	i = free_place(s);
	m = &s->open[i];
	(void)span_copy(span_of(path), m->path, sizeof(m->path));
	m->hash = hash_path(path);
	m->fd = fd;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->round = s->round;
	head = bucket_of(s, m->hash);
	m->chain = *head;
	*head = i;
	list_put_first(s, i);
	*out = m;
	return OK;
}

/*
 * The mailbox, from what is kept where that is still what path names: an
 * operator may have renamed one and made another in its place.
 */
static enum outcome
get_new(struct mailbox_store *s, const char *path, struct mailbox **out,
    struct fault *f)
{
	struct mailbox *m = find_open(s, path);

	if (m != NULL && !is_current(s, m)) {
		drop(s, m);
		m = NULL;
	}
	if (m == NULL)
		return open_new(s, path, out, f);
	m->round = s->round;
	if (s->newest != (int32_t)(m - s->open)) {
		list_remove(s, (int32_t)(m - s->open));
		list_put_first(s, (int32_t)(m - s->open));
	}
	*out = m;
	return OK;
}

/* ---- Looking for a name after a restart ---- */

/* One listing: is there a name with this base? -1: could not be read. */
static int
list_has_base(int dir, struct span base)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    found = 0;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	errno = 0;
	while (found == 0 && (e = readdir(d)) != NULL)
		if (span_same(maildir_base(span_of(e->d_name)), base))
			found = 1;
	if (found == 0 && errno != 0)
		found = -1;
	(void)closedir(d);
	return found;
}

/*
 * A reader that changes flags renames within the directory, and a listing that
 * runs meanwhile may miss the name: list again while the directory changes.
 */
static int
has_base(int dir, struct span base)
{
	struct stat before, after;
	int found = 0;

	if (fstat(dir, &after) != 0)
		return -1;
	for (int i = 0; found == 0 && i < LOOK_REPEATS; i++) {
		before = after;
		found = list_has_base(dir, base);
		if (fstat(dir, &after) != 0)
			return -1;
		if (before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
			break;
	}
	return found;
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
	struct span base = span_of(req->name);
	struct stat st;
	int cur, got;

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
	got = has_base(m->fd, base);
	if (got == 0) {
		cur = open_part(s, m->path, "cur");
		if (cur == -1)
			return no_mailbox(s, m->path, errno, f);
		got = has_base(cur, base);
		(void)close(cur);
	}
	if (got == -1)
		return trouble(s, m->path, errno, "list", f);
	*found = got == 1;
	return OK;
}

/* ---- Copies ---- */

static enum outcome
copy_octets(struct mailbox_store *s, int from, int to, const char *path,
    struct fault *f)
{
	ssize_t n;

	if (!buf_reserve(&s->copy, COPY_CHUNK))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "copy");
	for (;;) {
		n = read(from, s->copy.p, COPY_CHUNK);
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
				return trouble(s, path, errno, "write", f);
		}
	}
	/* The content must be on disk before a reader may see the name. */
	if (fsync(to) != 0)
		return trouble(s, path, errno, "fsync of a copy", f);
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
	tmp = open_part(s, m->path, "tmp");
	if (tmp == -1)
		return no_mailbox(s, m->path, errno, f);
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
		(void)trouble(s, m->path, errno, "create in tmp", f);
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
		(void)trouble(s, m->path, errno, "link from tmp to new", f);
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
	 * there, the mailbox was removed since we looked: once more, afresh.
	 */
	if (error == ENOENT &&
	    fstatat(s->queue, req->file, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		drop(s, m);
		if (open_new(s, req->path, &m, f) != OK)
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
		return trouble(s, req->path, error, "link into new", f);
	}
}

enum outcome
mailbox_deliver(struct mailbox_store *s, const struct deliver_req *req,
    enum deliver_how *how, struct fault *f)
{
	struct mailbox *m;
	bool found;

	*how = DELIVER_NONE;
	if (get_new(s, req->path, &m, f) != OK)
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

enum outcome
mailbox_sync(struct mailbox_store *s, const char *path, struct fault *f)
{
	struct mailbox *m = find_open(s, path);
	int cur;

	/*
	 * The directory that was linked into is the one to sync. Where path
	 * names another by now, it is not known what is on disk: the message
	 * is looked for, or delivered, again.
	 */
	if (m != NULL && !is_current(s, m)) {
		drop(s, m);
		return fault_set(f, TEMP, "4.2.0", 0,
		    "mailbox %s: moved or replaced since the delivery", path);
	}
	if (m == NULL && open_new(s, path, &m, f) != OK)
		return f->outcome;
	if (fsync(m->fd) != 0)
		return trouble(s, path, errno, "fsync of new", f);
	cur = open_part(s, path, "cur");
	if (cur == -1)
		return no_mailbox(s, path, errno, f);
	if (fsync(cur) != 0) {
		(void)trouble(s, path, errno, "fsync of cur", f);
		(void)close(cur);
		return f->outcome;
	}
	(void)close(cur);
	return OK;
}

enum outcome
mailbox_sync_all(struct mailbox_store *s, struct fault *f)
{
	enum outcome got = OK;

	/*
	 * Twice: one syncfs is not one instant where there is no journal. cur/
	 * may be written, a reader moves a message there, new/ is written.
	 * All of them even after an error, so that each is told.
	 */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->roots; i++)
			if (syncfs(s->root[i].fd) != 0)
				got = trouble(s, ".", errno, "syncfs", f);
	return got;
}

void
mailbox_next_round(struct mailbox_store *s)
{
	s->round++;
}

/* ---- Begin and end ---- */

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
	alarm_once(s, ".", &f);
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
		alarm_once(s, ".", &f);
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

/* As many kept directories as the limit on descriptors leaves room for. */
static size_t
directories_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * SPARE_FDS)
		return 16;
	if (limit.rlim_cur - SPARE_FDS > MAILBOX_OPEN_MAX)
		return MAILBOX_OPEN_MAX;
	return (size_t)limit.rlim_cur - SPARE_FDS;
}

enum outcome
mailbox_store_open(struct mailbox_store *s, const char *queue, const char *mail,
    struct journal *journal, struct fault *f)
{
	struct stat st;

	*s = (struct mailbox_store){ .queue = -1,
		.mail = -1,
		.journal = journal,
		.newest = -1,
		.oldest = -1,
		.round = 1,
		.copy = BUF_INIT(COPY_CHUNK) };
	s->queue = open(queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->queue == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "queue %s", queue);
	s->mail = open(mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->mail == -1 || fstat(s->mail, &st) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "mail %s", mail);
	if (add_root(s, s->mail, st.st_dev, f) != OK ||
	    add_mounts_beneath(s, mail, f) != OK)
		return f->outcome;
	s->most = directories_max();
	s->buckets = 2 * MAILBOX_OPEN_MAX;
	s->open = calloc(s->most, sizeof(*s->open));
	s->bucket = malloc(s->buckets * sizeof(*s->bucket));
	if (s->open == NULL || s->bucket == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "mailboxes");
	for (size_t i = 0; i < s->buckets; i++)
		s->bucket[i] = -1;
	return OK;
}

void
mailbox_store_free(struct mailbox_store *s)
{
	for (int32_t i = s->newest; i != -1; i = s->open[i].older)
		if (s->open[i].fd != -1)
			(void)close(s->open[i].fd);
	for (size_t i = 0; i < s->roots; i++)
		(void)close(s->root[i].fd);
	if (s->mail != -1)
		(void)close(s->mail);
	if (s->queue != -1)
		(void)close(s->queue);
	free(s->open);
	free(s->bucket);
	buf_free(&s->copy);
	*s = (struct mailbox_store){ .queue = -1, .mail = -1, .newest = -1 };
}
