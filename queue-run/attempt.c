/* SPDX-License-Identifier: ISC */
/*
 * attempt.c: resolve each recipient, then one attempt for those that go the
 * same way: (message, transport, next hop, recipients). The mailbox is the
 * first transport; what belongs to a next hop (limits, lanes) will hang on
 * attempt_remote(). The outcome is per recipient.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"

/* ---- How one recipient fares. ---- */

const char *
message_text(const struct message *m, uint32_t at)
{
	return at < m->text.len ? m->text.p + at : "";
}

/* 0, which is an empty text, when there is no memory. */
uint32_t
message_keep(struct message *m, struct span s)
{
	size_t at = m->text.len;

	buf_add(&m->text, s);
	buf_addc(&m->text, '\0');
	if (buf_failed(&m->text) || at > UINT32_MAX) {
		buf_undo(&m->text, at);
		return 0;
	}
	return (uint32_t)at;
}

enum outcome
way_prepare(struct message *m, struct fault *f)
{
	size_t n = m->envelope.recipients;

	if (n > m->ways_max) {
		free(m->way);
		m->ways_max = 0;
		m->way = malloc(n * sizeof(*m->way));
		if (m->way == NULL)
			return fault_set(f, TEMP, "4.3.0", 0, "no memory");
		m->ways_max = n;
	}
	memset(m->way, 0, n * sizeof(*m->way));
	for (size_t i = 0; i < n; i++)
		if (m->envelope.recipient[i].state != RECIPIENT_WAITS)
			m->way[i].state = WAY_CLOSED;
	buf_reset(&m->text);
	buf_addc(&m->text, '\0');
	return OK;
}

void
way_end(
    struct message *m, size_t i, enum way_state state, const struct fault *f)
{
	struct way *way = &m->way[i];

	way->state = state;
	if (f != NULL && f->outcome != OK) {
		memcpy(way->code, f->code, sizeof(way->code));
		way->text = message_keep(m, span_of(f->text));
	}
}

static void
way_end_by_fault(struct message *m, size_t i, const struct fault *f)
{
	way_end(m, i, f->outcome == PERM ? WAY_FAILED : WAY_DEFERRED, f);
}

/* ---- Resolve. ---- */

static void
ask_or_defer(
    struct stage *stage, struct message *m, enum ask_kind kind, size_t i)
{
	struct ask ask = { m, kind, false, (uint32_t)i };
	struct fault f;

	if (stage_ask(stage, ask)) {
		m->open++;
		return;
	}
	fault_set(&f, TEMP, "4.3.0", 0, "no memory");
	way_end(m, i, WAY_DEFERRED, &f);
}

void
attempt_resolve(struct run *run)
{
	struct list *list = &run->step[STEP_RESOLVE];
	struct message *m;
	struct fault f;

	while ((m = list_take(list)) != NULL) {
		run_takes(run, m);
		if (way_prepare(m, &f) != OK) {
			run_alarm(run, &m->envelope.qid, "%s", f.text);
			m->due_ms =
			    clock_mono_ms() + run->settings->queue.retry_min_ms;
			message_go(run, m, STEP_WAIT);
			continue;
		}
		for (size_t i = 0; i < m->envelope.recipients; i++)
			if (m->way[i].state == WAY_OPEN && m->operation == NULL)
				ask_or_defer(&run->stage[STAGE_RESOLVE], m,
				    ASK_RESOLVE, i);
		if (m->open == 0)
			message_go(run, m, STEP_REST);
	}
}

/* No transport takes mail out of this machine yet. */
static enum outcome
attempt_remote(const struct resolve_ans *ans, struct fault *f)
{
	if (ans->kind == RESOLVE_PROGRAM)
		return fault_set(
		    f, TEMP, "4.3.2", 0, "no transport to %s", ans->program);
	return fault_set(f, PERM, "5.4.4", 0, "no route to %s", ans->domain);
}

static void
journal_resolved(struct run *run, const struct message *m, size_t i,
    const struct resolve_ans *ans)
{
	struct record_out out = run_entry_recipient(run, CODE_RESOLVED, m, i);

	if (ans->kind == RESOLVE_MAILBOX) {
		record_puts(out, "tag", "mailbox");
		record_puts(out, "path", ans->path);
	} else {
		record_puts(out, "tag", "remote");
		record_puts(out, "domain", ans->domain);
	}
	if (ans->rule[0] != '\0')
		record_puts(out, "rule", ans->rule);
	journal_end(&run->journal, out);
}

/* False: it answers something else, and so will all that follow. */
static bool
resolved(struct run *run, struct message *m, size_t i, struct span line)
{
	struct recipient *r = &m->envelope.recipient[i];
	struct resolve_ans ans;
	struct fault f;

	if (wire_resolve_get_ans(line, path_span(&r->forward_path), &ans, &f) !=
	        OK ||
	    (ans.kind != RESOLVE_MAILBOX && attempt_remote(&ans, &f) != OK)) {
		way_end_by_fault(m, i, &f);
		return f.error != EPROTO;
	}
	journal_resolved(run, m, i, &ans);
	/* A plus-address or a catch-all tells its reader more than the name of
	   the mailbox: such a copy is never saved. */
	m->way[i].keeps_detail =
	    strcmp(ans.rule, "plus") == 0 || strcmp(ans.rule, "catch-all") == 0;
	m->way[i].path = message_keep(m, span_of(ans.path));
	if (m->way[i].path == 0) {
		fault_set(&f, TEMP, "4.3.0", 0, "no memory");
		way_end(m, i, WAY_DEFERRED, &f);
	}
	return true;
}

/* ---- Deliver. ---- */

struct by_path {
	const char *path;
	uint32_t i;
};

static int
compare_path(const void *a, const void *b)
{
	const struct by_path *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order != 0)
		return order;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* One copy for recipients that are equal after resolution and alias. */
static enum outcome
find_same(struct message *m, struct fault *f)
{
	size_t n = m->envelope.recipients, found = 0;
	struct by_path *sorted;

	if (n < 2)
		return OK;
	sorted = malloc(n * sizeof(*sorted));
	if (sorted == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	for (uint32_t i = 0; i < n; i++)
		if (m->way[i].state == WAY_OPEN && !m->way[i].keeps_detail)
			sorted[found++] =
			    (struct by_path){ message_text(m, m->way[i].path),
				    i };
	qsort(sorted, found, sizeof(*sorted), compare_path);
	for (size_t k = 1; k < found; k++) {
		const struct by_path *first = &sorted[k - 1];

		if (strcmp(first->path, sorted[k].path) != 0)
			continue;
		m->way[sorted[k].i].state = WAY_SAME;
		m->way[sorted[k].i].same = first->i;
		sorted[k].i = first->i;
	}
	free(sorted);
	return OK;
}

void
attempt_deliver(struct run *run)
{
	struct list *list = &run->step[STEP_DELIVER];
	struct message *m;
	struct fault f;

	while ((m = list_take(list)) != NULL) {
		run_takes(run, m);
		if (find_same(m, &f) != OK)
			run_alarm(run, &m->envelope.qid, "%s", f.text);
		for (size_t i = 0; i < m->envelope.recipients; i++)
			if (m->way[i].state == WAY_OPEN && m->operation == NULL)
				ask_or_defer(&run->stage[STAGE_DELIVER], m,
				    ASK_DELIVER, i);
		if (m->open == 0)
			message_answered(run, m);
	}
}

/* The file that holds the content, relative to the queue. */
static void
content_name(const struct message *m, char out[STORE_NAME_MAX])
{
	static const struct store_place in = { STORE_IN, 0 };

	if (m->envelope.shape == ENVELOPE_ONE)
		store_envelope_name(in, &m->envelope.qid, out);
	else
		store_content_name(&m->envelope.qid, out);
}

static void
deliver_request(
    const struct message *m, const struct ask *ask, struct deliver_req *req)
{
	const struct recipient *r = &m->envelope.recipient[ask->i];
	struct maildir_name name = {
		.qid = m->envelope.qid,
		.n = r->n,
		.octets = m->envelope.start + m->envelope.size,
		.dots = m->envelope.dots,
	};

	*req = (struct deliver_req){ .word = DELIVER_DELIVER,
		.qid = m->envelope.qid,
		.n = r->n,
		.again = m->again || ask->again };
	content_name(m, req->file);
	maildir_make_name(&name, req->name);
	(void)span_copy(span_of(message_text(m, m->way[ask->i].path)),
	    req->path, sizeof(req->path));
}

static void
journal_delivered(
    struct run *run, const struct message *m, size_t i, enum deliver_how how)
{
	struct record_out out =
	    run_entry(run, CODE_DELIVERED, &m->envelope.qid);

	record_put_num(out, "n", m->envelope.recipient[i].n);
	record_puts(out, "path", message_text(m, m->way[i].path));
	record_puts(out, "how", deliver_how_word(how));
	journal_end(&run->journal, out);
	journal_end(
	    &run->journal, run_entry_recipient(run, CODE_DELIVERED_RCPT, m, i));
}

/*
 * A name that an earlier attempt left in the mailbox may be seen and not be on
 * disk, when a write failed since: the kernel told so once, and a sync now
 * would find nothing to do and say that all is well. So whatever state the
 * message was listed in, it waits until somebody has looked. What is linked
 * now is new to the disk, and its sync is believed.
 */
static bool
is_doubtful(struct run *run, struct fault *f)
{
	if (!store_is_trouble(&run->store))
		return false;
	fault_set(f, TEMP, "4.3.0", 0,
	    "a write to the disk failed: see trouble in the queue");
	return true;
}

static void
delivered(
    struct run *run, struct message *m, const struct ask *ask, struct span line)
{
	struct deliver_req req;
	enum deliver_how how;
	struct fault f;

	deliver_request(m, ask, &req);
	if (wire_deliver_get_ans(line, &req, &how, &f) != OK ||
	    (how == DELIVER_FOUND && is_doubtful(run, &f))) {
		way_end_by_fault(m, ask->i, &f);
		return;
	}
	way_end(m, ask->i, WAY_DELIVERED, NULL);
	m->way[ask->i].how = (uint8_t)how;
	journal_delivered(run, m, ask->i, how);
}

/* ---- Both ends of an ask. ---- */

enum outcome
attempt_put(
    struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct message *m = ask->m;
	struct deliver_req deliver;
	struct resolve_req resolve = { 0 };

	if (m != NULL)
		run_takes(run, m);
	switch (ask->kind) {
	case ASK_RESOLVE:
		resolve.forward_path =
		    path_span(&m->envelope.recipient[ask->i].forward_path);
		resolve.reverse_path = path_span(&m->envelope.reverse_path);
		return wire_resolve_put_req(out, &resolve, f);
	case ASK_DELIVER:
		deliver_request(m, ask, &deliver);
		return wire_deliver_put_req(out, &deliver, f);
	case ASK_SYNC:
		return settle_put_sync(run, ask, out, f);
	case ASK_ADD:
		return report_put(run, ask, out, f);
	case ASK_NONE:
		break;
	}
	return fault_set(f, TEMP, "4.3.0", 0, "nothing to ask");
}

bool
attempt_answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	bool in_step = true;

	if (ask->kind == ASK_SYNC)
		settle_answer(run, ask, line);
	if (m == NULL)
		return true;
	run_takes(run, m);
	if (ask->kind == ASK_RESOLVE)
		in_step = resolved(run, m, ask->i, line);
	else if (ask->kind == ASK_DELIVER)
		delivered(run, m, ask, line);
	else
		report_answer(run, ask, line);
	if (--m->open == 0)
		message_answered(run, m);
	return in_step;
}

/* It ends unanswered; f says why. */
void
attempt_unanswered(
    struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	struct message *m = ask->m;

	run_alarm(run, m == NULL ? NULL : &m->envelope.qid, "%s", f->text);
	if (ask->kind == ASK_SYNC)
		settle_unanswered(run, f);
	if (m == NULL)
		return;
	if (ask->kind == ASK_ADD) {
		report_failed(m, f);
	} else {
		way_end(m, ask->i, WAY_DEFERRED, f);
		m->way[ask->i].died = died;
	}
	if (--m->open == 0)
		message_answered(run, m);
}
