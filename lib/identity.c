/* SPDX-License-Identifier: ISC */
/* identity.c: root only where nothing else will do. */
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In force: these; and which may still be put in force. capset(2) */
static void
set_capabilities(uint32_t effective, uint32_t permitted)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct data[2] = {
		{ effective, permitted, 0 },
		{ 0, 0, 0 },
	};

	(void)syscall(SYS_capset, &head, data);
}

/* Of those that root has left here, which a unit may have cut. */
static uint32_t
permitted_now(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	(void)syscall(SYS_capget, &head, data);
	return data[0].permitted;
}

/* The change of the effective user has taken all of them out of force. */
static void
keep_kill(void)
{
	uint32_t permitted = permitted_now();

	set_capabilities(permitted & (1U << CAP_KILL), permitted);
}

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
	keep_kill();
	return OK;
}

enum outcome
identity_join(const gid_t *group, size_t groups, struct fault *f)
{
	uid_t was;
	int got;

	if (getuid() != 0)
		return OK;
	was = identity_raise();
	got = setgroups(groups, group);
	identity_lower(was);
	if (got == 0)
		return OK;
	return fault_set(f, TEMP, "4.3.0", errno, "join groups");
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

	if (geteuid() != was) {
		if (seteuid(was) != 0)
			abort(); /* going on as root is the one thing we never
			            do */
		keep_kill();
	}
	errno = error;
}

/* From the bounding set too: no program that it starts could have one. Where a
   unit left no CAP_SETPCAP, no_new_privs stands against that. */
static void
drop_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

enum outcome
identity_drop(const struct identity *who, struct fault *f)
{
	uid_t uid = who == NULL ? geteuid() : who->uid;
	gid_t gid = who == NULL ? getegid() : who->gid;

	if (getuid() != 0)
		return OK;
	if (seteuid(0) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "give up root");
	drop_bounds();
	if (setgroups(who == NULL ? 0 : who->groups,
	        who == NULL ? NULL : who->group) != 0 ||
	    setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "become %s",
		    who == NULL ? "the owner of the home" : who->name);
	set_capabilities(0, 0);
	if (setuid(0) == 0 || seteuid(0) == 0 || permitted_now() != 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "root could be got back: refusing to go on");
	return OK;
}
