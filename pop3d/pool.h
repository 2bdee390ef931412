/* SPDX-License-Identifier: ISC */
/*
 * pool.h: processes that wait, each for one login, on the listening socket.
 *
 * A Landlock domain is for life, so a process serves one mailbox and ends. The
 * parent reads nothing from anybody; it forks ahead of need, several at a
 * time, so that no login waits for a fork.
 */
#ifndef POP3D_POOL_H
#define POP3D_POOL_H

#include <stdint.h>

#include "fault.h"

#define POOL_PROCESSES_MAX 4096

struct pool {
	uint64_t start, min_idle, max;
	/* In a child: serve the one who has come. The child then ends. */
	void (*serve)(void *arg, int connection);
	/* In the parent, while `max` are at work: tell him to come later. */
	void (*refuse)(void *arg, int connection);
	void *arg;
};

/*
 * On the listening socket that is fd 0. Ends by SIGTERM (children too, each at
 * its next command) or SIGHUP (who is in a session stays in it).
 */
enum outcome pool_run(const struct pool *, struct fault *) MUST_USE;

#endif
