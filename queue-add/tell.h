/* SPDX-License-Identifier: ISC */
/*
 * tell.h: hints to queue-run. Written without waiting; nothing waits for them.
 * What cannot be told is owed as the one word `look`, which makes queue-run
 * list in/ again; so does the end of this connection.
 */
#ifndef QUEUE_ADD_TELL_H
#define QUEUE_ADD_TELL_H

#include "buf.h"

#define TELL_SOCKET      "run/queue-run"
#define TELL_PENDING_MAX 65536 /* octets that wait for queue-run */
#define TELL_RETRY_MS    1000 /* between two connects */

struct tell {
	int fd; /* -1: not connected */
	bool owes_look;
	uint64_t next_ms; /* no connect before; monotonic */
	struct buf pending; /* not written yet; begins within a line, maybe */
};

void tell_begin(struct tell *);
/* Connect if we are not, at most once in TELL_RETRY_MS. */
void tell_connect(struct tell *);
void tell_end(struct tell *);
/* Whole lines; may be empty, to try again what is owed. */
void tell_send(struct tell *, struct span lines);
/* Is something owed that a later tell_send() should try? */
bool tell_is_owing(const struct tell *);

#endif
