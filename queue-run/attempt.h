/* SPDX-License-Identifier: ISC */
/*
 * attempt.h: the attempts under way: what is asked of transports, and what they
 * answer (lib/wire_attempt.h). An attempt is never repeated blindly: when its
 * connection ends before the answer, its recipients are deferred.
 */
#ifndef QUEUE_RUN_ATTEMPT_H
#define QUEUE_RUN_ATTEMPT_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct run;

struct attempts;
void attempts_begin(struct run *);

/* Rest of a request, and answers; a message of which nothing is under way any
   more goes on. */
void attempts_read(struct run *);
/* What may begin begins. */
void attempts_make(struct run *);

/* Descriptors to poll, at most `max`; what poll says of them. */
size_t attempts_poll(const struct run *, struct pollfd *, size_t max);
void attempts_ready(struct run *, const struct pollfd *, size_t n);
uint64_t attempts_next_ms(const struct run *); /* monotonic; 0: nothing */
size_t attempts_busy(const struct run *);

#endif
