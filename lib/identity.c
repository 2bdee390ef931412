/* SPDX-License-Identifier: ISC */
/* identity.c: root only where nothing else will do. */
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum outcome
identity_take(const char *path, struct fault *f)
{
	struct stat st;

	if (getuid() != 0 && geteuid() == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "a set-uid root program: nothing here needs that");
	if (getuid() != 0)
		return OK;
	if (stat(path, &st) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "%s", path);
	if (st.st_uid == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s belongs to root, and no program runs as root: "
		    "is -C DIR right? then chown it to the user who shall own "
		    "the mail",
		    strcmp(path, ".") == 0 ? "the home" : path);
	if (setgroups(0, NULL) != 0 || setegid(st.st_gid) != 0 ||
	    seteuid(st.st_uid) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "work as the owner of %s", path);
	return OK;
}

uid_t
identity_raise(void)
{
	uid_t was = geteuid();

	if (getuid() == 0)
		(void)!seteuid(0); /* a bind that then fails says why */
	return was;
}

void
identity_lower(uid_t was)
{
	int error = errno;

	if (geteuid() != was && seteuid(was) != 0)
		abort(); /* going on as root is the one thing we never do */
	errno = error;
}

enum outcome
identity_drop(struct fault *f)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (getuid() != 0)
		return OK;
	if (seteuid(0) != 0 || setgroups(0, NULL) != 0 ||
	    setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "give up root");
	if (setuid(0) == 0 || seteuid(0) == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "root could be got back: refusing to go on");
	return OK;
}
