/* SPDX-License-Identifier: ISC */
/* mailboxes.c: mailboxes of the mail store. */
#include "mailboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME_MAX 255 /* octets; Linux's NAME_MAX */

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
	static const char *const parts[] = { "tmp", "cur", "new" };
	char name[FILE_NAME_MAX + 1];
	struct span first;
	enum outcome got = OK;
	bool ignored;
	int fd;

	if (!span_next(&path, '/', &first)) {
		for (size_t i = 0; got == OK && i < 3; i++)
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
