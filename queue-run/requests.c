/* SPDX-License-Identifier: ISC */
/*
 * requests.c: the service on fd 0: hints of queue-add (`one ...`, `apart ...`),
 * which get no answer, and operators' requests, which get one each, with their
 * qid, when they are done.
 */
#include "requests.h"

#include <errno.h>
#include <stdlib.h>

#include "aside.h"
#include "attempt.h"
#include "clock.h"
#include "codes.h"
#include "destination.h"
#include "serve.h"
#include "steps.h"
#include "turn.h"

#define DRAIN_MS 5000 /* a stop waits so long for the last syncs. Ours */

/* ---- Operators' requests. ---- */

/* `ok qid=`, `temp qid= code= text=`, `perm ...`. */
static void
answer_client(struct operation *op, const struct fault *f)
{
	struct client *client = serve_client(op->client);
	struct record_out out;
	struct fault why;

	if (client != NULL) {
		out = record_begin(&client->outbuf, outcome_word(f->outcome));
		record_put(out, "qid", qid_span(&op->qid));
		if (f->outcome != OK)
			record_put_fault(out, f);
		if (record_end(out, &why) != OK)
			client->end = true;
	}
	free(op);
}

/* What was corrupt comes back when it is well again, or goes. */
static void
begin_aside(struct run *run, struct operation *op)
{
	bool releases = op->word == OPERATION_RELEASE;
	struct fault f = FAULT_NONE;

	if (!aside_has(&run->store, &op->qid)) {
		operate_answer(op, PERM, "no such message in the queue");
		return;
	}
	if (!releases && op->word != OPERATION_DELETE) {
		operate_answer(op, PERM,
		    "it lies in aside: it can be released, or deleted");
		return;
	}
	if (releases) /* also when it comes halfway */
		listing_want_in(run);
	if ((!releases || run_syncfs(run, &f) == OK) &&
	    (releases ? aside_release(&run->store, &op->qid, &f)
	              : aside_remove(&run->store, &op->qid, &f)) == OK) {
		journal_tell(&run->journal,
		    releases ? CODE_RELEASED : CODE_DELETED, &op->qid,
		    JOURNAL_FIELDS(JOURNAL_TEXT("state", "aside"),
		        JOURNAL_TEXT("by", releases ? "operator" : ""),
		        JOURNAL_TEXT("reason", op->reason)));
		f = FAULT_NONE;
	}
	op->answer(op, &f);
}

/* Not in memory: from the disk, straight to its rest. */
static void
fetch(struct run *run, struct operation *op)
{
	struct store_place place;
	struct message *m;
	struct fault f;

	if (store_find_envelope(&run->store, &op->qid, &place, &f) == OK) {
		m = window_add(&run->window, &op->qid, WINDOW_LISTED);
		m->place = place;
		m->told = m->fetched = true; /* no digest for a move */
		m->operation = op;
		message_go(run, m, STEP_LOAD);
	} else if (f.error == ENOENT) {
		begin_aside(run, op);
	} else {
		op->answer(op, &f);
	}
}

/* The message is in the window: it comes to its rest first. */
static void
wait_for_rest(struct run *run, struct message *m, struct operation *op)
{
	struct fault f;

	m->operation = op;
	/* Questions that were not yet sent are taken back. */
	for (size_t i = 0; i < STAGES; i++)
		stage_cancel(&run->stage[i], m);
	destination_cancel(run, m);
	if (m->attempts > 0) {
		m->operation = NULL;
		operate_answer(op, TEMP, "it is being delivered: ask again");
	}
	if (m->step == STEP_ATTEMPTS || m->open > 0 || m->listed)
		return; /* it goes on when they have ended */
	if (m->step == STEP_REPORT) { /* who failed goes on to wait */
		fault_set(&f, TEMP, "4.3.0", 0, "an operator was faster");
		report_not_entered(m, &f);
		message_go(run, m, STEP_REST);
	} else {
		list_add(&run->answered, m);
	}
}

void
requests_begin(struct run *run, struct operation *op)
{
	struct message *m = window_find(&run->window, &op->qid);

	if (run->requests_only && op->word == OPERATION_EXPIRE) {
		operate_answer(op, TEMP,
		    "start the system first (pneu run): the report needs "
		    "queue-run");
		return;
	}
	if (m != NULL && turn_operator(m) == OPERATOR_FETCHES) {
		list_remove(&run->step[STEP_WAIT], m);
		window_drop(&run->window, m);
		m = NULL;
	}
	if (m == NULL)
		fetch(run, op);
	else if (op->word == OPERATION_FLUSH)
		operate_answer(op, OK, ""); /* it is under way */
	else if (m->operation != NULL ||
	    turn_operator(m) == OPERATOR_ASKS_AGAIN)
		operate_answer(op, TEMP, "it is being moved: ask again");
	else if (turn_operator(m) == OPERATOR_IS_LATE)
		operate_answer(op, PERM, "it is settled already");
	else
		wait_for_rest(run, m, op);
}

/* ---- Lines. ---- */

/*
 * A message that queue-add has just accepted. `one` says all that there is to
 * know; of `apart` the envelope is still to be read, for it has many
 * recipients. A hint that is no use: a listing finds what it was about.
 */
static void
take_hint(struct run *run, struct span line)
{
	struct envelope e;
	struct message *m;
	struct fault f;

	envelope_begin(&e);
	if (!window_has_room(&run->window, WINDOW_TOLD)) {
		listing_want_in(run);
	} else if (envelope_get_notice(line, &e, &f) != OK) {
		journal_alarm(&run->journal, NULL, "notice: %s", f.text);
		listing_want_in(run);
	} else if (window_find(&run->window, &e.qid) == NULL) {
		m = window_add(&run->window, &e.qid, WINDOW_TOLD);
		m->told = true;
		m->envelope = e;
		window_weigh(&run->window, m);
		if (e.shape == ENVELOPE_APART)
			message_go(run, m, STEP_LOAD);
		else
			load_checked(run, m);
		return;
	}
	envelope_free(&e);
}

static enum outcome
take_line(void *arg, struct client *client, struct span line, struct fault *f)
{
	struct run *run = arg;
	struct operation *op;
	struct record r;

	/* Nearly all lines: parsed once, by the envelope's codec. */
	if (span_has_prefix(line, "one ") || span_has_prefix(line, "apart ")) {
		take_hint(run, line);
		return OK;
	}
	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	client->state = run; /* an operator: it brings no hints */
	op = operate_parse(&r, f);
	if (op == NULL)
		return f->outcome;
	op->client = client->serial;
	op->answer = answer_client;
	requests_begin(run, op);
	return OK;
}

/* ---- The service. ---- */

static void
turn(void *arg)
{
	struct run *run = arg;
	struct operation *op;

	while ((op = run->again) != NULL) {
		run->again = op->next;
		requests_begin(run, op);
	}
	turn_run(run);
}

/* A connection that may bring notices ended: what it still had to say may be
   lost. */
static void
gone(void *arg, struct client *client)
{
	struct run *run = arg;

	if (client->state == NULL)
		listing_want_in(run);
	client->state = NULL;
}

static size_t
prepare(void *arg, struct pollfd *fds, size_t max, int *wait_ms)
{
	struct run *run = arg;
	size_t n = 0;

	for (size_t i = 0; i < STAGES && n < max; i++)
		n += service_poll(&run->stage[i].service, &fds[n]);
	n += attempts_poll(run, fds + n, max - n);
	*wait_ms = run->again != NULL ? 0 : turn_wait_ms(run);
	return n;
}

/* Only said here; the turn comes when the round's notices are taken too. */
static void
ready(void *arg, const struct pollfd *fds, size_t n)
{
	struct run *run = arg;

	for (size_t i = 0; i < STAGES; i++)
		service_look(&run->stage[i].service, fds, n);
	attempts_ready(run, fds, n);
}

/* ---- The end. ---- */

/* Turns while there is more, and within DRAIN_MS something comes of it: a stage
   may be missing. */
static void
turn_while(struct run *run, bool (*more)(const struct run *))
{
	uint64_t now = clock_mono_ms(), end = now + DRAIN_MS;
	size_t held = run->window.held;

	for (; more(run) && now < end; now = clock_mono_ms()) {
		struct pollfd fds[SERVE_EXTRA_MAX];
		int wait_ms;
		size_t n = prepare(run, fds, SERVE_EXTRA_MAX, &wait_ms);

		if (wait_ms < 0 || wait_ms > (int)(end - now))
			wait_ms = (int)(end - now);
		if (poll(fds, (nfds_t)n, wait_ms) >= 0)
			ready(run, fds, n);
		else if (errno != EINTR)
			return;
		turn_run(run);
		if (run->window.held != held) {
			held = run->window.held;
			end = clock_mono_ms() + DRAIN_MS;
		}
	}
}

/* A session has ended, in a shell or a pipeline: one attempt for all that was
   there, so that `queue-run < /dev/null` is a run of the queue. */
static bool
works_on(const struct run *run)
{
	return !serve_stopping && turn_works(run);
}

/*
 * A stop is no crash: what was delivered is synced and removed from the queue
 * first, or saved as such when others still wait, so that no reader sees it
 * again. What was not yet asked waits on disk.
 */
static void
drain(struct run *run)
{
	run->draining = true;
	stage_cancel(&run->stage[STAGE_RESOLVE], NULL);
	stage_cancel(&run->stage[STAGE_DELIVER], NULL);
	destination_cancel(run, NULL);
	for (struct message *m = TAILQ_FIRST(&run->window.messages); m != NULL;
	     m = TAILQ_NEXT(m, link_window))
		if (m->step == STEP_DELIVER && m->open == 0 && !m->listed)
			list_add(&run->answered, m);
	turn_run(run);
	turn_while(run, turn_owes);
}

enum outcome
requests_serve(struct run *run, struct fault *f)
{
	static const struct line_service service = {
		.line = take_line,
		.finish = turn,
		.gone = gone,
		.prepare = prepare,
		.ready = ready,
		.hints = true,
		.clients_max = 64,
	};

	enum outcome got = serve_lines(&service, run, f);

	if (got == OK && !run->requests_only)
		turn_while(run, works_on);
	drain(run);
	/* Not in run_end(): a failed start is none. Of requests alone the marker
	   stays, and says what the last queue-run died on. */
	if (!run->requests_only)
		store_run_ends(&run->store);
	return got;
}
