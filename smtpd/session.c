/* SPDX-License-Identifier: ISC */
/* session.c: the state and its moves; lines in, and the waits between them. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "clock.h"
#include "commands.h"
#include "entries.h"
#include "fds.h"

#define SPACE_KEPT_MS 1000 /* how long a look at free space is good. Ours */
#define INODES_LEAST  16 /* free ones, for the files of one round. Ours */
#define LINGER_MS     1000 /* for a peer that talks after the end. Ours */
#define LINGER_MAX    (1024UL * 1024) /* octets of that. Ours */

/* ---- What a process keeps. ---- */

void
server_begin(struct server *v, const struct settings *set, const char *hostname,
    int queue_fd)
{
	*v = (struct server){ .set = set,
		.hostname = hostname,
		.queue_fd = queue_fd,
		.space = UINT64_MAX,
		.content = BUF_INIT(CONTENT_BUF_MAX),
		.question = BUF_INIT(RECORD_MAX + 1) };
	envelope_begin(&v->envelope);
	stream_begin(&v->io, -1, -1, 0);
}

void
server_free(struct server *v)
{
	envelope_free(&v->envelope);
	stream_free(&v->io);
	buf_free(&v->content);
	buf_free(&v->question);
}

/* The sandbox has no paths: only the descriptor opened before it is asked. */
static void
look_at_space(struct server *v, uint64_t now)
{
	uint64_t reserve = v->set->smtpd.min_free, free_octets;
	struct statvfs st;

	if (v->space_ms != 0 && now - v->space_ms < SPACE_KEPT_MS)
		return;
	v->space_ms = now;
	v->space = UINT64_MAX;
	if (v->queue_fd == -1 || fstatvfs(v->queue_fd, &st) != 0)
		return; /* not known: queue-add will say */
	free_octets = (uint64_t)st.f_bavail * st.f_frsize;
	v->space = free_octets > reserve ? free_octets - reserve : 0;
	if (st.f_files > 0 && st.f_favail < INODES_LEAST)
		v->space = 0;
}

bool
server_has_space(struct server *v, uint64_t octets)
{
	look_at_space(v, clock_mono_ms());
	return v->space > 0 && v->space >= octets;
}

/* ---- The moves. ---- */

/* The one place where a transaction ends: all of it, whatever it was. */
static void
empty_transaction(struct session *s)
{
	submit_drop(&s->server->submit);
	envelope_reset(s->envelope);
	content_reset(&s->content);
}

#define NO PHASES /* cannot happen here: a command's row forbids it */

static const unsigned char moves[PHASES][EVENTS] = {
	/* HELLO MAIL RCPT DATA CHUNK DONE RESET END */
	[PHASE_START] = { PHASE_READY, NO, NO, NO, NO, NO, PHASE_START,
	    PHASE_OVER },
	[PHASE_READY] = { PHASE_READY, PHASE_MAIL, NO, NO, NO, NO, PHASE_READY,
	    PHASE_OVER },
	[PHASE_MAIL] = { PHASE_READY, NO, PHASE_RCPT, NO, NO, NO, PHASE_READY,
	    PHASE_OVER },
	[PHASE_RCPT] = { PHASE_READY, NO, PHASE_RCPT, PHASE_CONTENT,
	    PHASE_CHUNKS, PHASE_READY, PHASE_READY, PHASE_OVER },
	[PHASE_CONTENT] = { NO, NO, NO, NO, NO, PHASE_READY, NO, PHASE_OVER },
	[PHASE_CHUNKS] = { PHASE_READY, NO, NO, NO, PHASE_CHUNKS, PHASE_READY,
	    PHASE_READY, PHASE_OVER },
	[PHASE_OVER] = { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER,
	    PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER },
};

void
session_move(struct session *s, enum event event)
{
	enum phase next = moves[s->phase][event];

	if (next == NO)
		abort(); /* our fault, never the client's */
	if (next <= PHASE_READY || next == PHASE_OVER)
		empty_transaction(s);
	s->phase = next;
}

enum rule
session_order(const struct session *s, unsigned phases, enum rule other)
{
	if ((phases & IN(s->phase)) != 0)
		return RULE_NONE;
	if (s->phase == PHASE_START)
		return RULE_ORDER_HELLO;
	if (s->phase == PHASE_CHUNKS)
		return RULE_ORDER_CHUNKS;
	if (s->phase == PHASE_READY)
		return RULE_ORDER_MAIL;
	return other;
}

/* ---- Input. ---- */

static bool
end_by(struct session *s, enum rule rule)
{
	refuse(s, rule);
	return false;
}

static bool
end_lost(struct session *s)
{
	session_move(s, EVENT_END);
	return false;
}

/* What the signals that came let us wait for a peer. */
static uint64_t
longest_wait(void)
{
	if (serve_stopping)
		return SERVE_DRAIN_MS;
	return serve_pressed ? SERVE_PRESS_MS : UINT64_MAX;
}

/*
 * From here on a wait for input ends after so long. A signal that comes amid
 * this sets the socket's deadlines as well, and ours come after: look again.
 */
static void
arm(struct session *s, uint64_t wait_ms)
{
	uint64_t send_ms = s->server->set->smtpd.timeout_ms, most_ms;

	do {
		most_ms = longest_wait();
		if (wait_ms > most_ms)
			wait_ms = most_ms;
		if (send_ms > most_ms)
			send_ms = most_ms;
		s->server->io.timeout_ms = wait_ms;
		fds_set_timeouts(s->server->io.in, wait_ms, send_ms);
	} while (longest_wait() < most_ms);
}

/*
 * The socket has a deadline of its own already, data_timeout or what was armed
 * last. Too early, it costs a look at the clock; it is set anew when it ends
 * too late, by more than an eighth.
 */
bool
session_fill(struct session *s, uint64_t deadline_ms)
{
	struct stream *io = &s->server->io;
	struct fault f = FAULT_NONE;
	bool ran_out = false;
	uint64_t now;

	if (stream_flush(io, &f) != OK)
		return end_lost(s);
	if (s->journal_due) {
		journal_flush(&s->server->journal);
		s->journal_due = false;
	}
	while ((now = clock_mono_ms()) < deadline_ms) {
		uint64_t left = deadline_ms - now;

		if (ran_out || io->timeout_ms > left + left / 8)
			arm(s, left);
		if (stream_fill(io, &f) == OK)
			return !io->ended || end_lost(s);
		if (f.error != ETIMEDOUT)
			return end_lost(s);
		if (serve_stopping || serve_pressed)
			break;
		ran_out = true;
	}
	return end_by(s, serve_stopping ? RULE_STOPPING : RULE_TIMEOUT);
}

void
session_refuse_line(struct session *s, enum rule rule)
{
	struct cur c = cur_over(s->line);

	(void)cur_while(&c, is_wsp);
	refuse(s, cur_eat_nocase(&c, "BDAT") ? RULE_CHUNK_SIZE : rule);
}

/* One line in s->line; false: nothing to carry out. */
static bool
take_line(struct session *s)
{
	const struct settings *set = s->server->set;
	struct stream *io = &s->server->io;
	uint64_t wait = serve_pressed ? SERVE_PRESS_MS : set->smtpd.timeout_ms;
	uint64_t deadline = clock_mono_ms() + wait;
	enum line_ending ending;

	while (!stream_take_line(io, set->smtpd.command_max, &s->line, &ending))
		if (!session_fill(s, deadline))
			return false;
	switch (ending) {
	case LINE_CRLF:
		return true;
	case LINE_LF:
		if (set->smtpd.bare_lf == BARE_ACCEPT)
			return true;
		session_refuse_line(s, RULE_LINE_BARE_LF);
		return false;
	case LINE_LONG:
		session_refuse_line(s, RULE_LINE_LONG);
		return false;
	case LINE_ENDLESS:
		break;
	}
	return end_by(s, RULE_LINE_FLOOD);
}

/* ---- A session. ---- */

void
session_begin(struct session *s, struct server *v, const struct peer *peer,
    int in, int out)
{
	*s = (struct session){ .server = v,
		.peer = peer,
		.phase = PHASE_START,
		.envelope = &v->envelope };
	s->content.set = v->set;
	s->content.buf = &v->content;
	stream_again(&v->io, in, out, v->set->smtpd.data_timeout_ms);
	empty_transaction(s);
}

/* Who talks before the greeting is no mail server. RFC 5321 4.3.1. */
static bool
is_early(const struct session *s)
{
	char octet;

	return s->peer->socket &&
	    recv(s->server->io.in, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void
session_greet(struct session *s)
{
	char text[512];

	if (serve_stopping) {
		refuse(s, RULE_STOPPING);
		return;
	}
	if (is_early(s)) {
		refuse(s, RULE_EARLY);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s %s", s->server->hostname,
	    s->server->set->smtpd.banner);
	reply(s, 220, NULL, text);
}

bool
session_step(struct session *s)
{
	if (s->phase == PHASE_OVER)
		return false;
	if (take_line(s)) {
		if (serve_stopping)
			refuse(s, RULE_STOPPING);
		else
			commands_run(s);
	}
	if (s->phase == PHASE_OVER)
		return false;
	if (s->errors >= s->server->set->smtpd.max_errors)
		return end_by(s, RULE_ERRORS);
	return true;
}

/*
 * A close with octets unread resets the connection, and the reset may overtake
 * our last words: say that we are done and read a little more.
 */
static void
linger(struct session *s)
{
	struct stream *io = &s->server->io;
	uint64_t end = clock_mono_ms() + LINGER_MS;
	size_t passed = 0;
	struct fault f;

	if (shutdown(io->out, SHUT_WR) != 0)
		return;
	fds_set_timeouts(io->in, LINGER_MS, LINGER_MS);
	while (passed < LINGER_MAX && clock_mono_ms() < end && !io->ended) {
		passed += stream_waiting(io).len;
		stream_drop_input(io);
		if (stream_fill(io, &f) != OK)
			break;
	}
}

void
session_end(struct session *s)
{
	struct fault f;
	bool is_sent = stream_flush(&s->server->io, &f) == OK;

	if (s->phase != PHASE_OVER)
		session_move(s, EVENT_END);
	entries_untold(s);
	if (s->server->journal.pending_entries > 0)
		journal_flush(&s->server->journal);
	if (is_sent && s->has_unread && s->peer->socket)
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
	session_greet(&s);
	while (session_step(&s))
		;
	session_end(&s);
}
