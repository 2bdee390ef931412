/* SPDX-License-Identifier: ISC */
/* turn.h: the table of steps, and the turn that works through it. */
#ifndef QUEUE_RUN_TURN_H
#define QUEUE_RUN_TURN_H

#include "run.h"

/* One turn: every step, then one write to each stage, then the journal. */
void turn_run(struct run *);
/* The work of one step. */
void turn_step(struct run *, enum step);
/* The messages whose questions are all answered go to their next step. With an
   operator waiting, nothing new is begun for them. */
void turn_answered(struct run *);
/* Milliseconds until something is due; -1: nothing. */
int turn_wait_ms(const struct run *);

/* Is something on its way to a first answer, or to be found by a listing? */
bool turn_works(const struct run *);
/* Is something delivered, or reported, that the queue still holds? */
bool turn_owes(const struct run *);

/* What an operator's request means for a message in that step. */
enum operator_rule {
	OPERATOR_WAITS, /* for its rest; questions not yet sent are taken back */
	OPERATOR_FETCHES, /* it waits in memory alone: from the disk instead */
	OPERATOR_ASKS_AGAIN, /* it is being moved, or is to be mended */
	OPERATOR_IS_LATE, /* it is settled */
};
enum operator_rule turn_operator(const struct message *);

#endif
