/* SPDX-License-Identifier: ISC */
/*
 * store_state.h: the directory of the queue that an envelope lies in is its
 * state. Source: ours, doc/PROTOCOL.md.
 */
#ifndef LIB_STORE_STATE_H
#define LIB_STORE_STATE_H

#include "span.h"

enum store_state {
	STORE_IN, /* accepted, not yet settled */
	STORE_OUT, /* remote recipients, due now */
	STORE_RETRY1, /* by minute */
	STORE_RETRY2, /* by minute */
	STORE_BUSY,
	STORE_HOLD,
	STORE_QUARANTINE,
	STORE_ASIDE
};
#define STORE_STATES 8

/* "in", "retry1", ... */
const char *store_state_word(enum store_state);
/* A directory for each minute? */
bool store_has_minutes(enum store_state);
bool store_state_parse(struct span word, enum store_state *);

#endif
