/* SPDX-License-Identifier: ISC */
/*
 * lock.h: run/pneu.pid: one supervisor a home. A record lock (fcntl), for the
 * kernel then says who holds it: `pneu stop`, run by root, must not trust a
 * number in a file that somebody else can write.
 */
#ifndef START_LOCK_H
#define START_LOCK_H

#include <sys/types.h>

#include "fault.h"

/* Hold it until *fd is closed. PERM 5.3.5: another one runs, or answers in
   run/pneu though somebody removed its file. */
enum outcome lock_take(int *fd, struct fault *) MUST_USE;
/* Who holds it; 0: nobody. */
enum outcome lock_holder(pid_t *, struct fault *) MUST_USE;
/* Wait for the end of the process that does. TEMP: it runs still. */
enum outcome lock_wait(pid_t, unsigned seconds, struct fault *) MUST_USE;

#endif
