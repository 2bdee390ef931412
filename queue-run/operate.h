/* SPDX-License-Identifier: ISC */
/*
 * operate.h: hold, release, delete, flush, expire, for an operator. A message
 * that is under way comes to its rest first; what was delivered by then stays
 * delivered. There operate_decide() says what the operator's wish comes to, and
 * rest.c does it. The answer comes after the last sync.
 */
#ifndef QUEUE_RUN_OPERATE_H
#define QUEUE_RUN_OPERATE_H

#include "record.h"
#include "run.h"

enum operation_word {
	OPERATION_HOLD,
	OPERATION_RELEASE,
	OPERATION_DELETE,
	OPERATION_FLUSH,
	OPERATION_EXPIRE
};

#define OPERATION_REASON_MAX 255 /* octets; it stands in records. Ours */

struct operation {
	struct operation *next; /* of those that are begun again */
	enum operation_word word;
	struct qid qid;
	char reason[OPERATION_REASON_MAX + 1];
	bool begun; /* expire: its recipients have failed */
	uint64_t client; /* serial of who asked */
	/* Its end; f is OK or says why not. Called once; frees it. */
	void (*answer)(struct operation *, const struct fault *f);
};

/* `hold qid= [reason=]`, `release` and so on. The caller frees it, or hands it
   on; NULL: TEMP, malformed, or no memory. */
struct operation *operate_parse(struct record *, struct fault *);

/* What a message at rest is to do. */
enum decision {
	DECIDE_GO_ON, /* as without an operator; the answer when it is gone */
	DECIDE_ANSWER, /* the fault is the answer, and then it goes on */
	DECIDE_HOLD,
	DECIDE_RELEASE,
	DECIDE_DELETE,
	DECIDE_DUE_NOW, /* its directory becomes this minute's */
	DECIDE_EXPIRE, /* those who wait fail now */
};
/*
 * remaining	recipients still wait
 * now_ms	wall time
 * f		for DECIDE_ANSWER
 */
enum decision operate_decide(
    const struct message *, bool remaining, uint64_t now_ms, struct fault *f);

/* The answer, if an operator waits for one. */
void operate_end(struct message *, const struct fault *);
/* Its message is not where it was: requests.c begins it once more. */
void operate_again(struct run *, struct operation *);
/* The answer, and the message leaves the window. */
void message_finish(struct run *, struct message *, const struct fault *);

#endif
