/* SPDX-License-Identifier: ISC */
/* operate.c: what an operator wants of one message, and the answer to it. */
#include "operate.h"

#include <stdlib.h>

#include "clock.h"
#include "mem.h"
#include "wire.h"

static const char *const words[] = { "hold", "release", "delete", "flush",
	"expire" };
#define WORDS (sizeof(words) / sizeof(words[0]))

struct operation *
operate_parse(struct record *r, struct fault *f)
{
	static const struct wire_field fields[] = {
		{ "qid", WIRE_QID, offsetof(struct operation, qid), 0, 0 },
		{ "reason", WIRE_TEXT, offsetof(struct operation, reason),
		    OPERATION_REASON_MAX, WIRE_OPTIONAL },
		{ .key = NULL },
	};
	struct operation *op = mem_new(1, sizeof(*op));
	size_t word = 0;

	while (word < WORDS && !record_is(r, words[word]))
		word++;
	if (word == WORDS || !wire_take(r, fields, op) ||
	    !record_all_taken(r)) {
		free(op);
		(void)fault_set(f, TEMP, "4.3.0", 0, "request: malformed");
		return NULL;
	}
	op->word = (enum operation_word)word;
	return op;
}

void
operate_answer(struct operation *op, enum outcome outcome, const char *text)
{
	struct fault f = FAULT_NONE;

	if (outcome != OK)
		fault_set(&f, outcome, outcome == PERM ? "5.3.0" : "4.3.0", 0,
		    "%s", text);
	op->answer(op, &f);
}

void
operate_end(struct message *m, const struct fault *f)
{
	struct operation *op = m->operation;

	m->operation = NULL;
	if (op != NULL)
		op->answer(op, f);
}

void
message_stays(struct run *run, struct message *m, const struct fault *f)
{
	operate_end(m, f);
	message_go(run, m, STEP_WAIT);
	m->wait_ms = clock_mono_ms() + run->set->retry_min_ms;
}

void
message_finish(struct run *run, struct message *m, const struct fault *f)
{
	operate_end(m, f);
	window_drop(&run->window, m);
}
