/* SPDX-License-Identifier: ISC */
/* state.c: the state of a session, and its moves. */
#include "state.h"

#include <stdlib.h>

/* Whence a phase is entered; a command's row forbids the rest. */
static const unsigned entered_from[PHASES] = {
	[PHASE_READY] = ~IN(PHASE_OVER), /* EHLO, RSET, a message's end */
	[PHASE_MAIL] = IN(PHASE_READY),
	[PHASE_RCPT] = IN(PHASE_MAIL) | IN(PHASE_RCPT),
	[PHASE_CONTENT] = IN(PHASE_RCPT),
	[PHASE_CHUNKS] = IN(PHASE_RCPT) | IN(PHASE_CHUNKS),
	[PHASE_OVER] = IN_ANY,
};

/* The one place where a transaction ends: all of it, whatever it was. */
static void
empty_transaction(struct session *s)
{
	submit_drop(&s->server->submit);
	envelope_reset(s->envelope);
	content_reset(&s->content);
}

void
session_clear(struct session *s, struct server *v, const struct peer *peer)
{
	*s = (struct session){ .server = v,
		.peer = peer,
		.phase = PHASE_START,
		.envelope = &v->envelope,
		.content = { .set = v->set, .buf = &v->content } };
	empty_transaction(s);
}

void
session_enter(struct session *s, enum phase phase)
{
	if (s->phase == PHASE_OVER)
		return;
	if ((entered_from[phase] & IN(s->phase)) == 0)
		abort(); /* a bug here: no client can cause it */
	if (phase == PHASE_READY || phase == PHASE_OVER)
		empty_transaction(s);
	s->phase = phase;
}

enum rule
session_order(const struct session *s, unsigned phases, enum rule other)
{
	if ((phases & IN(s->phase)) != 0)
		return RULE_NONE;
	switch (s->phase) {
	case PHASE_START:
		return RULE_ORDER_HELLO;
	case PHASE_READY:
		return RULE_ORDER_MAIL;
	case PHASE_CHUNKS:
		return RULE_ORDER_CHUNKS;
	default:
		return other;
	}
}
