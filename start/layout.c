/* SPDX-License-Identifier: ISC */
/* layout.c: the parts of a home. */
#include "layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "identity.h"
#include "store_state.h"
#include "users.h"

#define AT(member) offsetof(struct settings, member)

/* The set-group-id bit hands a directory's group on: to databases that a change
   of the directory replaces. */
const struct layout_row layout_rows[] = {
	{ ".", 0, NULL, NULL, 0711, false, false },
	{ "run", 0, NULL, NULL, 0711, false, false },
	{ "queue", AT(queue.directory), "store", "store", 0700, false, true },
	{ "mail", AT(mail.directory), "store", "store", 0700, false, false },
	{ "quota", 0, "store", NULL, 02750, false, false },
	{ "journal", 0, "journal", "journal", 0700, false, false },
	{ "lists", 0, NULL, "smtpd", 02750, false, false },
	{ "directory", 0, "directory", "look", 02750, false, false },
	{ "directory/entries.cdb", 0, "directory", "look", 0640, true, false },
	{ "secrets", 0, "directory", "secret", 02750, false, false },
	{ "secrets/secrets", 0, "directory", "secret", 0600, true, false },
	{ "secrets/secrets.cdb", 0, "directory", "secret", 0640, true, false },
	{ "secrets/salt-key", 0, "directory", "secret", 0640, true, false },
	{ "tls", 0, NULL, "tls", 02750, false, false },
	{ "ca", 0, NULL, NULL, 0750, false, false },
	{ "pneu.conf", 0, NULL, NULL, 0640, true, false },
	{ NULL, 0, NULL, NULL, 0, false, false },
};

const char *
layout_path(const struct layout_row *row, const struct settings *s)
{
	if (row->setting == 0)
		return row->path;
	return *(char *const *)(const void *)((const char *)s + row->setting);
}

/* ---- whose it shall be ---- */

struct owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	char user[IDENTITY_NAME_MAX + 1], group[IDENTITY_NAME_MAX + 1];
};

static enum outcome
find_owner(const struct layout_row *row, uid_t home_owner, struct owner *o,
    struct fault *f)
{
	struct identity who;

	*o = (struct owner){ .uid = home_owner, .mode = row->mode };
	(void)snprintf(o->user, sizeof(o->user), USERS_OWNER);
	if (row->user != NULL) {
		if (users_find_user(row->user, &who, f) != OK)
			return f->outcome;
		o->uid = who.uid;
		(void)snprintf(o->user, sizeof(o->user), "%s", who.name);
	}
	if (row->group == NULL) {
		(void)snprintf(o->group, sizeof(o->group), USERS_OWNER);
		return users_find_callers(NULL, &o->gid, f);
	}
	if (users_find_user(row->group, &who, f) != OK)
		return f->outcome;
	o->gid = who.gid;
	(void)snprintf(o->group, sizeof(o->group), "%s", who.name);
	return OK;
}

/* ---- making ---- */

/* Everything in a directory that was the home's owner's; nothing else, for root
   gives away no file that somebody put there. It takes dir. 0, or errno. */
static int
give_within(int dir, uid_t from, const struct owner *o)
{
	DIR *d = fdopendir(dir);
	const struct dirent *e;
	struct stat st;
	int fd, error = 0;

	if (d == NULL) {
		error = errno;
		(void)close(dir);
		return error;
	}
	while (error == 0 && (e = readdir(d)) != NULL) {
		const char *name = e->d_name;

		if (span_is_word(span_of(name), ". ..") ||
		    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    st.st_uid != from)
			continue;
		fd = !S_ISDIR(st.st_mode)
		    ? -1
		    : openat(dir, name,
		          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd != -1)
			error = give_within(fd, from, o);
		if (error == 0 &&
		    fchownat(dir, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) !=
		        0)
			error = errno;
	}
	(void)closedir(d);
	return error;
}

/* Relative names are followed through no link: root does this in a directory
   that the home's owner can write. */
static int
open_part(const char *path)
{
	if (path[0] == '/' || strcmp(path, ".") == 0)
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fds_open_beneath(AT_FDCWD, path);
}

static enum outcome
make_directory(const char *path, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	char parent[LAYOUT_PATH_MAX] = ".";
	int dir = -1, error = 0;

	if (slash != NULL && slash != path)
		(void)span_copy(
		    span_head(span_of(path), (size_t)(slash - path)), parent,
		    sizeof(parent));
	dir = open_part(parent);
	if (dir == -1 ||
	    (mkdirat(dir, slash == NULL ? path : slash + 1, 0700) != 0 &&
	        errno != EEXIST) ||
	    fsync(dir) != 0)
		error = errno;
	fds_close(&dir);
	if (error != 0)
		return fault_set(f, PERM, "5.3.5", error, "make %s", path);
	return OK;
}

/* Its content first: a run that was cut short is found by the directory. */
static enum outcome
give(const char *path, uid_t from, const struct owner *o, struct fault *f)
{
	int fd = open_part(path), within, error = 0;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) != 0) {
		fault_set(f, PERM, "5.3.5", errno, "%s", path);
		goto out;
	}
	if (st.st_uid == from && o->uid != from &&
	    (within = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) !=
	        -1)
		error = give_within(within, from, o);
	if (error != 0)
		fault_set(f, PERM, "5.3.5", error, "give what lies in %s to %s",
		    path, o->user);
	else if (fchown(fd, o->uid, o->gid) != 0 || fchmod(fd, o->mode) != 0)
		fault_set(
		    f, PERM, "5.3.5", errno, "give %s to %s", path, o->user);
out:
	fds_close(&fd);
	return f->outcome;
}

/* Files of ours whose readers are others: a home of before has them closed. */
static enum outcome
open_file(const char *path, const struct owner *o, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	f->outcome = OK;
	if (fd == -1 && errno != ENOENT)
		return fault_set(f, PERM, "5.3.5", errno, "%s", path);
	if (fd != -1 &&
	    (fchown(fd, o->uid, o->gid) != 0 || fchmod(fd, o->mode) != 0))
		fault_set(
		    f, PERM, "5.3.5", errno, "give %s to %s", path, o->group);
	fds_close(&fd);
	return f->outcome;
}

static enum outcome
make_states(const char *queue, uid_t from, const struct owner *o, bool separate,
    struct fault *f)
{
	char path[LAYOUT_PATH_MAX];

	for (int i = 0; i < STORE_DIRECTORIES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", queue,
		    store_state_word((enum store_state)i));
		if (make_directory(path, f) != OK ||
		    (separate && give(path, from, o, f) != OK))
			return f->outcome;
	}
	return OK;
}

static enum outcome
make_row(const struct layout_row *row, const struct settings *s, uid_t from,
    struct fault *f)
{
	bool separate = s->pneu.users == USERS_SEPARATE;
	const char *path = layout_path(row, s);
	struct owner o = { .uid = from };

	f->outcome = OK;
	if (separate && find_owner(row, from, &o, f) != OK)
		return f->outcome;
	if (row->is_file)
		return separate ? open_file(path, &o, f) : OK;
	if (strcmp(path, ".") != 0 && make_directory(path, f) != OK)
		return f->outcome;
	if (row->has_states && make_states(path, from, &o, separate, f) != OK)
		return f->outcome;
	if (separate)
		return give(path, from, &o, f);
	/* Everybody's way to the socket that is for all. */
	if ((row->mode & 0001) != 0 && chmod(path, row->mode) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "%s", path);
	return OK;
}

enum outcome
layout_make(const struct settings *s, struct fault *f)
{
	bool separate = s->pneu.users == USERS_SEPARATE;
	uid_t from = geteuid(), was = from;

	if (separate && getuid() != 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "[pneu] users = separate: only root can give the parts of "
		    "the home to their users");
	if (separate)
		was = identity_raise();
	f->outcome = OK;
	for (const struct layout_row *r = layout_rows; r->path; r++)
		if (make_row(r, s, from, f) != OK)
			break;
	identity_lower(was);
	return f->outcome;
}

/* ---- comparing ---- */

static void
compare(const char *path, const char *home, const struct owner *o,
    struct buf *out, size_t *found)
{
	bool absolute = path[0] == '/', is_home = strcmp(path, ".") == 0;
	uid_t was = identity_raise();
	struct stat st;
	int got = lstat(path, &st), error = errno;

	identity_lower(was);
	if (got != 0 && error == ENOENT)
		return;
	if (got == 0 && st.st_uid == o->uid && st.st_gid == o->gid &&
	    (st.st_mode & 07777) == o->mode)
		return;
	(*found)++;
	if (got != 0)
		buf_addf(out, "%s: %s: look as root\n", path, strerror(error));
	else
		buf_addf(out,
		    "%s has uid %lu, gid %lu, mode %04o: `chown %s:%s "
		    "%s%s%s; chmod %o %s%s%s`\n",
		    path, (unsigned long)st.st_uid, (unsigned long)st.st_gid,
		    (unsigned)(st.st_mode & 07777), o->user, o->group,
		    absolute ? "" : home, absolute || is_home ? "" : "/",
		    is_home ? "" : path, (unsigned)o->mode,
		    absolute ? "" : home, absolute || is_home ? "" : "/",
		    is_home ? "" : path);
}

/* All is one user's: others must not write it, or read secrets. */
static void
compare_owner(const char *path, uid_t owner, const char *home, struct buf *out,
    size_t *found)
{
	struct stat st;
	bool is_secret = strncmp(path, "secrets", 7) == 0;

	if (lstat(path, &st) != 0 ||
	    (st.st_uid == owner && (st.st_mode & (is_secret ? 077 : 022)) == 0))
		return;
	if (is_secret && st.st_uid == owner && strchr(path, '/') != NULL &&
	    (st.st_mode & 027) == 0)
		return; /* a database, in a directory that is closed */
	(*found)++;
	buf_addf(out,
	    "%s has uid %lu, mode %04o: `chown %lu %s/%s; chmod go-%s %s/%s`\n",
	    path, (unsigned long)st.st_uid, (unsigned)(st.st_mode & 07777),
	    (unsigned long)owner, home, path, is_secret ? "rwx" : "w", home,
	    path);
}

size_t
layout_check(const struct settings *s, const char *home, struct buf *out)
{
	struct fault f = FAULT_NONE;
	struct owner o;
	struct stat st;
	size_t found = 0;

	if (stat(".", &st) != 0)
		return 0;
	for (const struct layout_row *r = layout_rows; r->path; r++) {
		const char *path = layout_path(r, s);

		if (s->pneu.users == USERS_ALL_OWNER) {
			compare_owner(path, st.st_uid, home, out, &found);
		} else if (find_owner(r, st.st_uid, &o, &f) == OK) {
			compare(path, home, &o, out, &found);
		} else {
			buf_addf(out, "%s: %s\n", path, f.text);
			found++;
		}
	}
	return found;
}
