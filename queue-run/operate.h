/* SPDX-License-Identifier: ISC */
/*
 * operate.h: hold, release, delete, flush, expire, for an operator. A message
 * that is under way comes to its rest first; what was delivered by then stays
 * delivered. There rest.c does what is wanted. The answer comes after the last
 * sync.
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
   on; NULL: TEMP, malformed. */
struct operation *operate_parse(struct record *, struct fault *);
/* Its end, in words. */
void operate_answer(struct operation *, enum outcome, const char *text);
/* The answer, if an operator waits for one. */
void operate_end(struct message *, const struct fault *);
/* The answer; the message stays as it lies, and waits for queue.retry_min. */
void message_stays(struct run *, struct message *, const struct fault *);
/* The answer, and the message leaves the window. */
void message_finish(struct run *, struct message *, const struct fault *);

#endif
