/* SPDX-License-Identifier: ISC */
/*
 * state.h: the state of one SMTP session.
 *
 * It is one value, `phase`, and what a transaction holds; it changes only in
 * session_enter(), by one table. Whatever leaves a transaction goes through
 * there, and there is one function that empties it: no half of one ever stays
 * behind.
 */
#ifndef SMTPD_STATE_H
#define SMTPD_STATE_H

#include "content.h"
#include "serve.h"
#include "server.h"

/* Where a session stands between two commands. RFC 5321 4.1.4. */
enum phase {
	PHASE_START, /* no EHLO or HELO yet */
	PHASE_READY, /* no transaction */
	PHASE_MAIL, /* a reverse-path, no recipient */
	PHASE_RCPT, /* at least one recipient */
	PHASE_CONTENT, /* 354 was said; never between two commands */
	PHASE_CHUNKS, /* a BDAT was taken, the last one not yet */
	PHASE_OVER, /* nothing more is read or said */
	PHASES
};
#define IN(phase) (1U << (phase))
#define IN_ANY    (~0U)

#define HELO_MAX DOMAIN_MAX /* octets of the argument. RFC 5321 4.5.3.1.2 */

struct session {
	struct server *server;
	const struct peer *peer;
	enum phase phase;
	struct span line; /* in hand, without its end; dead at the next fill */
	bool is_esmtp; /* EHLO, not HELO */
	char helo[HELO_MAX + 1];
	/* All three since a message was queued. */
	uint64_t errors, idle_commands, refusals;
	uint64_t untold; /* refusals that got no entry of their own */
	uint64_t overshoot; /* recipients refused as too many, of this one */
	uint64_t content_start_ms; /* monotonic */
	bool journal_due; /* a message's entries wait for its reply to go */
	bool has_unread; /* ended here: the client may still be sending */
	/* The transaction, empty below PHASE_MAIL. */
	struct envelope *envelope;
	struct content content;
};

/* Begin with an empty transaction; input and output are the caller's. */
void session_clear(struct session *, struct server *, const struct peer *);
/* Go on to a phase; from PHASE_OVER nothing leads away. */
void session_enter(struct session *, enum phase);
/*
 * May a command come in this phase, when `phases` are its own? RULE_NONE: it
 * may. `other`: what is said when a transaction is open, but not so far.
 */
enum rule session_order(
    const struct session *, unsigned phases, enum rule other);

#endif
