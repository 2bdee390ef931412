/* SPDX-License-Identifier: ISC */
/* input.c: lines in, and the waits between them. */
#include "session.h"

#include <errno.h>

#include "clock.h"
#include "fds.h"

static bool
end_by(struct session *s, enum rule rule)
{
	refuse(s, rule);
	return false;
}

static bool
end_lost(struct session *s)
{
	session_enter(s, PHASE_OVER);
	return false;
}

/*
 * From here on a wait for input ends after so long. A signal handler sets the
 * socket's deadlines too; if it ran before these calls it was overridden: look
 * again.
 */
static void
arm(struct session *s, uint64_t wait_ms)
{
	uint64_t send_ms = s->set->timeout_ms, most_ms;

	do {
		most_ms = serve_longest_ms();
		if (wait_ms > most_ms)
			wait_ms = most_ms;
		if (send_ms > most_ms)
			send_ms = most_ms;
		s->io->timeout_ms = wait_ms;
		fds_set_timeouts(s->io->in, wait_ms, send_ms);
	} while (serve_longest_ms() < most_ms);
}

/*
 * The socket has a deadline of its own already, data_timeout or what was armed
 * last. Too early, it costs a look at the clock; it is set anew when it ends
 * too late, by more than an eighth.
 */
static bool
fill(struct session *s, uint64_t deadline_ms)
{
	struct stream *io = s->io;
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
		if (serve_longest_ms() < UINT64_MAX)
			break;
		ran_out = true;
	}
	(void)end_by(s, serve_stopping ? RULE_STOPPING : RULE_TIMEOUT);
	s->has_unread = false; /* it was silent */
	return false;
}

bool
input_fill(struct session *s, uint64_t deadline_ms, uint64_t since_ms)
{
	bool came;

	/* Who is logged in has shown who he is: he is the last to be hurried. */
	serve_waits(since_ms + (s->user[0] == '\0' ? 0 : SERVE_KNOWN_MS));
	came = fill(s, deadline_ms);
	serve_waits(0);
	return came;
}

void
input_refuse_line(struct session *s, enum rule rule)
{
	struct cur c = cur_over(s->line);

	(void)cur_while(&c, is_wsp);
	refuse(s, cur_eat_nocase(&c, "BDAT") ? RULE_CHUNK_SIZE : rule);
}

/* A response, or AUTH with one, has a limit of its own. RFC 4954 4. */
static bool
is_exchange(const struct session *s)
{
	return s->phase == PHASE_AUTH ||
	    (access_offers_auth(s) &&
	        span_has_prefix_nocase(stream_waiting(s->io), "AUTH "));
}

/* One of the client's, as soon as it is there. */
static bool
take_line(struct session *s, enum line_ending *ending, enum rule *if_long)
{
	bool exchange = is_exchange(s);
	size_t most = exchange ? SASL_LINE_MAX : (size_t)s->set->command_max;

	*if_long = exchange ? RULE_AUTH_LONG : RULE_LINE_LONG;
	return stream_take_line(s->io, most, &s->line, ending);
}

bool
input_line(struct session *s)
{
	uint64_t begin = clock_mono_ms();
	enum line_ending ending;
	enum rule if_long;

	while (!take_line(s, &ending, &if_long))
		if (!input_fill(s, begin + s->set->timeout_ms, begin))
			return false;
	trace_line(&s->server->trace, true, s->line);
	if (ending == LINE_CRLF ||
	    (ending == LINE_LF && s->set->bare_lf == BARE_ACCEPT))
		return true;
	if (ending == LINE_ENDLESS)
		return end_by(s, RULE_LINE_FLOOD);
	input_refuse_line(s, ending == LINE_LF ? RULE_LINE_BARE_LF : if_long);
	return false;
}
