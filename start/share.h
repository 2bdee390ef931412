/* SPDX-License-Identifier: ISC */
/*
 * share.h: what the supervisor makes in run/ and others may use, when programs
 * have users of their own (lib/users.h). It works as the home's owner and gives
 * things away to groups that it is in: nothing here needs root.
 */
#ifndef START_SHARE_H
#define START_SHARE_H

#include "fault.h"
#include "settings.h"

/*
 * At the start: join all groups of lib/users.h. PERM: not started by root, or
 * a user or group is missing; the text says what to do.
 */
enum outcome share_begin(struct fault *) MUST_USE;
/* The socket of a service: for those that may call it. */
enum outcome share_socket(
    const char *path, const char *service, struct fault *) MUST_USE;
/* The journal's FIFO: all may write. A configuration: all may read. */
enum outcome share_fifo(int fd, struct fault *) MUST_USE;
enum outcome share_config(int fd, struct fault *) MUST_USE;

#endif
