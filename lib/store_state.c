/* SPDX-License-Identifier: ISC */
/* store_state.c: the directories of the queue. */
#include "store_state.h"

static const struct {
	const char *word;
	enum store_parts parts;
} table[] = {
	[STORE_IN] = { "in", STORE_UNDIVIDED },
	[STORE_OUT] = { "out", STORE_UNDIVIDED },
	[STORE_RETRY1] = { "retry1", STORE_MINUTES },
	[STORE_RETRY2] = { "retry2", STORE_MINUTES },
	[STORE_BUSY] = { "busy", STORE_UNDIVIDED },
	[STORE_HOLD] = { "hold", STORE_UNDIVIDED },
	[STORE_QUARANTINE] = { "quarantine", STORE_UNDIVIDED },
	[STORE_ASIDE] = { "aside", STORE_UNDIVIDED },
	[STORE_CONTENT] = { "message", STORE_SHARDS },
	[STORE_ASIDE_CONTENT] = { "aside", STORE_UNDIVIDED },
};

const enum store_state store_precedence[STORE_STATES] = { STORE_HOLD,
	STORE_QUARANTINE, STORE_IN, STORE_OUT, STORE_BUSY, STORE_ASIDE,
	STORE_RETRY1, STORE_RETRY2 };

const char *
store_state_word(enum store_state state)
{
	return table[state].word;
}

enum store_parts
store_parts(enum store_state state)
{
	return table[state].parts;
}

bool
store_has_minutes(enum store_state state)
{
	return table[state].parts == STORE_MINUTES;
}

bool
store_state_parse(struct span word, enum store_state *state)
{
	for (int i = 0; i < STORE_STATES; i++) {
		if (span_eq(word, table[i].word)) {
			*state = (enum store_state)i;
			return true;
		}
	}
	return false;
}
