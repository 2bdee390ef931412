/* SPDX-License-Identifier: ISC */
/*
 * turn.c: the table of steps, and the turn that works through it. What a step
 * does for many at once (a sync, a write) is done once a turn.
 */
#include "turn.h"

#include "clock.h"
#include "destination.h"
#include "steps.h"

/* The life of a message. */
static const struct {
	/* The work, on each message that stands in it or on all at once. */
	void (*each)(struct run *, struct message *);
	void (*all)(struct run *);
	bool begins; /* something new: not while draining */
	bool at_once; /* a turn follows when one stands in it */
	bool owed; /* delivered or reported: a drain waits for it */
	enum operator_rule operator;
	enum step answered; /* where what it asked leads */
} life[STEPS] = {
	/* due again: out of the window */
	[STEP_WAIT] = { .all = wait_work, .begins = true,
	    .operator = OPERATOR_FETCHES },
	/* checked: RESOLVE, else aside/ */
	[STEP_LOAD] = { .all = load_work, .begins = true, .at_once = true },
	[STEP_RESOLVE] = { .each = resolve_message, .begins = true, .at_once = true,
	    .answered = STEP_DELIVER },
	/* SETTLE, or REPORT */
	[STEP_DELIVER] = { .each = deliver_message, .begins = true, .at_once = true,
	    .answered = STEP_SETTLE },
	/* what a transport ended: REPORT */
	[STEP_ATTEMPTS] = { .answered = STEP_REPORT },
	/* mailboxes synced: REPORT */
	[STEP_SETTLE] = { .all = settle_work, .owed = true },
	/* report entered, or the next one: REST */
	[STEP_REPORT] = { .each = report_message, .at_once = true, .owed = true,
	    .answered = STEP_REPORT },
	/* GO, or SAVE */
	[STEP_REST] = { .each = rest_message, .at_once = true, .owed = true },
	/* out of the window, or WAIT */
	[STEP_SAVE] = { .all = save_work, .at_once = true, .owed = true,
	    .operator = OPERATOR_ASKS_AGAIN },
	/* out of the window */
	[STEP_CONTENT] = { .all = content_work, .owed = true,
	    .operator = OPERATOR_IS_LATE },
	/* out of the window, or CONTENT */
	[STEP_GO] = { .each = go_message, .at_once = true, .owed = true,
	    .operator = OPERATOR_IS_LATE },
};

enum operator_rule
turn_operator(const struct message *m)
{
	return life[m->step].operator;
}

void
turn_answered(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->answered)) != NULL) {
		enum step next = life[m->step].answered;

		if (next == STEP_SETTLE ||
		    (next == STEP_DELIVER && m->operation != NULL))
			next = deliver_next(m);
		message_go(run, m, next);
	}
}

void
turn_step(struct run *run, enum step step)
{
	struct message *m;

	if (life[step].all != NULL)
		life[step].all(run);
	else
		while ((m = list_take(&run->step[step])) != NULL) {
			run_takes(run, m);
			life[step].each(run, m);
		}
}

void
turn_run(struct run *run)
{
	for (size_t i = 0; i < STAGES; i++)
		stage_read(run, &run->stage[i]);
	destinations_read(run);
	turn_answered(run);
	if (!run->draining && !run->requests_only)
		listing_fill(run);
	for (size_t i = 0; i < STEPS; i++)
		if (run->step[i].n > 0 && !(run->draining && life[i].begins))
			turn_step(run, (enum step)i);
	for (size_t i = 0; i < STAGES; i++)
		stage_write(run, &run->stage[i]);
	destinations_write(run);
	run_takes(run, NULL);
	if (run->journal.pending_entries > 0)
		journal_flush(&run->journal);
}

/* ---- Until when. ---- */

/* Something to do without an answer? A step that takes a share a turn has more
   to do at once; so has one that a stage's death led to at the turn's end. */
static bool
is_work_left(const struct run *run)
{
	for (size_t i = 0; i < STEPS; i++)
		if (run->step[i].n > 0 && life[i].at_once &&
		    !(run->draining && life[i].begins))
			return true;
	return run->answered.n > 0;
}

int
turn_wait_ms(const struct run *run)
{
	uint64_t now = clock_mono_ms();
	uint64_t at = run_earlier_ms(settle_next_ms(run), content_next_ms(run));

	if (is_work_left(run))
		return 0;
	for (size_t i = 0; i < STAGES; i++)
		at = run_earlier_ms(at, stage_next_ms(&run->stage[i]));
	at = run_earlier_ms(at, destinations_next_ms(run));
	if (!run->draining && !run->requests_only) {
		at = run_earlier_ms(at, listing_next_ms(run));
		at = run_earlier_ms(at, wait_next_ms(run));
	}
	if (at == 0)
		return -1;
	if (at <= now)
		return 0;
	return at - now > 60000 ? 60000 : (int)(at - now);
}

bool
turn_owes(const struct run *run)
{
	size_t n = run->answered.n + run->stage[STAGE_DELIVER].sent +
	    run->stage[STAGE_ADD].sent + settle_is_busy(run) +
	    destinations_busy(run);

	for (size_t i = 0; i < STEPS; i++)
		n += life[i].owed ? run->step[i].n : 0;
	return n > 0;
}

bool
turn_works(const struct run *run)
{
	size_t n = run->answered.n + run->stage[STAGE_RESOLVE].n +
	    run->stage[STAGE_DELIVER].n + destinations_busy(run);

	for (size_t i = 0; i < STEPS; i++)
		n += life[i].begins && life[i].at_once ? run->step[i].n : 0;
	return n > 0 || listing_is_active(run);
}
