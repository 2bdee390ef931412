/* SPDX-License-Identifier: ISC */
/*
 * session.h: one SMTP session, and what its files do for each other, bottom-up.
 *
 * The state of a session is one value, `phase`, and what a transaction holds;
 * it changes only in session_enter(), by one table. Whatever leaves a
 * transaction goes through there, and there is one function that empties it: no
 * half of one ever stays behind.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "content.h"
#include "journal.h"
#include "policy.h"
#include "sasl.h"
#include "serve.h"
#include "stream.h"
#include "submit.h"
#include "tls.h"
#include "trace.h"
#include "wire_auth.h"

/* What one process keeps from session to session. */
struct server {
	const struct settings *set; /* [smtpd] is of its listener's role */
	const char *hostname;
	int queue_fd; /* the queue's directory, for its free space; or -1 */
	uint64_t space_ms; /* when free space was looked at, monotonic */
	uint64_t space; /* octets free then, above the set reserve */
	struct service resolve;
	struct blocks blocks;
	struct service auth; /* asked where AUTH is on */
	struct submit submit;
	struct journal journal;
	struct trace trace;
	struct tls_server tls_server;
	bool begins_tls; /* each session does, with its first octet */
	struct stream io;
	struct tls tls; /* of the session in hand, when it has one */
	struct envelope envelope;
	struct content content;
	struct buf question; /* to resolve */
	struct lists lists; /* these four for the rules of access */
	struct pop_window window;
	struct limits limits;
	struct limit_rates rates[LIMIT_WHOS];
	struct policy policy; /* of these */
	uid_t *trusted; /* of role local: who may send as anybody */
	size_t trusted_n;
};

/* Where a session stands between two commands. RFC 5321 4.1.4. */
enum phase {
	PHASE_START, /* no EHLO or HELO yet */
	PHASE_READY, /* no transaction */
	PHASE_AUTH, /* 334 was said: a response comes, and no command */
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
	const struct smtpd_settings *set; /* these four are the server's */
	struct stream *io;
	struct envelope *envelope; /* these two the transaction, empty */
	struct content *content; /* below PHASE_MAIL */
	const struct peer *peer;
	const struct tls *tls; /* NULL: plain */
	enum phase phase;
	struct span line; /* in hand, without its end; dead at the next fill */
	bool is_esmtp; /* EHLO, not HELO */
	char helo[HELO_MAX + 1];
	/* The address of who is known, by a login or (role local) by his account;
	   "": nobody is. And his name, or "". */
	char user[AUTH_USER_MAX + 1];
	char user_name[WHO_NAME_MAX + 1];
	char account[24]; /* of role local: the number of the account */
	bool is_trusted; /* of role local: may send as anybody */
	/* All three since a message was queued. */
	uint64_t errors, idle_commands, refusals;
	uint64_t untold; /* refusals that got no entry of their own */
	const char *relay; /* the rule that lets this one be relayed; or NULL */
	uint64_t overshoot; /* recipients refused as too many, of this one */
	uint64_t size; /* what SIZE of MAIL says, of this one; 0: nothing */
	struct logins logins;
	struct sasl_offer offer;
	struct sasl sasl; /* in PHASE_AUTH */
	uint64_t content_start_ms; /* monotonic */
	bool journal_due; /* a message's entries wait for its reply to go */
	bool has_unread; /* ended here: the client may still be sending */
};

/* ---- state.c: the state, and its moves. ---- */

/* Everything but resolve, blocks, submit, tls_server and journal, which the
   caller opens. */
void server_begin(struct server *, const struct settings *,
    const char *hostname, int queue_fd);
void server_free(struct server *);
/* Is there room for a message of this many octets? 452 4.3.1 if not. */
bool server_has_space(struct server *, uint64_t octets);

/* Begin, with an empty transaction. */
void session_begin(
    struct session *, struct server *, const struct peer *, int in, int out);
/* Go on to a phase; from PHASE_OVER nothing leads away. */
void session_enter(struct session *, enum phase);
/*
 * May a command come in this phase, when `phases` are its own? RULE_NONE: it
 * may. `other`: what is said when a transaction is open, but not so far.
 */
enum rule session_order(
    const struct session *, unsigned phases, enum rule other);

/* ---- reply.c: what is said to the client, and told to the journal. ---- */

/*
 * One line of a reply: its parts, up to NULL, and CRLF. Octets that are not
 * printable ASCII become '?'. If the peer is gone the session is over.
 */
void reply_line(struct session *, const char *const parts[]);
#define reply(s, ...) reply_line(s, (const char *const[]){ __VA_ARGS__, NULL })
/*
 * The only way a refusal leaves. why: a fault that was set is said instead of
 * the rule's own words, unless it is a local error. to: the recipient in
 * question for the journal, or SPAN_EMPTY.
 */
void refuse_for(
    struct session *, enum rule, const struct fault *why, struct span to);
/* The rule's words say all. */
void refuse(struct session *, enum rule);

/*
 * The message in hand was queued: 94 91 92 9T 99 97. Call while it is there:
 * a reply that cannot leave empties it.
 */
void entries_queued(struct session *);
/* A handshake failed, and the session ends: nobody can be told but the
   journal. */
void entries_no_tls(struct session *, const struct fault *why);
/* At the session's end: how many refusals more there were, if any. */
void entries_untold(struct session *);

/* What a rule of access tells although it refuses nothing: `report`, `delay`. */
void entries_report(struct session *, enum rule, const char *report);

/* ---- local.c: role local: who of this machine calls. ---- */

/* Before the sandbox: the accounts of [submit] trusted. */
void local_trust(struct server *, const struct setting_list *);
/* Before the greeting: who calls, into the session. RULE_NONE: it is known or
   nobody; else it cannot be told now. */
enum rule local_identify(struct session *, struct fault *why);
/*
 * `<bob>` at the start of in, which RFC 5321 does not know: an account's address,
 * or the name of a user in the first local domain. PERM: it is no such thing, or
 * the role is another. TEMP: resolve's trouble
 */
enum outcome local_take_name(struct session *, struct span in, struct path *,
    struct span *rest, struct fault *) MUST_USE;

/* ---- access.c: the rules of access (policy.h), asked for this session. ----
 *
 * RULE_NONE	the client goes on
 * else		the rule that refuses it, and why
 */

/* Before the greeting. */
enum rule access_connect(struct session *, struct fault *why);
/* May a client log in on this listener at all? Else AUTH is not announced, and
   is no command. */
bool access_offers_auth(const struct session *);
/* auth said that the client is this user: may he log in here? */
enum rule access_login(struct session *, const char *user, struct fault *why);
/* The envelope's reverse-path. */
enum rule access_mail(struct session *, struct fault *why);
/*
 * A recipient. `Postmaster` without a domain becomes postmaster of the first
 * local domain, in *forward_path (RFC 5321 4.1.1.3), and is looked up as any
 * other recipient: what is taken here can be delivered. That there is one
 * `directory` sees to.
 */
enum rule access_recipient(
    struct session *, struct path *forward_path, struct fault *why);

/* A command was wrong or refused: it is counted. Is it one too many, with those
   of other sessions? */
bool access_is_failure_too_many(struct session *);

/* VRFY of who has logged in: is there such an address? */
enum rule access_verify(
    struct session *, struct span address, struct fault *why);

/* ---- input.c: lines in, and the waits between them. ---- */

/*
 * Wait for more input. false: the session is over; a deadline (monotonic) was
 * answered with 421. Replies leave first, then the journal's entries; a client
 * that does not take its replies is gone. since_ms: when what it owes began, for
 * the supervisor, who ends the longest silence when others wait for a worker.
 */
bool input_fill(struct session *, uint64_t deadline_ms, uint64_t since_ms);
/* One line in s->line; false: there is nothing to carry out. */
bool input_line(struct session *);
/*
 * Refuse the line in hand, which nobody carries out. If it was to be BDAT,
 * nobody knows either where its chunk ends, and somebody else may have written
 * what is in it: none of that is read as commands, the session ends.
 */
void input_refuse_line(struct session *, enum rule);

/* ---- secure.c: from plain to TLS. ---- */

/* Is STARTTLS to be announced now? */
bool secure_is_offered(const struct session *);
/* Is it a must, and not there? */
bool secure_is_missing(const struct session *);
/* STARTTLS. RFC 3207. */
void secure_starttls(struct session *, struct span args);
/* The handshake, now; the session starts over, or is over. */
void secure_begin(struct session *);
/* The end of what is said through it, when all has been flushed. */
void secure_end(struct session *);

/* ---- transfer.c: content, from the client to queue-add. ---- */

/* DATA and BDAT: read the content, queue it or refuse it, and say so. */
void transfer_data(struct session *, struct span args);
void transfer_bdat(struct session *, struct span args);

/* ---- auth_command.c: AUTH. ---- */

/* Its line of the answer to EHLO, where it may be used. */
void auth_announce(struct session *);
void auth_run(struct session *, struct span args);
/* The line in hand is a response; or none came that could be taken. */
void auth_response(struct session *);
void auth_break(struct session *);

/* ---- commands.c: one function a command; the table is the index. ---- */

/* Carry out the line in hand, and answer it. */
void commands_run(struct session *);

/* ---- session.c: from its greeting to its end. ---- */

void session_greet(struct session *);
/* Take and answer one command; false when the session is over. */
bool session_step(struct session *);
void session_end(struct session *);
/* All of it: for lib/serve, with a struct server. */
void session_serve(void *server, int in, int out, const struct peer *);

#endif
