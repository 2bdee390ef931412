/* SPDX-License-Identifier: ISC */
/* session.c: a session from its greeting to its end. */
#include "session.h"

#include <sodium.h>
#include <sys/socket.h>

#include "clock.h"
#include "fds.h"

#define LINGER_MS  1000 /* for a client that sends after the end */
#define LINGER_MAX (1024UL * 1024) /* octets of that */

/* A client must wait for the greeting: this one is no mail server. RFC 5321
   4.3.1. Of this machine it may be `sendmail -bs` with a file. */
static bool
is_early(const struct session *s)
{
	char octet;

	/* Over TLS it is among what waits: no client of ours reads ahead. */
	if (s->tls != NULL)
		return stream_waiting(s->io).len > 0;
	return s->peer->socket && s->set->role != ROLE_LOCAL &&
	    recv(s->io->in, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void
session_greet(struct session *s)
{
	enum rule rule = RULE_NONE;
	struct fault why = FAULT_NONE;

	if (s->set->role == ROLE_LOCAL && !serve_stopping)
		rule = local_identify(s, &why);
	if (rule == RULE_NONE && !serve_stopping)
		rule = access_connect(s, &why);
	if (serve_stopping)
		refuse(s, RULE_STOPPING);
	else if (rule != RULE_NONE)
		refuse_for(s, rule, &why, SPAN_EMPTY);
	else if (is_early(s))
		refuse(s, RULE_EARLY);
	else
		reply(s, "220 ", s->server->hostname, " ", s->set->banner);
}

bool
session_step(struct session *s)
{
	uint64_t errors = s->errors;

	if (s->phase == PHASE_OVER)
		return false;
	if (input_line(s)) {
		if (serve_stopping)
			refuse(s, RULE_STOPPING);
		else if (s->phase == PHASE_AUTH)
			auth_response(s);
		else
			commands_run(s);
	} else if (s->phase == PHASE_AUTH) {
		auth_break(s);
	}
	if (s->phase != PHASE_OVER && s->errors >= s->set->max_errors)
		refuse(s, RULE_ERRORS);
	if (s->phase != PHASE_OVER && s->errors > errors &&
	    access_is_failure_too_many(s))
		refuse(s, RULE_LIMIT_FAILURES);
	return s->phase != PHASE_OVER;
}

/*
 * The last replies and the end of the sending side, in one packet. A close alone
 * would drop them if there are octets unread: it resets the connection then.
 */
static bool
end_output(struct session *s)
{
	struct fault f;

	bool is_said;

	s->io->closes = s->peer->socket;
	is_said = stream_flush(s->io, &f) == OK;
	secure_end(s);
	return is_said && s->peer->socket && shutdown(s->io->out, SHUT_WR) == 0;
}

/* That reset may overtake the replies: read a little more. */
static void
linger(struct session *s)
{
	struct stream *io = s->io;
	uint64_t end = clock_mono_ms() + LINGER_MS;
	size_t passed = 0;
	struct fault f;

	fds_set_timeouts(io->in, LINGER_MS, LINGER_MS);
	serve_waits(clock_mono_ms());
	while (passed < LINGER_MAX && clock_mono_ms() < end && !io->ended) {
		passed += stream_waiting(io).len;
		stream_drop_input(io);
		if (stream_fill(io, &f) != OK)
			break;
	}
	serve_waits(0);
}

void
session_end(struct session *s)
{
	bool is_ended = end_output(s);

	if (s->phase == PHASE_AUTH)
		auth_break(s);
	if (s->phase != PHASE_OVER)
		session_enter(s, PHASE_OVER);
	/* Passwords may have passed through here, anywhere in it. */
	if (access_offers_auth(s))
		sodium_memzero(s->io->rbuf.p, s->io->rbuf.cap);
	entries_untold(s);
	if (s->server->journal.pending_entries > 0)
		journal_flush(&s->server->journal);
	if (is_ended && s->has_unread)
		linger(s);
	/* It could still write to that message: it goes, a new one comes. */
	if (s->server->submit.has_held)
		serve_stopping = 1;
}

void
session_serve(void *server, int in, int out, const struct peer *peer)
{
	struct session s;

	session_begin(&s, server, peer, in, out);
	trace_begin(&s.server->trace, peer->ip, peer->port, s.user);
	if (s.server->begins_tls)
		secure_begin(&s);
	if (s.phase != PHASE_OVER)
		session_greet(&s);
	while (session_step(&s))
		;
	session_end(&s);
}
