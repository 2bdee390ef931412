/* SPDX-License-Identifier: ISC */
/*
 * tell.h: hints to queue-run. Written without waiting; nothing waits for them.
 * What cannot be written it finds by the end of the connection, which makes it
 * list in/ again. One that is not there lists in/ when it starts.
 */
#ifndef QUEUE_ADD_TELL_H
#define QUEUE_ADD_TELL_H

#include "span.h"

#define TELL_SOCKET "run/queue-run"

struct tell {
	int fd; /* -1: not connected */
	bool is_ended; /* it took no more; its end is still to be read */
	bool
	    owes_look; /* no connection could be made: see to it with the next */
};
#define TELL_NONE ((struct tell){ .fd = -1 })

/* From here on the end of this process makes queue-run list in/. */
void tell_connect(struct tell *);
/* Whole lines. */
void tell_send(struct tell *, struct span lines);
/* Make it list in/. */
void tell_look(struct tell *);

#endif
