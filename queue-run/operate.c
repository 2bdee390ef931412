/* SPDX-License-Identifier: ISC */
/* operate.c: what an operator wants of one message. */
#include "operate.h"

#include <stdlib.h>

#define MINUTE_MS 60000UL

static const char *const words[] = { "hold", "release", "delete", "flush",
	"expire" };

struct operation *
operate_parse(struct record *r, struct fault *f)
{
	struct operation *op = calloc(1, sizeof(*op));
	struct span qid, reason;
	size_t word = 0;

	while (word < sizeof(words) / sizeof(words[0]) &&
	    !record_is(r, words[word]))
		word++;
	if (op == NULL || word == sizeof(words) / sizeof(words[0]) ||
	    !record_take(r, "qid", QID_LEN, &qid) ||
	    !qid_parse(qid, &op->qid) ||
	    !record_take_optional(r, "reason", OPERATION_REASON_MAX, &reason) ||
	    !record_all_taken(r)) {
		free(op);
		(void)fault_set(f, TEMP, "4.3.0", 0, "request: malformed");
		return NULL;
	}
	op->word = (enum operation_word)word;
	(void)span_copy(reason, op->reason, sizeof(op->reason));
	return op;
}

void
operate_end(struct message *m, const struct fault *f)
{
	struct operation *op = m->operation;

	if (op == NULL)
		return;
	m->operation = NULL;
	op->answer(op, f);
}

void
operate_again(struct run *run, struct operation *op)
{
	op->next = run->again;
	run->again = op;
}

void
message_finish(struct run *run, struct message *m, const struct fault *f)
{
	operate_end(m, f);
	window_drop(&run->window, m);
}

/* ---- At rest. ---- */

static enum decision
refuse(struct fault *f, const char *text)
{
	(void)fault_set(f, PERM, "5.3.0", 0, "%s", text);
	return DECIDE_ANSWER;
}

/* It is as the operator wants it. */
static enum decision
already(struct fault *f)
{
	*f = FAULT_NONE;
	return DECIDE_ANSWER;
}

static enum decision
decide_flush(const struct message *m, uint64_t now_ms, struct fault *f)
{
	if (m->place.state == STORE_HOLD)
		return refuse(f, "it is held: release it first");
	if (m->place.state == STORE_IN)
		return already(f);
	if (m->place.state != STORE_RETRY1)
		return refuse(f, "it waits for no retry");
	return m->place.part_ms <= now_ms - now_ms % MINUTE_MS ? already(f)
	                                                       : DECIDE_DUE_NOW;
}

/* Those who wait fail, once; when a report could not be entered they wait as
   before. */
static enum decision
decide_expire(const struct message *m, struct fault *f)
{
	if (!m->operation->begun)
		return DECIDE_EXPIRE;
	(void)fault_set(f, TEMP, "4.3.0", 0, "no report could be entered");
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_DEFERRED)
			(void)span_copy(
			    span_of(message_text(m, m->status[i].text)),
			    f->text, sizeof(f->text));
	return DECIDE_ANSWER;
}

enum decision
operate_decide(
    const struct message *m, bool remaining, uint64_t now_ms, struct fault *f)
{
	const struct operation *op = m->operation;

	if (op == NULL || (!remaining && op->begun))
		return DECIDE_GO_ON;
	if (!remaining && op->word != OPERATION_FLUSH)
		return refuse(f, "it is settled already");
	switch (op->word) {
	case OPERATION_HOLD:
		return m->place.state == STORE_HOLD ? already(f) : DECIDE_HOLD;
	case OPERATION_RELEASE:
		return m->place.state == STORE_HOLD
		    ? DECIDE_RELEASE
		    : refuse(f, "it is not held");
	case OPERATION_DELETE:
		return DECIDE_DELETE;
	case OPERATION_FLUSH:
		return decide_flush(m, now_ms, f);
	case OPERATION_EXPIRE:
		return decide_expire(m, f);
	}
	return DECIDE_GO_ON;
}
