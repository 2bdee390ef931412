/* SPDX-License-Identifier: ISC */
/*
 * operate.c: hold, release, delete, flush, expire, for an operator: `queue` asks
 * over run/queue-run, or starts a queue-run for its requests. A message that is under way
 * comes to its rest first; what was delivered by then stays delivered. The
 * answer comes after the last sync.
 */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"

static const char *const words[] = { "hold", "release", "delete", "flush",
	"expire" };

/* ---- The wire. ---- */

/* `ok qid=`, `temp qid= code= text=`, `perm ...`. */
static void
answer_client(struct operation *op, const struct fault *f)
{
	struct client *client = serve_client(op->client);
	struct record_out out;
	struct fault why;

	if (client == NULL) {
		free(op);
		return;
	}
	out = record_begin(&client->outbuf, outcome_word(f->outcome));
	record_put(out, "qid", qid_span(&op->qid));
	if (f->outcome != OK) {
		record_puts(out, "code", f->code);
		record_puts(out, "text", f->text);
	}
	if (record_end(out, &why) != OK)
		client->end = true;
	free(op);
}

enum outcome
operate_take(
    struct run *run, struct client *client, struct record *r, struct fault *f)
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
		return fault_set(f, TEMP, "4.3.0", 0, "request: malformed");
	}
	op->word = (enum operation_word)word;
	(void)span_copy(reason, op->reason, sizeof(op->reason));
	op->client = client->serial;
	op->answer = answer_client;
	operate_begin(run, op);
	return OK;
}

/* ---- Begin and end. ---- */

static void
end_now(struct operation *op, enum outcome outcome, const char *text)
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

	if (op == NULL)
		return;
	m->operation = NULL;
	op->answer(op, f);
}

static enum outcome
release_aside(struct run *run, const struct qid *qid, struct fault *f)
{
	if (run_syncfs(run, f) != OK)
		return f->outcome;
	return aside_release(&run->store, qid, f);
}

/* What could not be believed: it comes back when it can, or goes. */
static void
operate_aside(struct run *run, struct operation *op)
{
	bool is_release = op->word == OPERATION_RELEASE;
	struct record_out out;
	struct fault f = FAULT_NONE;

	if (!aside_has(&run->store, &op->qid))
		fault_set(&f, PERM, "5.3.0", 0, "no such message in the queue");
	else if (op->word != OPERATION_DELETE && !is_release)
		fault_set(&f, PERM, "5.3.0", 0,
		    "it lies in aside: it can be released, or deleted");
	else if ((is_release ? release_aside(run, &op->qid, &f)
	                     : aside_remove(&run->store, &op->qid, &f)) == OK) {
		out = run_entry(
		    run, is_release ? CODE_RELEASED : CODE_DELETED, &op->qid);
		record_puts(out, "state", "aside");
		if (op->reason[0] != '\0')
			record_puts(out, "reason", op->reason);
		journal_end(&run->journal, out);
		f = FAULT_NONE;
	}
	/* A listing takes it up, also when it came halfway. */
	run->in.wanted |= is_release;
	op->answer(op, &f);
}

/* Not in memory: from the disk, straight to its rest. */
static void
operate_listed(struct run *run, struct operation *op)
{
	struct store_place place;
	struct message *m;
	struct fault f;

	if (store_find_envelope(&run->store, &op->qid, &place, &f) != OK) {
		if (f.error == ENOENT)
			operate_aside(run, op);
		else
			end_now(op, TEMP, f.text);
		return;
	}
	m = window_add(run, &op->qid);
	if (m == NULL) {
		end_now(op, TEMP, "no memory");
		return;
	}
	m->place = place;
	m->told = m->fetched = true; /* no digest for a move */
	m->operation = op;
	message_go(run, m, STEP_LOAD);
}

/* Its sender was not told: who failed goes on to wait. */
static void
take_back_report(struct run *run, struct message *m)
{
	struct fault f;

	fault_set(&f, TEMP, "4.3.0", 0, "an operator was faster");
	report_failed(m, &f);
	message_go(run, m, STEP_REST);
}

void
operate_begin(struct run *run, struct operation *op)
{
	struct message *m = window_find(run, &op->qid);

	if (run->by_hand && op->word == OPERATION_EXPIRE) {
		end_now(op, TEMP, "queue-run is needed, to enter its report");
		return;
	}
	if (m != NULL && m->step == STEP_WAIT) {
		message_leave(run, m);
		window_drop(run, m);
		m = NULL;
	}
	if (m == NULL) {
		operate_listed(run, op);
	} else if (op->word == OPERATION_FLUSH) {
		end_now(op, OK, ""); /* it is under way */
	} else if (m->operation != NULL || m->step == STEP_MEMORY) {
		end_now(op, TEMP, "it is being moved: ask again");
	} else if (m->step == STEP_GO || m->step == STEP_CONTENT) {
		end_now(op, PERM, "it is settled already");
	} else {
		m->operation = op;
		/* Questions that were not yet sent are taken back. */
		for (size_t i = 0; i < STAGES; i++)
			stage_cancel(&run->stage[i], m);
		if (m->open == 0 && !m->listed &&
		    (m->step == STEP_RESOLVE || m->step == STEP_DELIVER))
			message_answered(run, m);
		else if (m->open == 0 && !m->listed && m->step == STEP_REPORT)
			take_back_report(run, m);
	}
}

/* ---- At rest. ---- */

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
operate_put_held(struct message *m, const char *by, const char *text)
{
	put_line(m, "held", by, text);
}

/*
 * Nothing is to be done: it goes on as it would have. What was fetched for an
 * operator alone was not checked: a listing finds it. False: here it goes on.
 */
static bool
let_be(struct run *run, struct message *m)
{
	if (!m->fetched)
		return false;
	if (m->place.state == STORE_IN)
		run->in.wanted = true;
	else if (m->place.state == STORE_RETRY1)
		schedule_due(run, m->place.minute_ms);
	window_drop(run, m);
	return true;
}

static bool
refuse(struct run *run, struct message *m, const char *text)
{
	struct fault f;

	fault_set(&f, PERM, "5.3.0", 0, "%s", text);
	operate_end(m, &f);
	return let_be(run, m);
}

static bool
to_place(struct run *run, struct message *m, struct store_place to)
{
	m->to = to;
	message_go(run, m, STEP_MEMORY);
	return true;
}

static bool
already(struct run *run, struct message *m)
{
	struct fault f = FAULT_NONE;

	operate_end(m, &f);
	return let_be(run, m);
}

static bool
hold(struct run *run, struct message *m)
{
	if (m->place.state == STORE_HOLD)
		return already(run, m);
	settle_put_lines(run, m);
	put_line(m, "held", "operator", m->operation->reason);
	return to_place(run, m, (struct store_place){ STORE_HOLD, 0 });
}

static bool
release(struct run *run, struct message *m)
{
	if (m->place.state != STORE_HOLD)
		return refuse(run, m, "it is not held");
	buf_reset(&m->lines);
	put_line(m, "released", "operator", m->operation->reason);
	return to_place(run, m, (struct store_place){ STORE_IN, 0 });
}

/* The journal says so when its name is gone, and not before. */
void
operate_deleted(struct run *run, const struct message *m)
{
	struct record_out out = run_entry(run, CODE_DELETED, &m->envelope.qid);

	record_puts(out, "state", store_state_word(m->place.state));
	if (m->operation->reason[0] != '\0')
		record_puts(out, "reason", m->operation->reason);
	journal_end(&run->journal, out);
}

/* Due now: its directory becomes this minute's. */
static bool
flush(struct run *run, struct message *m)
{
	uint64_t now = clock_wall_ms();
	struct store_place to = { STORE_RETRY1, now - now % 60000 };

	if (m->place.state == STORE_HOLD)
		return refuse(run, m, "it is held: release it first");
	if (m->place.state == STORE_IN)
		return already(run, m);
	if (m->place.state != STORE_RETRY1)
		return refuse(run, m, "it waits for no retry");
	if (m->place.minute_ms <= to.minute_ms) {
		schedule_due(run, m->place.minute_ms);
		return already(run, m);
	}
	buf_reset(&m->lines);
	return to_place(run, m, to);
}

/* As after any failure that lasts: its sender is told, and it goes. */
bool
operate_expire(struct run *run, struct message *m, bool remaining)
{
	struct operation *op = m->operation;
	struct fault f;

	if (op->word != OPERATION_EXPIRE || op->begun || !remaining)
		return false;
	op->begun = true;
	fault_set(&f, PERM, "5.4.7", 0, "given up by the operator%s%s",
	    op->reason[0] == '\0' ? "" : ": ", op->reason);
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->way[i].state == WAY_OPEN ||
		    m->way[i].state == WAY_DEFERRED)
			way_end(m, i, WAY_FAILED, &f);
	message_go(run, m, STEP_REPORT);
	return true;
}

/* Its sender could not be told: it stays as it was. */
static bool
not_expired(struct run *run, struct message *m)
{
	struct fault f;

	fault_set(&f, TEMP, "4.3.0", 0, "no report could be entered");
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->way[i].state == WAY_DEFERRED)
			(void)span_copy(
			    span_of(message_text(m, m->way[i].text)), f.text,
			    sizeof(f.text));
	operate_end(m, &f);
	return let_be(run, m);
}

bool
operate_at_rest(struct run *run, struct message *m, bool remaining)
{
	struct fault f;

	if (!remaining && m->operation->begun)
		return false; /* and the answer when it is gone */
	if (!remaining && m->operation->word != OPERATION_FLUSH) {
		fault_set(&f, PERM, "5.3.0", 0, "it is settled already");
		operate_end(m, &f);
		return false;
	}
	switch (m->operation->word) {
	case OPERATION_HOLD:
		return hold(run, m);
	case OPERATION_RELEASE:
		return release(run, m);
	case OPERATION_DELETE:
		message_go(run, m, STEP_GO);
		return true;
	case OPERATION_FLUSH:
		return flush(run, m);
	case OPERATION_EXPIRE:
		return not_expired(run, m);
	}
	return false;
}
