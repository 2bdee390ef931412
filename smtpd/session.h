/* SPDX-License-Identifier: ISC */
/*
 * session.h: one SMTP session, its state and the server around it.
 *
 * The state is one value, `phase`, and what a transaction holds; it changes
 * only in session_move(), by one table. Whatever leaves a transaction goes
 * through there, and there is one function that empties it: no half of one
 * ever stays behind.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "content.h"
#include "envelope.h"
#include "journal.h"
#include "reply.h"
#include "serve.h"
#include "service.h"
#include "settings.h"
#include "stream.h"
#include "submit.h"

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

/* What moves it. */
enum event {
	EVENT_HELLO, /* EHLO or HELO taken */
	EVENT_MAIL, /* MAIL taken */
	EVENT_RCPT, /* RCPT taken */
	EVENT_DATA, /* 354 */
	EVENT_CHUNK, /* BDAT taken, more to come */
	EVENT_DONE, /* the message was queued, or refused, or failed */
	EVENT_RESET, /* RSET */
	EVENT_END, /* QUIT, 421, the peer went away */
	EVENTS
};

#define HELO_MAX DOMAIN_MAX /* octets of the argument. RFC 5321 4.5.3.1.2 */

/* What one process keeps from session to session. */
struct server {
	const struct settings *set;
	const char *hostname;
	int queue_fd; /* the queue's directory, for its free space; or -1 */
	uint64_t space_ms; /* when free space was looked at, monotonic */
	uint64_t space; /* octets free then, above the set reserve */
	struct service resolve;
	struct submit submit;
	struct journal journal;
	struct stream io;
	struct envelope envelope;
	struct buf content; /* of struct content, see there */
	struct buf question; /* to resolve */
};

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
	bool has_unread; /* ended by us: the peer may still be talking */
	/* The transaction, empty below PHASE_MAIL. */
	struct envelope *envelope;
	struct content content;
};

/* Everything but resolve, submit and journal, which the caller opens. */
void server_begin(struct server *, const struct settings *,
    const char *hostname, int queue_fd);
void server_free(struct server *);
/* Is there room for a message of this many octets? 452 4.3.1 if not. */
bool server_has_space(struct server *, uint64_t octets);

void session_begin(
    struct session *, struct server *, const struct peer *, int in, int out);
void session_greet(struct session *);
/* Take and answer one command; false when the session is over. */
bool session_step(struct session *);
void session_end(struct session *);
/* All of it: for lib/serve, with a struct server. */
void session_serve(void *server, int in, int out, const struct peer *);

void session_move(struct session *, enum event);
/*
 * May a command come in this phase, when `phases` are its own? RULE_NONE: it
 * may. `other`: what is said when a transaction is open, but not so far.
 */
enum rule session_order(
    const struct session *, unsigned phases, enum rule other);
/*
 * Refuse the line in hand, which nobody carries out. If it was to be BDAT,
 * nobody knows either where its chunk ends, and somebody else may have written
 * what is in it: none of that is read as commands, the session ends.
 */
void session_refuse_line(struct session *, enum rule);
/*
 * Wait for more input. false: the session is over; a deadline (monotonic) was
 * answered with 421. Replies leave first, then the journal's entries; a client
 * that does not take its replies is gone.
 */
bool session_fill(struct session *, uint64_t deadline_ms);

#endif
