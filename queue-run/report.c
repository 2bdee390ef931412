/* SPDX-License-Identifier: ISC */
/*
 * report.c, STEP_REPORT: a report enters the queue through queue-add like all
 * mail, without waiting for it. Its qid is derived from the message and the
 * recipients it is about, so that a repeat after a crash meets `exists`, which
 * counts as done.
 */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "mem.h"
#include "report_text.h"
#include "steps.h"
#include "wire_add.h"

/* Recipients whose sender is still to be told. */
static bool
is_to_report(const struct message *m, size_t i, enum report_action action)
{
	const struct status *status = &m->status[i];

	if (action != REPORT_FAILED)
		return action == REPORT_DELAYED ? status->delayed
		                                : status->relayed;
	return status->state == STATUS_FAILED && !status->reported &&
	    report_is_wanted(
	        &m->envelope, &m->envelope.recipient[i], "FAILURE");
}

static size_t
collect(const struct message *m, enum report_action action,
    struct report_recipient *failed)
{
	size_t n = 0;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		if (!is_to_report(m, i, action))
			continue;
		if (failed != NULL)
			failed[n] = (struct report_recipient){
				&m->envelope.recipient[i], m->status[i].code,
				m->status[i].text, m->status[i].host,
				m->status[i].reply
			};
		n++;
	}
	return n;
}

/* The first `share` of them, in the order of collect(): others may fail while the
   report is under way. */
static void
mark_in_report(struct message *m, enum report_action action, size_t share)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		m->status[i].in_report =
		    share > 0 && is_to_report(m, i, action);
		share -= m->status[i].in_report;
	}
}

/* The header section of the message, into b; what cannot be read is left out,
   for a report without it is better than none. */
static void
read_header(struct run *run, const struct message *m, struct buf *b)
{
	struct store_content content = STORE_CONTENT_NONE;
	struct fault f;
	ssize_t n;

	buf_reset(b);
	if (store_open_content(&run->store, &m->envelope, &content, &f) != OK) {
		journal_alarm(
		    &run->journal, &m->envelope.qid, "report: %s", f.text);
		return;
	}
	if (!buf_reserve(b, REPORT_HEADER_MAX))
		abort(); /* of STORE_ENVELOPE_MAX octets */
	n = pread(content.fd, b->p, REPORT_HEADER_MAX,
	    (off_t)(content.offset + m->envelope.skip));
	store_close_content(&content);
	b->len = n > 0 ? (size_t)n : 0;
	b->p[b->len] = '\0';
}

/* The report itself, made of what a stranger wrote. */
static enum outcome
put_report(struct run *run, struct message *m, struct report *report,
    struct buf *out, struct fault *f)
{
	struct buf content = BUF_INIT(2UL * REPORT_MAX);
	size_t before = out->len;
	enum outcome got = TEMP;
	struct envelope e;

	read_header(run, m, &run->scratch);
	report->header = report_header(buf_span(&run->scratch));
	report->n = report_share(report, &m->notice);
	mark_in_report(m, report->action, report->n);
	if (report_put_text(report, &m->notice, &e, &content, f) == OK &&
	    wire_add_put(out, &e, f) == OK &&
	    wire_add_put_line(out,
	        &(struct add_line){ .word = ADD_DATA, .size = content.len },
	        f) == OK) {
		buf_add(out, buf_span(&content));
		wire_add_put_end(out);
		got = buf_failed(out)
		    ? fault_set(f, TEMP, "4.3.0", 0, "report: too large")
		    : OK;
	}
	if (got != OK)
		buf_undo(out, before);
	envelope_free(&e);
	buf_free(&content);
	return got;
}

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct message *m = ask->m;
	struct report_recipient *failed =
	    mem_new(m->envelope.recipients, sizeof(*failed));
	uint64_t lifetime_ms = run->set->lifetime_ms;
	struct report report = { .action = (enum report_action)ask->i,
		.until_ms =
		    lifetime_ms == 0 ? 0 : m->envelope.time_ms + lifetime_ms,
		.hostname = run->hostname,
		.postmaster = run->postmaster,
		.of = &m->envelope,
		.failed = failed,
		.n = collect(m, (enum report_action)ask->i, failed),
		.now_ms = clock_wall_ms() };
	enum outcome got;

	/* Should it die of that text, the crash marker names the message. */
	store_run_takes(&run->store, &m->envelope.qid);
	got = put_report(run, m, &report, out, f);
	store_run_takes(&run->store, NULL);
	free(failed);
	return got;
}

static void
mark_told(struct message *m)
{
	const char *qid = message_keep(m, qid_span(&m->notice));

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i];

		if (!status->in_report)
			continue;
		status->in_report = status->delayed = status->relayed = false;
		status->reported = true;
		status->notice = qid;
	}
}

static void
journal_report(struct run *run, const struct message *m)
{
	run_tell(run, CODE_NOTICE_MADE, m,
	    JOURNAL_FIELDS(JOURNAL_TEXT("notice", m->notice.text)));
	journal_tell(&run->journal, CODE_NOTICE_ORIGIN, &m->notice,
	    JOURNAL_FIELDS(JOURNAL_TEXT("of", m->envelope.qid.text),
	        JOURNAL_TEXT("from", "<>")));
	journal_tell(&run->journal, CODE_NOTICE_RECIPIENT, &m->notice,
	    JOURNAL_FIELDS(JOURNAL_TEXT("to", m->envelope.reverse_path.text)));
}

void
report_not_entered(struct message *m, const struct fault *f)
{
	struct fault why = *f;

	why.outcome = TEMP;
	fault_context(&why, "report not entered");
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		if (is_to_report(m, i, REPORT_FAILED))
			status_end(m, i, STATUS_DEFERRED, &why);
		else if (!m->status[i].delayed && !m->status[i].relayed)
			continue;
		m->status[i].delayed = m->status[i].relayed = false;
		m->status[i].reported = true;
	}
}

static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	enum add_answer got;
	uint64_t offset;
	struct fault f;

	if (wire_add_get_answer(line, &m->notice, &got, &offset, &f) != OK) {
		run_alarm(run, m, &f);
		report_not_entered(m, &f);
	} else {
		journal_report(run, m);
		mark_told(m);
	}
	return true;
}

static void
failed(struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	(void)run;
	(void)died;
	report_not_entered(ask->m, f);
}

static const struct question question = { put, answer, failed, 0 };

void
report_message(struct run *run, struct message *m)
{
	size_t action = REPORT_FAILED;

	while (action < REPORT_ACTIONS &&
	    collect(m, (enum report_action)action, NULL) == 0)
		action++;
	if (action < REPORT_ACTIONS)
		stage_ask(&run->stage[STAGE_ADD], m, &question, action);
	else
		message_go(run, m, STEP_REST);
}
