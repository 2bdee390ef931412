/* SPDX-License-Identifier: ISC */
/* history.c: the lines of an envelope file that say what happened to it. */
#include "history.h"

#include "clock.h"
#include "wire_deliver.h"

static void
put_event(struct run *run, struct message *m, size_t i, bool done)
{
	const struct status *way = &m->status[i];
	struct envelope_event event = {
		.n = m->envelope.recipient[i].n,
		.time_ms = clock_wall_ms(),
		.outcome = way->state == STATUS_DELIVERED ? OK
		    : way->state == STATUS_FAILED         ? PERM
		                                          : TEMP,
		.died = way->died,
		.code = span_of(
		    way->state == STATUS_DELIVERED ? "2.1.5" : way->code),
		.text = span_of(message_text(m, way->text)),
	};
	struct fault f;
	enum outcome outcome;

	if (way->state == STATUS_DELIVERED) {
		event.how =
		    span_of(deliver_how_word((enum deliver_how)way->how));
		event.path = span_of(message_text(m, way->path));
	}
	event.notice = span_of(message_text(m, way->notice));
	outcome = done
	    ? envelope_put_done(&m->lines, &m->envelope.qid, &event, &f)
	    : envelope_put_try(&m->lines, &m->envelope.qid, &event, &f);
	if (outcome == OK)
		return;
	m->lines_lost = true;
	run_alarm(run, m, &f);
}

void
history_put(struct run *run, struct message *m)
{
	buf_reset(&m->lines);
	m->lines_lost = false;
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		enum status_state state = m->status[i].state;

		if (state == STATUS_DELIVERED || state == STATUS_FAILED)
			put_event(run, m, i, true);
		else if (state == STATUS_DEFERRED)
			put_event(run, m, i, false);
	}
}

static void
put_line(struct message *m, const char *word, const char *by, const char *text)
{
	struct record_out out = record_begin(&m->lines, word);
	char time[CLOCK_TEXT_MAX];
	struct fault f;

	clock_text_ms(clock_wall_ms(), time);
	record_put(out, "qid", qid_span(&m->envelope.qid));
	record_puts(out, "time", time);
	record_puts(out, "by", by);
	if (text[0] != '\0')
		record_puts(out, "text", text);
	/* A word for people: nothing rests on it. */
	(void)!record_end(out, &f);
}

void
history_put_held(struct message *m, const char *by, const char *text)
{
	put_line(m, "held", by, text);
}

void
history_put_released(struct message *m, const char *by, const char *text)
{
	put_line(m, "released", by, text);
}
