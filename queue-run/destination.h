/* SPDX-License-Identifier: ISC */
/*
 * destination.h: transports that bring one message to one next hop, an attempt
 * a connection (lib/wire_attempt.h); mailboxes are not among them.
 *
 * The messages for a next hop wait at its destination; the destinations take
 * turns. An attempt is never repeated blindly: when its connection ends before
 * the answer, its recipients are deferred. A next hop that fails as a whole is
 * closed for a while, and so is a destination for which too many wait: their
 * mail goes back to the disk.
 */
#ifndef QUEUE_RUN_DESTINATION_H
#define QUEUE_RUN_DESTINATION_H

#include <poll.h>

#include "message.h"

struct run;

struct transport {
	const char *name; /* as `resolve` answers it */
	const char *service; /* run/<service> takes its attempts */
	const uint64_t *deadline_ms; /* of one attempt: a setting */
};
/* NULL: there is no such transport. */
const struct transport *transport_find(const char *name);

struct destinations;
void destinations_begin(struct run *);

/*
 * Recipient i of the message, whose status has transport and next hop, waits
 * for its attempt: STATUS_UNDER_WAY, and m->attempts counts it. Or it is
 * deferred at once: the next hop is closed, or too many wait for it.
 */
void destination_add(struct run *, struct message *, size_t i);
/* Attempts of m (NULL: of all messages) that were not begun are taken back:
   STATUS_OPEN. */
void destination_cancel(struct run *, const struct message *m);

/* Rest of a request, and answers; a message of which nothing is under way any
   more goes on. */
void destinations_read(struct run *);
/* What may begin begins. */
void destinations_begin_attempts(struct run *);

/* Descriptors to poll, at most `max`; what poll says of them. */
size_t destinations_poll(const struct run *, struct pollfd *, size_t max);
void destinations_ready(struct run *, const struct pollfd *, size_t n);
uint64_t destinations_next_ms(const struct run *); /* monotonic; 0: nothing */
/* Attempts under way. */
size_t destinations_busy(const struct run *);

#endif
