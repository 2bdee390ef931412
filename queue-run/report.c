/* SPDX-License-Identifier: ISC */
/*
 * report.c, STEP_REPORT: a report enters the queue through queue-add like all
 * mail, without waiting for it. Its qid is derived from the message and the
 * recipients it is about, so that a repeat after a crash meets `exists`, which
 * counts as done.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "report_text.h"
#include "steps.h"
#include "wire_add.h"

/* Recipients that failed and whose sender is still to be told. */
static bool
is_to_report(const struct message *m, size_t i)
{
	return m->status[i].state == STATUS_FAILED && !m->status[i].reported &&
	    report_is_wanted(&m->envelope, &m->envelope.recipient[i]);
}

static size_t
collect_failed(const struct message *m, struct report_recipient *failed)
{
	size_t n = 0;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		if (!is_to_report(m, i))
			continue;
		if (failed != NULL)
			failed[n] = (struct report_recipient){
				&m->envelope.recipient[i], m->status[i].code,
				message_text(m, m->status[i].text)
			};
		n++;
	}
	return n;
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
	if (!buf_reserve(b, REPORT_HEADER_MAX)) {
		buf_reset(b);
		journal_alarm(
		    &run->journal, &m->envelope.qid, "report: no memory");
		return;
	}
	if (store_open_content(&run->store, &m->envelope, &content, &f) != OK) {
		journal_alarm(
		    &run->journal, &m->envelope.qid, "report: %s", f.text);
		return;
	}
	n = pread(content.fd, b->p, REPORT_HEADER_MAX,
	    (off_t)(content.offset + m->envelope.skip));
	store_close_content(&content);
	b->len = n > 0 ? (size_t)n : 0;
	b->p[b->len] = '\0';
}

static enum outcome
put_request(const struct report *n, const struct qid *qid, struct buf *content,
    struct buf *out, struct fault *f)
{
	struct envelope e;

	envelope_begin(&e);
	if (report_put_text(n, qid, &e, content, f) == OK &&
	    wire_add_put(out, &e, f) == OK &&
	    wire_add_put_data(out, content->len, f) == OK) {
		buf_add(out, buf_span(content));
		wire_add_put_end(out);
		if (buf_failed(out))
			fault_set(f, TEMP, "4.3.0", 0, "report: no memory");
		else
			f->outcome = OK;
	}
	envelope_free(&e);
	return f->outcome;
}

/* The report itself, made of what a stranger wrote. */
static enum outcome
put_report(struct run *run, struct message *m, struct report *report,
    struct buf *out, struct fault *f)
{
	struct buf content = BUF_INIT(64UL * 1024 * 2);
	size_t before = out->len, share;

	read_header(run, m, &run->scratch);
	report->header = report_header(buf_span(&run->scratch));
	share = report_share(report, &m->notice);
	if (put_request(report, &m->notice, &content, out, f) != OK)
		buf_undo(out, before);
	m->notice_share = share;
	buf_free(&content);
	return f->outcome;
}

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct message *m = ask->m;
	size_t n = collect_failed(m, NULL);
	struct report_recipient *failed = calloc(n + 1, sizeof(*failed));
	struct report report = { .hostname = run->hostname,
		.postmaster = run->postmaster,
		.of = &m->envelope,
		.failed = failed,
		.n = n,
		.now_ms = clock_wall_ms() };

	if (failed == NULL || n == 0) {
		free(failed);
		return fault_set(f, TEMP, "4.3.0", 0, "report: no memory");
	}
	(void)collect_failed(m, failed);
	/* Should it die of that text, the crash marker names the message. */
	store_run_takes(&run->store, &m->envelope.qid);
	(void)!put_report(run, m, &report, out, f);
	store_run_takes(&run->store, NULL);
	free(failed);
	return f->outcome;
}

/* The first share of them is told; the same order as in collect_failed(). */
static void
mark_told(struct message *m)
{
	uint32_t qid = message_keep(m, qid_span(&m->notice));

	for (size_t i = 0; i < m->envelope.recipients && m->notice_share > 0;
	     i++) {
		if (!is_to_report(m, i))
			continue;
		m->status[i].reported = true;
		m->status[i].notice = qid;
		m->notice_share--;
	}
}

static void
journal_report(struct run *run, const struct message *m)
{
	struct record_out out =
	    journal_begin(&run->journal, CODE_NOTICE_MADE, &m->envelope.qid);

	record_put(out, "notice", qid_span(&m->notice));
	journal_end(&run->journal, out);
	out = journal_begin(&run->journal, CODE_NOTICE_ORIGIN, &m->notice);
	record_put(out, "of", qid_span(&m->envelope.qid));
	record_puts(out, "from", "<>");
	journal_end(&run->journal, out);
	out = journal_begin(&run->journal, CODE_NOTICE_RECIPIENT, &m->notice);
	record_put(out, "to", path_span(&m->envelope.reverse_path));
	journal_end(&run->journal, out);
}

static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	enum add_answer got;
	uint64_t offset;
	struct fault f;

	if (wire_add_get_answer(line, &m->notice, &got, &offset, &f) != OK) {
		message_report_failed(m, &f);
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
	message_report_failed(ask->m, f);
}

static const struct question question = { put, answer, failed, 0 };

void
report_work(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->step[STEP_REPORT])) != NULL) {
		struct ask ask = { m, &question, false, 0 };
		struct fault f;

		run_takes(run, m);
		if (collect_failed(m, NULL) == 0) {
			message_go(run, m, STEP_REST);
		} else if (!stage_ask(&run->stage[STAGE_ADD], ask)) {
			(void)fault_set(
			    &f, TEMP, "4.3.0", 0, "report: no memory");
			message_report_failed(m, &f);
			message_go(run, m, STEP_REST);
		}
	}
}
