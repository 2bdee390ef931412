/* SPDX-License-Identifier: ISC */
/*
 * leader.h: the process of a pool that makes its workers. It has read what all
 * of them read (settings, lists, OpenSSL, certificates), serves no client, and
 * forks: so they share that memory. A worker is a child of the supervisor, as
 * any other process: clone(2), CLONE_PARENT.
 *
 * All workers of one leader have one layout of memory. Who made one of them
 * crash could use the next to guess on; so a leader ends when that happens, and
 * a new one is started (leader_end).
 */
#ifndef START_LEADER_H
#define START_LEADER_H

#include "spawn.h"

struct leader {
	pid_t pid; /* 0: there is none */
	int fd; /* the supervisor's end; -1 */
	bool ready; /* it has said that it can fork */
};

/* Start one, as this says; s->give gets the other end. TEMP: no process. */
enum outcome leader_start(
    struct leader *, struct spawn *s, struct fault *) MUST_USE;
/* Its fd can be read: it is ready, or at its end. */
void leader_event(struct leader *);
/*
 * A worker for this slot of the board. It waits for the answer, at most
 * LEADER_ANSWER_MS. TEMP: there is no worker; a leader that did not answer is
 * at its end.
 */
#define LEADER_ANSWER_MS 2000 /* to recvfrom, clone and sendto. Ours */
enum outcome leader_fork(
    struct leader *, size_t slot, pid_t *, struct fault *) MUST_USE;
/* End it, and forget it: who buries it need not know it. */
void leader_end(struct leader *);

#endif
