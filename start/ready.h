/* SPDX-License-Identifier: ISC */
/*
 * ready.h: the order of the start, and which services answer.
 *
 * A line service answers when it closes a connection that ended without
 * a request; queue-run says so; a pool when a worker waits in accept(), or had a connection from it. A
 * listening socket alone proves nothing: the supervisor holds it.
 */
#ifndef START_READY_H
#define START_READY_H

#include "supervisor.h"

#define READY_AGAIN_MS 5 /* a pool that starts is looked at so often. Ours */

/* Ask those that are not ready; go to the next phase when all are. */
void ready_advance(struct supervisor *);
/* A probe's or a ready pipe's descriptor has something; -1: none is open. */
int ready_poll_fd(const struct pool *);
void ready_event(struct pool *);
/* Was this the tidying process? */
bool ready_buried(struct supervisor *, pid_t, int status);
/* When it has to be asked again; UINT64_MAX: not by the clock. */
uint64_t ready_deadline(const struct supervisor *, uint64_t now_ms);

#endif
