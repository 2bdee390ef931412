/* SPDX-License-Identifier: ISC */
/* input.h: lines of a session, and the waits for them. */
#ifndef SMTPD_INPUT_H
#define SMTPD_INPUT_H

#include "state.h"

/*
 * Wait for more input. false: the session is over; a deadline (monotonic) was
 * answered with 421. Replies leave first, then the journal's entries; a client
 * that does not take its replies is gone.
 */
bool input_fill(struct session *, uint64_t deadline_ms);
/* One line in s->line; false: there is nothing to carry out. */
bool input_line(struct session *);
/*
 * Refuse the line in hand, which nobody carries out. If it was to be BDAT,
 * nobody knows either where its chunk ends, and somebody else may have written
 * what is in it: none of that is read as commands, the session ends.
 */
void input_refuse_line(struct session *, enum rule);

#endif
