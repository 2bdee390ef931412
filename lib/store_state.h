/* SPDX-License-Identifier: ISC */
/*
 * store_state.h: the directories of the queue. The one that an envelope lies in
 * is its state. Source: doc/PROTOCOL.md.
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
	STORE_ASIDE,
	/* No states: where contents lie, by shard; and what is set aside. */
	STORE_CONTENT,
	STORE_ASIDE_CONTENT
};
#define STORE_STATES      8
#define STORE_DIRECTORIES 9 /* the states', and that of the contents */

/* What a directory is divided into. */
enum store_parts { STORE_UNDIVIDED, STORE_MINUTES, STORE_SHARDS };

/*
 * The states by precedence: of several envelopes of one message the first
 * governs. In this order nothing slips through while it moves: what leaves hold
 * goes to in, what leaves in to out or a retry. What lies in in/ beside another
 * may be the one file whose envelope file that other is, and then that governs.
 */
extern const enum store_state store_precedence[STORE_STATES];

/* Its directory: "in", "retry1", ... */
const char *store_state_word(enum store_state);
enum store_parts store_parts(enum store_state);
/* A directory for each minute? */
bool store_has_minutes(enum store_state);
bool store_state_parse(struct span word, enum store_state *);

#endif
