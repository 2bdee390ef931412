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

/* Work as the owner of path from here. Not root: OK, nothing to do. PERM: the
   owner is root. */
enum outcome identity_take(const char *path, struct fault *) MUST_USE;
/* Around bind(): root again if we were root; gives what to go back to. */
uid_t identity_raise(void);
void identity_lower(uid_t);
/* In a child: the owner for good. PERM: root could be got back. */
enum outcome identity_drop(struct fault *) MUST_USE;

#endif
