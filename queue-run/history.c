/* SPDX-License-Identifier: ISC */
/* history.c: the lines of an envelope file that say what happened to it. */
#include "message.h"

#include <stdlib.h>

#include "clock.h"

/* All of it, or the process ends: as the message lies it is repeated whole,
   which is known to be harmless; with half of it the rest would be done twice.
   LINES_MAX and RECORD_MAX have room for all that may stand there. */
static void
put_event(struct message *m, size_t i)
{
	const struct status *status = &m->status[i];
	bool delivered = status->state == STATUS_DELIVERED;
	struct envelope_event event = {
		.n = m->envelope.recipient[i].n,
		.time_ms = clock_wall_ms(),
		.outcome = delivered                 ? OK
		    : status->state == STATUS_FAILED ? PERM
		                                     : TEMP,
		.died = status->died,
		.parked = status->parked,
		.code = span_of(delivered ? "2.1.5" : status->code),
		.notice = span_of(status->notice),
		.text = span_of(status->text),
		.next_ms = status->next_ms,
	};
	struct fault f;

	if (delivered) {
		event.how = span_of(status->how);
		event.path = span_of(status->path);
	}
	if (envelope_put_event(&m->lines, &m->envelope.qid, &event, &f) != OK)
		abort();
}

/* Is a line of this recipient's end to be written? */
static bool
is_due(const struct status *status)
{
	return !status->saved && !status->postponed &&
	    (status->state == STATUS_DELIVERED ||
	        status->state == STATUS_FAILED ||
	        status->state == STATUS_DEFERRED);
}

void
history_put(struct message *m)
{
	buf_reset(&m->lines);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		m->status[i].put = is_due(&m->status[i]);
		if (m->status[i].put)
			put_event(m, i);
	}
}

void
history_is_saved(struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++)
		m->status[i].saved |= m->status[i].put;
}

void
history_add(
    struct message *m, const char *word, const char *by, const char *text)
{
	struct record_out out = record_begin(&m->lines, word);
	char time[CLOCK_TEXT_MAX];
	struct fault f;

	clock_text_ms(clock_wall_ms(), time);
	record_put(out, "qid", qid_span(&m->envelope.qid));
	record_puts(out, "time", time);
	record_puts(out, "by", by);
	record_put_optional(out, "text", span_of(text));
	/* A word for people: nothing rests on it. */
	(void)!record_end(out, &f);
}
