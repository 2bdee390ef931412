/* SPDX-License-Identifier: ISC */
/*
 * turn.c: the table of steps, and the turn that works through it. What a step
 * does for many at once (a sync, a write) is done once a turn.
 */
#include "turn.h"

#include "attempt.h"
#include "clock.h"
#include "steps.h"

enum {
	BEGINS = 1, /* something new: not while draining */
	AT_ONCE = 2, /* a turn follows when one stands in it */
	OWED = 4, /* delivered or reported: a drain waits for it */
};

/* The life of a message. */
static const struct {
	/* The work, on each message that stands in it or on all at once. */
	void (*each)(struct run *, struct message *);
	void (*all)(struct run *);
	unsigned is;
	enum operator_rule operator;
	enum step answered; /* where what it asked leads; 0: it asks nothing */
} life[STEPS] = {
	/* due again: out of the window */
	[STEP_WAIT] = { NULL, wait_work, BEGINS, OPERATOR_FETCHES, 0 },
	/* checked: RESOLVE, else aside/ */
	[STEP_LOAD] = { NULL, load_work, BEGINS | AT_ONCE, 0, 0 },
	[STEP_RESOLVE] = { resolve_message, NULL, BEGINS | AT_ONCE, 0,
	    STEP_DELIVER },
	/* SETTLE, or REPORT */
	[STEP_DELIVER] = { deliver_message, NULL, BEGINS | AT_ONCE, 0,
	    STEP_SETTLE },
	/* what a transport ended: REPORT */
	[STEP_ATTEMPTS] = { NULL, NULL, 0, 0, STEP_REPORT },
	/* mailboxes synced: REPORT */
	[STEP_SETTLE] = { NULL, settle_work, OWED, 0, 0 },
	/* report entered, or the next one: REST */
	[STEP_REPORT] = { report_message, NULL, AT_ONCE | OWED, 0,
	    STEP_REPORT },
	/* GO, or SAVE */
	[STEP_REST] = { rest_message, NULL, AT_ONCE | OWED, 0, 0 },
	/* out of the window, or WAIT */
	[STEP_SAVE] = { NULL, save_work, AT_ONCE | OWED, OPERATOR_ASKS_AGAIN,
	    0 },
	/* out of the window */
	[STEP_CONTENT] = { NULL, content_work, OWED, OPERATOR_IS_LATE, 0 },
	[STEP_LEFT] = { NULL, NULL, 0, OPERATOR_ASKS_AGAIN, 0 },
	/* out of the window, or CONTENT */
	[STEP_GO] = { go_message, NULL, AT_ONCE | OWED, OPERATOR_IS_LATE, 0 },
};

/* Messages that stand in steps which are all of that. */
static size_t
count(const struct run *run, unsigned is, unsigned is_not)
{
	size_t n = 0;

	for (size_t i = 0; i < STEPS; i++)
		if ((life[i].is & is) == is && (life[i].is & is_not) == 0)
			n += run->step[i].n;
	return n;
}

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
	attempts_read(run);
	turn_answered(run);
	if (!run->draining && !run->requests_only) {
		storage_look(run);
		listing_fill(run);
	}
	for (size_t i = 0; i < STEPS; i++)
		if (run->step[i].n > 0 &&
		    !(run->draining && (life[i].is & BEGINS) != 0))
			turn_step(run, (enum step)i);
	for (size_t i = 0; i < STAGES; i++)
		stage_write(run, &run->stage[i]);
	attempts_make(run);
	run_takes(run, NULL);
	if (run->journal.pending_entries > 0)
		journal_flush(&run->journal);
}

/* ---- Until when. ---- */

int
turn_wait_ms(const struct run *run)
{
	uint64_t now = clock_mono_ms();
	uint64_t at = run_earlier_ms(settle_next_ms(run), content_next_ms(run));

	/* Something to do without an answer? A step that takes a share a turn
	   has more to do at once; so has one that a stage's death led to at the
	   turn's end. */
	if (count(run, AT_ONCE, run->draining ? BEGINS : 0) + run->answered.n >
	    0)
		return 0;
	for (size_t i = 0; i < STAGES; i++)
		at = run_earlier_ms(at, stage_next_ms(&run->stage[i]));
	at = run_earlier_ms(at, attempts_next_ms(run));
	if (!run->draining && !run->requests_only) {
		at = run_earlier_ms(at, listing_next_ms(run));
		at = run_earlier_ms(at, wait_next_ms(run));
		at = run_earlier_ms(at, storage_next_ms(run));
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
	return count(run, OWED, 0) + run->answered.n +
	    run->stage[STAGE_DELIVER].sent + run->stage[STAGE_ADD].sent +
	    settle_is_busy(run) + attempts_busy(run) >
	    0;
}

bool
turn_works(const struct run *run)
{
	return listing_is_active(run) ||
	    count(run, BEGINS | AT_ONCE, 0) + run->answered.n +
	        run->stage[STAGE_RESOLVE].n + run->stage[STAGE_DELIVER].n +
	        attempts_busy(run) >
	    0;
}
