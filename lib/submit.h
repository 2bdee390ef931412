/* SPDX-License-Identifier: ISC */
/*
 * submit.h: hands a message to queue-add: up to ADD_INLINE_MAX in the request
 * itself, in one write; beyond it over a descriptor that queue-add passes.
 */
#ifndef LIB_SUBMIT_H
#define LIB_SUBMIT_H

#include "envelope.h"
#include "service.h"

struct submit {
	struct service add;
	struct buf request;
	int fd; /* the file of a big message; -1: none */
	bool has_held; /* held one: this process ends with its session */
	/* Its qid is always the same (qid_derive()): `exists` says that it is
	   queued. */
	bool is_derived;
	struct envelope_digest digest;
	uint64_t written;
	uint64_t behind; /* of these, told to the disk */
};

/*
 * A round of queue-add waits for the disk. To give up before its `ok` makes a
 * duplicate of the message, so the wait is long; but the client, which waits 10
 * minutes (RFC 5321 4.5.3.2.6), must be answered.
 */
#define SUBMIT_TIMEOUT_MS 300000

void submit_begin(struct submit *);
void submit_free(struct submit *);

/*
 * If the content has outgrown one request, open its file (once), write what has
 * come and empty the buffer. TEMP, PERM: queue-add's answer, or it went away;
 * the message is dropped.
 */
enum outcome submit_spill(struct submit *, const struct envelope *,
    struct buf *content, struct fault *) MUST_USE;
/* content: the rest. dots: some line of all of it begins with a dot. OK: the
   message is on disk and queued. */
enum outcome submit_finish(struct submit *, const struct envelope *,
    struct buf *content, bool dots, struct fault *) MUST_USE;
/* The message in hand is no more; queue-add takes back what it began. */
void submit_drop(struct submit *);

#endif
