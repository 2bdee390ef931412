/* SPDX-License-Identifier: ISC */
/* store_state.c: the states of a message in the queue. */
#include "store_state.h"

static const char *const words[STORE_STATES] = {
	[STORE_IN] = "in",
	[STORE_OUT] = "out",
	[STORE_RETRY1] = "retry1",
	[STORE_RETRY2] = "retry2",
	[STORE_BUSY] = "busy",
	[STORE_HOLD] = "hold",
	[STORE_QUARANTINE] = "quarantine",
	[STORE_ASIDE] = "aside",
};

const char *
store_state_word(enum store_state state)
{
	return words[state];
}

bool
store_has_minutes(enum store_state state)
{
	return state == STORE_RETRY1 || state == STORE_RETRY2;
}

bool
store_state_parse(struct span word, enum store_state *state)
{
	for (int i = 0; i < STORE_STATES; i++) {
		if (span_eq(word, words[i])) {
			*state = (enum store_state)i;
			return true;
		}
	}
	return false;
}
