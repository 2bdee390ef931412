/* SPDX-License-Identifier: ISC */
/*
 * stage.h: line services that are asked without waiting. Answers come in the
 * order of the questions.
 */
#ifndef QUEUE_RUN_STAGE_H
#define QUEUE_RUN_STAGE_H

#include "message.h"
#include "service.h"

struct run;
struct ask;

/* What a step asks, and what it does with the end of it. */
struct question {
	/* The request; on failure out is as before. */
	enum outcome (*put)(
	    struct run *, const struct ask *, struct buf *out, struct fault *);
	/* False: replies no longer match requests; the stage reconnects. */
	bool (*answer)(struct run *, const struct ask *, struct span line);
	/* It ends without an answer; died: its stage died when only this was
	   asked. */
	void (*failed)(
	    struct run *, const struct ask *, bool died, const struct fault *);
	uint64_t timeout_ms; /* 0: the stage's */
};

struct ask {
	TAILQ_ENTRY(ask) link;
	struct message *m; /* NULL: of no message */
	const struct question *question;
	bool again; /* was sent to a stage that died */
	uint32_t i; /* recipient, or path of the batch */
};

struct stage {
	struct service service;
	TAILQ_HEAD(asks, ask) asks; /* in their order, the first `sent` sent */
	struct ask *unsent; /* the first of these; NULL: all are sent */
	size_t n, sent;
	size_t most; /* sent at once */
	size_t suspects; /* the first ones: asked one by one after a death */
	uint64_t answered_ms; /* last progress; monotonic */
	uint64_t open_ms; /* not opened again before; monotonic */
	uint64_t pause_ms; /* between openings; doubles */
};

void stage_begin(struct stage *, const char *name, size_t most);
/*
 * Put a question at the end, about a message (NULL: none) and its i-th recipient
 * or what else i counts. It is open there; when none is open any more, the
 * message goes on.
 */
void stage_ask(
    struct stage *, struct message *, const struct question *, size_t i);
/* A question's `failed` about one recipient: it is deferred. */
void stage_defer(
    struct run *, const struct ask *, bool died, const struct fault *);
/* What was not yet sent for m (NULL: for any message) is taken back. */
void stage_cancel(struct stage *, const struct message *);
/* Read answers; send what may be sent, in one write. */
void stage_read(struct run *, struct stage *);
void stage_write(struct run *, struct stage *);
uint64_t stage_next_ms(const struct stage *); /* monotonic; 0: nothing */

#endif
