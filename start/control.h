/* SPDX-License-Identifier: ISC */
/*
 * control.h: who runs this home, and how it stands.
 *
 * run/pneu.pid: one supervisor a home. A record lock (fcntl), for the kernel
 * then says who holds it: `pneu stop`, run by root, must not trust a number in a
 * file that somebody else can write.
 *
 * run/pneu, where the supervisor says how it stands. It reads nothing there: a
 * connection gets the records of doc/PROTOCOL.md, section 10, and is closed.
 */
#ifndef START_CONTROL_H
#define START_CONTROL_H

#include "supervisor.h"

#define CONTROL_MAX (512UL * 1024) /* octets of an answer */

/* Hold it until *fd is closed. PERM 5.3.5: another one runs, or answers in
   run/pneu though somebody removed its file. */
enum outcome lock_take(int *fd, struct fault *) MUST_USE;
/* Who holds it; 0: nobody. */
enum outcome lock_holder(pid_t *, struct fault *) MUST_USE;
/* Wait for the end of the process that does. TEMP: it runs still. */
enum outcome lock_wait(pid_t, unsigned seconds, struct fault *) MUST_USE;

enum outcome control_open(struct supervisor *, struct fault *) MUST_USE;
void control_ready(struct supervisor *, uint64_t now_ms);
void control_close(struct supervisor *);
/* Ask the supervisor of this home; answer gets all records. TEMP: nobody answers,
   or not to the end. */
enum outcome control_ask(struct buf *answer, struct fault *) MUST_USE;

#endif
