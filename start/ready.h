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
/* Its ready_fd has something. */
void ready_event(struct pool *);
/* Was this the tidying process? */
bool ready_buried(struct supervisor *, pid_t, int status);
/* Is there one that has to be asked again after READY_AGAIN_MS? */
bool ready_is_asked(const struct supervisor *);

#endif
