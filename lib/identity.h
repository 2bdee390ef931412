/* SPDX-License-Identifier: ISC */
/*
 * identity.h: who we are when root started us.
 *
 * The supervisor works as the owner of the home from its first step, for root
 * must not follow names in a directory that somebody else can write; it takes
 * root back only to bind a port and to give a child its user.
 */
#ifndef LIB_IDENTITY_H
#define LIB_IDENTITY_H

#include <sys/types.h>

#include "fault.h"

#define IDENTITY_GROUPS_MAX 32 /* besides the first. Ours */
#define IDENTITY_NAME_MAX   32 /* octets of a user's name. useradd(8) */

struct identity {
	char name[IDENTITY_NAME_MAX + 1];
	uid_t uid;
	gid_t gid;
	gid_t group[IDENTITY_GROUPS_MAX];
	size_t groups;
};

/*
 * Work as the owner of path from here, and of root's rights keep only that to
 * signal children of other users, which also lets their death signal pass when
 * this process ends. Not root: OK, nothing to do. PERM: the owner is root.
 */
enum outcome identity_take(const char *path, struct fault *) MUST_USE;
/* Besides the owner's own group, from here. Not root: OK, nothing to do. */
enum outcome identity_join(
    const gid_t *group, size_t groups, struct fault *) MUST_USE;
/* Around bind(): root again if we were root; gives what to go back to. */
uid_t identity_raise(void);
void identity_lower(uid_t);
/*
 * This user for good, or with NULL the one that we work as, without other
 * groups; without any capability, or one that could come back. Not root: OK,
 * nothing to do. PERM: root could be got back.
 */
enum outcome identity_drop(const struct identity *, struct fault *) MUST_USE;

#endif
