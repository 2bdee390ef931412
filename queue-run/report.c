/* SPDX-License-Identifier: ISC */
/*
 * report.c: a report enters the queue through queue-add like all mail, without
 * waiting for it. Its qid is derived from the message and the recipients it is
 * about, so that a repeat after a crash meets `exists`, which counts as done.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "notice.h"
#include "wire_add.h"

/* Recipients that failed and whose sender is still to be told. */
static size_t
collect_failed(const struct message *m, struct notice_failed *failed)
{
	size_t n = 0;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct way *way = &m->way[i];

		if (way->state != WAY_FAILED || way->reported ||
		    !notice_is_wanted(&m->envelope, &m->envelope.recipient[i]))
			continue;
		if (failed != NULL)
			failed[n] =
			    (struct notice_failed){ &m->envelope.recipient[i],
				    way->code, message_text(m, way->text) };
		n++;
	}
	return n;
}

void
report_begin(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->step[STEP_REPORT])) != NULL) {
		struct ask ask = { m, ASK_ADD, false, 0 };
		struct fault f;

		run_takes(run, m);
		if (collect_failed(m, NULL) == 0) {
			message_go(run, m, STEP_REST);
		} else if (stage_ask(&run->stage[STAGE_ADD], ask)) {
			m->open++;
		} else {
			fault_set(&f, TEMP, "4.3.0", 0, "report: no memory");
			report_failed(m, &f);
			message_go(run, m, STEP_REST);
		}
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
	if (!buf_reserve(b, NOTICE_HEADER_MAX)) {
		buf_reset(b);
		run_alarm(run, &m->envelope.qid, "report: no memory");
		return;
	}
	if (store_open_content(&run->store, &m->envelope, &content, &f) != OK) {
		run_alarm(run, &m->envelope.qid, "report: %s", f.text);
		return;
	}
	n = pread(content.fd, b->p, NOTICE_HEADER_MAX,
	    (off_t)(content.offset + m->envelope.skip));
	store_close_content(&content);
	b->len = n > 0 ? (size_t)n : 0;
	b->p[b->len] = '\0';
}

static enum outcome
put_request(const struct notice *n, const struct qid *qid, struct buf *content,
    struct buf *out, struct fault *f)
{
	struct envelope e;

	envelope_begin(&e);
	if (notice_put(n, qid, &e, content, f) == OK &&
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

enum outcome
report_put(
    struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct message *m = ask->m;
	size_t n = collect_failed(m, NULL), before = out->len;
	struct notice_failed *failed = calloc(n + 1, sizeof(*failed));
	struct notice notice = { .hostname = run->hostname,
		.postmaster = run->postmaster,
		.of = &m->envelope,
		.failed = failed,
		.n = n,
		.now_ms = clock_wall_ms() };
	size_t share;

	if (failed == NULL || n == 0) {
		free(failed);
		return fault_set(f, TEMP, "4.3.0", 0, "report: no memory");
	}
	/* Made of what a stranger wrote: it has a name while that is read. */
	store_run_takes(&run->store, &m->envelope.qid);
	(void)collect_failed(m, failed);
	read_header(run, m, &run->scratch);
	notice.header = notice_header(buf_span(&run->scratch));
	share = notice_share(&notice, &m->notice);
	buf_reset(&run->content);
	if (put_request(&notice, &m->notice, &run->content, out, f) != OK) {
		buf_undo(out, before);
	}
	m->notice_share = share;
	free(failed);
	store_run_takes(&run->store, NULL);
	return f->outcome;
}

/* The first share of them is told; the same order as in collect_failed(). */
static void
mark_told(struct message *m)
{
	uint32_t qid = message_keep(m, qid_span(&m->notice));

	for (size_t i = 0; i < m->envelope.recipients && m->notice_share > 0;
	     i++) {
		struct way *way = &m->way[i];

		if (way->state != WAY_FAILED || way->reported ||
		    !notice_is_wanted(&m->envelope, &m->envelope.recipient[i]))
			continue;
		way->reported = true;
		way->notice = qid;
		m->notice_share--;
	}
}

static void
journal_report(struct run *run, const struct message *m)
{
	struct record_out out =
	    run_entry(run, CODE_NOTICE_MADE, &m->envelope.qid);

	record_put(out, "notice", qid_span(&m->notice));
	journal_end(&run->journal, out);
	out = run_entry(run, CODE_NOTICE_ORIGIN, &m->notice);
	record_put(out, "of", qid_span(&m->envelope.qid));
	record_puts(out, "from", "<>");
	journal_end(&run->journal, out);
	out = run_entry(run, CODE_NOTICE_RECIPIENT, &m->notice);
	record_put(out, "to", path_span(&m->envelope.reverse_path));
	journal_end(&run->journal, out);
}

/* Not entered: the recipients stay, and fail again at the next attempt. */
void
report_failed(struct message *m, const struct fault *f)
{
	struct fault why = *f;

	why.outcome = TEMP;
	fault_context(&why, "report not entered");
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->way[i].state == WAY_FAILED && !m->way[i].reported &&
		    notice_is_wanted(&m->envelope, &m->envelope.recipient[i]))
			way_end(m, i, WAY_DEFERRED, &why);
}

void
report_answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	enum add_answer answer;
	uint64_t offset;
	struct fault f;

	if (wire_add_get_answer(line, &m->notice, &answer, &offset, &f) != OK) {
		report_failed(m, &f);
		return;
	}
	journal_report(run, m);
	mark_told(m);
}
