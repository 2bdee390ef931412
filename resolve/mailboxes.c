/* SPDX-License-Identifier: ISC */
/* mailboxes.c: mailboxes of the mail store. */
#include "mailboxes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"

#define FILE_NAME_MAX 255 /* octets; Linux's NAME_MAX */

/* Of a Maildir, in the order in which they are made. */
static const char *const parts[] = { "tmp", "cur", "new" };
#define PARTS 3

static bool
is_plain(int c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '_' ||
	    c == '+' || c == '=' || c == '-';
}

enum outcome
mailboxes_path(
    const struct address *a, char out[RESOLVE_PATH_MAX + 1], struct fault *f)
{
	struct span local = address_local(a), domain = address_domain(a);
	struct buf b = BUF_INIT(RESOLVE_PATH_MAX);
	size_t name, n;
	bool fits;

	buf_add(&b, domain);
	buf_addc(&b, '/');
	name = b.len;
	while (local.len > 0) {
		int c = (unsigned char)local.p[0];

		n = c > 0x7F ? utf8_printable(local) : is_plain(c) ? 1 : 0;
		if (n == 0 || (c == '.' && b.len == name)) {
			buf_addf(&b, "%%%02X", (unsigned)c);
			n = 1;
		} else {
			buf_add(&b, span_head(local, n));
		}
		local = span_from(local, n);
	}
	fits =
	    !buf_failed(&b) && domain.len > 0 && b.len - name <= FILE_NAME_MAX;
	(void)span_copy(buf_span(&b), out, RESOLVE_PATH_MAX + 1);
	buf_free(&b);
	return fits ? OK
	            : fault_set(f, PERM, "5.3.5", 0,
	                  "the address is too long for a path: give --path");
}

static enum outcome
sync_fd(int fd, struct fault *f)
{
	if (fsync(fd) == 0)
		return OK;
	return fault_set(f, TEMP, "4.3.0", errno, "fsync a mail directory");
}

/* One directory below `at`; *fd is a new descriptor of it. */
static enum outcome
enter(int at, const char *name, bool *existed, int *fd, struct fault *f)
{
	bool foreign;

	*existed = mkdirat(at, name, 0700) != 0;
	if (*existed && errno != EEXIST)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "make a mail directory");
	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd != -1)
		return OK;
	foreign = errno == ENOTDIR || errno == ELOOP;
	return fault_set(f, foreign ? PERM : TEMP, foreign ? "5.3.5" : "4.3.0",
	    errno, "open a mail directory");
}

/*
 * From `at` down to the mailbox, and its parts: what lies below is made and
 * synced before the directory that names it. A directory that existed is synced
 * as well: the run that made it may have been cut short.
 */
static enum outcome
make_below(int at, struct span path, bool is_part, bool sync, bool *existed,
    struct fault *f)
{
	char name[FILE_NAME_MAX + 1];
	struct span first;
	enum outcome got = OK;
	bool ignored;
	int fd;

	if (!span_next(&path, '/', &first)) {
		for (size_t i = 0; got == OK && i < PARTS; i++)
			got = make_below(
			    at, span_of(parts[i]), true, sync, &ignored, f);
		return got;
	}
	(void)span_copy(first, name, sizeof(name)); /* its length is safe */
	if (enter(at, name, existed, &fd, f) != OK)
		return f->outcome;
	if (!is_part)
		got = make_below(fd, path, false, sync, existed, f);
	if (got == OK && sync)
		got = sync_fd(fd, f);
	(void)close(fd);
	return got;
}

enum outcome
mailboxes_open(const char *directory, int *root, struct fault *f)
{
	*root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*root != -1)
		return OK;
	return fault_set(f, TEMP, "4.3.0", errno,
	    "mail directory %s (is it mounted?)", directory);
}

enum outcome
mailboxes_make(
    int root, struct span path, bool sync, bool *existed, struct fault *f)
{
	if (!resolve_path_is_safe(path))
		return fault_set(f, PERM, "5.3.5", 0,
		    "not a path within the mail directory");
	if (make_below(root, path, false, sync, existed, f) != OK)
		return f->outcome;
	return sync ? sync_fd(root, f) : OK;
}

enum outcome
mailboxes_sync(int root, struct fault *f)
{
	if (syncfs(root) == 0)
		return OK;
	return fault_set(f, TEMP, "4.3.0", errno, "sync the mail directory");
}

bool
mailboxes_has(const char *directory, struct span path)
{
	char name[PATH_TEXT_MAX + RESOLVE_PATH_MAX + 4096];
	struct stat st;
	int n = snprintf(name, sizeof(name), "%s/" SPAN_FMT "/new", directory,
	    SPAN_ARG(path));

	return n > 0 && (size_t)n < sizeof(name) && stat(name, &st) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* ---- what is in it */

/* The mailbox itself; -1 and errno. */
static int
open_mailbox(const char *directory, struct span path)
{
	char name[RESOLVE_PATH_MAX + 1];
	int root, fd, error;

	if (!resolve_path_is_safe(path) ||
	    !span_copy(path, name, sizeof(name))) {
		errno = EINVAL;
		return -1;
	}
	root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root == -1)
		return -1;
	fd = fds_open_beneath(root, name);
	error = errno;
	(void)close(root);
	errno = error;
	return fd;
}

/* All names of a part that are not of the directory itself; each: or NULL. */
static int
walk_part(int mailbox, const char *part, size_t *n,
    int (*each)(int dir, const char *name))
{
	int fd = openat(
	    mailbox, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int got = 0;

	if (dir == NULL) {
		fds_close(&fd);
		return errno == ENOENT ? 0 : -1;
	}
	while (got == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		*n += entry->d_name[0] != '.';
		if (each != NULL)
			got = each(dirfd(dir), entry->d_name);
	}
	if (errno != 0)
		got = -1;
	(void)closedir(dir);
	return got;
}

size_t
mailboxes_count(const char *directory, struct span path)
{
	int fd = open_mailbox(directory, path);
	size_t n = 0;

	for (size_t i = 1; fd != -1 && i < PARTS; i++)
		if (walk_part(fd, parts[i], &n, NULL) != 0)
			break;
	fds_close(&fd);
	return n;
}

static int
delete_file(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

/* Its directory, where nothing else lies in it. */
static enum outcome
delete_mailbox(
    int mailbox, const char *directory, struct span path, struct fault *f)
{
	char name[RESOLVE_PATH_MAX + 1], *slash;
	int root = -1, parent = -1;
	enum outcome got = OK;
	size_t ignored = 0;

	for (size_t i = 0; i < PARTS; i++)
		if (walk_part(mailbox, parts[i], &ignored, delete_file) != 0 ||
		    (unlinkat(mailbox, parts[i], AT_REMOVEDIR) != 0 &&
		        errno != ENOENT))
			return fault_set(f, TEMP, "4.3.0", errno,
			    "delete what is in %s/" SPAN_FMT, directory,
			    SPAN_ARG(path));
	(void)span_copy(path, name, sizeof(name)); /* it is safe */
	slash = strrchr(name, '/');
	root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (slash != NULL)
		*slash = '\0';
	parent = slash == NULL ? root : fds_open_beneath(root, name);
	if (parent == -1 ||
	    (unlinkat(parent, slash == NULL ? name : slash + 1, AT_REMOVEDIR) !=
	            0 &&
	        errno != ENOENT && errno != ENOTEMPTY))
		got = fault_set(f, TEMP, "4.3.0", errno, "delete %s/" SPAN_FMT,
		    directory, SPAN_ARG(path));
	if (got == OK)
		got = sync_fd(parent, f);
	if (parent != root)
		fds_close(&parent);
	fds_close(&root);
	return got;
}

enum outcome
mailboxes_purge(const char *directory, struct span path, struct fault *f)
{
	int fd = open_mailbox(directory, path);
	enum outcome got;

	if (fd == -1 && errno == ENOENT)
		return OK;
	if (fd == -1)
		return fault_set(f,
		    errno == ELOOP || errno == ENOTDIR ? PERM : TEMP,
		    errno == ELOOP || errno == ENOTDIR ? "5.3.5" : "4.3.0",
		    errno, "open %s/" SPAN_FMT, directory, SPAN_ARG(path));
	got = delete_mailbox(fd, directory, path, f);
	(void)close(fd);
	return got;
}

/* All directories above the last component of a path; the last one's
   descriptor, or -1 and a fault. */
static int
make_parent(
    int root, struct span path, char last[FILE_NAME_MAX + 1], struct fault *f)
{
	char name[FILE_NAME_MAX + 1];
	int at = dup(root), next;
	struct span part;
	bool ignored;

	if (at == -1)
		(void)fault_set(f, TEMP, "4.3.0", errno, "open a mailbox");
	while (at != -1 && span_next(&path, '/', &part)) {
		(void)span_copy(part, name, sizeof(name)); /* it is safe */
		if (path.len == 0) {
			memcpy(last, name, sizeof(name));
			break;
		}
		if (enter(at, name, &ignored, &next, f) != OK ||
		    sync_fd(at, f) != OK)
			next = -1;
		(void)close(at);
		at = next;
	}
	return at;
}

static enum outcome
move_below(int root, struct span from, struct span to, struct fault *f)
{
	char old_name[FILE_NAME_MAX + 1], new_name[FILE_NAME_MAX + 1];
	int old = make_parent(root, from, old_name, f), new = -1;
	enum outcome got = TEMP;

	if (old != -1)
		new = make_parent(root, to, new_name, f);
	if (new == -1)
		got = f->outcome;
	else if (renameat2(old, old_name, new, new_name, RENAME_NOREPLACE) != 0)
		got = fault_set(f, errno == EEXIST ? PERM : TEMP,
		    errno == EEXIST ? "5.3.5" : "4.3.0", errno,
		    "move the mailbox to " SPAN_FMT, SPAN_ARG(to));
	else
		got = sync_fd(new, f) == OK ? sync_fd(old, f) : f->outcome;
	fds_close(&old);
	fds_close(&new);
	return got;
}

enum outcome
mailboxes_move(
    const char *directory, struct span from, struct span to, struct fault *f)
{
	enum outcome got;
	int root;

	if (!mailboxes_has(directory, from))
		return mailboxes_has(directory, to)
		    ? OK
		    : fault_set(f, PERM, "5.3.5", 0,
		          "there is no mailbox %s/" SPAN_FMT, directory,
		          SPAN_ARG(from));
	if (mailboxes_open(directory, &root, f) != OK)
		return f->outcome;
	got = move_below(root, from, to, f);
	(void)close(root);
	return got;
}
