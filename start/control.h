/* SPDX-License-Identifier: ISC */
/*
 * control.h: run/pneu, where the supervisor says how it stands. It reads
 * nothing there: a connection gets the records and is closed.
 *
 *	pneu pid= since= generation= phase= fifo=
 *	service name= address= kind= generation= [retires=1] ready= live= busy=
 *	    max= served= refused= restarts= [full=1] [pids=1,2,3]
 *	end
 */
#ifndef START_CONTROL_H
#define START_CONTROL_H

#include "supervise.h"

#define CONTROL_PATH "run/pneu"
#define CONTROL_MAX  (512UL * 1024) /* octets of an answer */

enum outcome control_open(struct supervisor *, struct fault *) MUST_USE;
void control_ready(struct supervisor *);
void control_close(struct supervisor *);

#endif
