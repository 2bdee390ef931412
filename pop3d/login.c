/* SPDX-License-Identifier: ISC */
/* login.c: USER, PASS, CAPA, QUIT; then ticket and descriptor to the session. */
#include "login.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alone.h"
#include "clock.h"
#include "codes.h"
#include "command.h"
#include "fds.h"
#include "relay.h"
#include "sasl.h"
#include "secure.h"

#define SESSION_SOCKET "run/pop3-session"
#define HANDOVER_MS    15000 /* longer than pop3-session waits for it */
_Static_assert(HANDOVER_MS < 1000 * AUTH_TICKET_S, "a ticket outlives it");

/* One conversation, until it ends or is handed over. */
struct conversation {
	struct login *login;
	struct talk talk;
	struct logins logins;
	int in, out;
	struct tls *tls; /* NULL: plain */
	int relay; /* our end of what the session has under TLS; -1: none */
	bool plain; /* passwords may be sent over this connection */
	struct sasl_offer offer;
	bool handed; /* the session has the client now */
	char user[AUTH_USER_MAX + 1]; /* "": none given */
};

/* ---- The hand-over ---- */

/*
 * Ticket, descriptors (client: instead of those that we have), and the octets
 * that we read too far. A message carries
 * one descriptor: a second one goes with the last octet.
 */
static enum outcome
send_handover(struct conversation *c, int session, int client,
    const struct auth_ans *who, struct fault *f)
{
	bool has_two = client == -1 && c->login->waits;
	struct span unread = stream_waiting(c->talk.stream), all;
	struct buf b = BUF_INIT(RECORD_MAX + AUTH_UNREAD_MAX + 1);
	struct auth_handover handover = {
		.who = *who, .port = c->logins.peer->port, .unread = unread.len
	};
	size_t first;
	enum outcome got;

	(void)span_copy(
	    span_of(c->logins.peer->ip), handover.ip, sizeof(handover.ip));
	got = wire_auth_put_handover(&b, &handover, f);
	buf_add(&b, unread);
	if (got == OK && buf_failed(&b))
		got = fault_set(f, TEMP, "4.3.0", 0, "hand-over: too long");
	all = buf_span(&b);
	first = has_two ? all.len - 1 : all.len;
	if (got == OK)
		got = fds_send(session, span_head(all, first),
		    client == -1 ? c->in : client, f);
	if (got == OK && has_two)
		got = fds_send(session, span_from(all, first), c->out, f);
	buf_free(&b);
	return got;
}

/*
 * The end of input: a session has the client (where we wait, has had it). An
 * octet: the supervisor answered since all sessions are busy; go on with the
 * client. Silence: what waits in the backlog may be taken yet, so we must not
 * answer the client any more.
 */
static enum outcome
wait_until_taken(int fd, bool is_long, struct fault *f)
{
	char octet;
	ssize_t n;

	if (!is_long)
		fds_set_timeouts(fd, HANDOVER_MS, HANDOVER_MS);
	do
		n = recv(fd, &octet, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return OK;
	return fault_set(f, TEMP, "4.3.2", EBUSY, "all sessions");
}

/* client: what the session gets as its client; -1: our own. */
static enum outcome
hand_over_as(struct conversation *c, int client, const struct auth_ans *who,
    struct fault *f)
{
	struct login *l = c->login;
	enum outcome got;
	int fd;

	/* What we have said comes first; from here on another process writes. */
	if (stream_flush(c->talk.stream, f) != OK)
		return f->outcome;
	if (l->alone && l->started.fd == -1)
		return fault_set(f, TEMP, "4.3.0", 0, "no session is left");
	if (l->alone)
		return send_handover(c, l->started.fd, client, who, f);
	if (fds_connect_unix(SESSION_SOCKET, &fd, f) != OK)
		return f->outcome;
	got = send_handover(c, fd, client, who, f);
	if (got == OK)
		got = wait_until_taken(fd, client == -1 && l->waits, f);
	(void)close(fd);
	return got;
}

/* Under TLS we stay in between: the session gets one end of a pair. */
static enum outcome
hand_over(struct conversation *c, const struct auth_ans *who, struct fault *f)
{
	enum outcome got;
	int pair[2];

	if (c->tls == NULL)
		return hand_over_as(c, -1, who, f);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "socketpair");
	got = hand_over_as(c, pair[1], who, f);
	(void)close(pair[1]);
	if (got == OK)
		c->relay = pair[0];
	else
		(void)close(pair[0]);
	return got;
}

/* ---- TLS ---- */

/* What may be said over this connection, as it is now. */
static void
stand(struct conversation *c)
{
	const struct settings *s = c->login->settings;
	unsigned char octets[TLS_BINDING_MAX];

	c->plain = (c->tls != NULL || s->pop3d.tls != TLS_ONLY) &&
	    sasl_is_open(s, c->tls != NULL, c->logins.peer->loopback);
	sasl_offer_make(&c->offer, s);
	sasl_offer_binding(&c->offer, SASL_EXPORTER, octets,
	    tls_get_binding(c->tls, TLS_EXPORTER, octets));
	sasl_offer_binding(&c->offer, SASL_END_POINT, octets,
	    tls_get_binding(c->tls, TLS_SERVER_END_POINT, octets));
}

static bool
can_start_tls(const struct conversation *c)
{
	return c->tls == NULL && c->login->settings->pop3d.tls != TLS_NO &&
	    tls_server_is_set(&c->login->tls_server);
}

/* The handshake, now; the conversation starts over (RFC 2595 4), or is over. */
static void
begin_tls(struct conversation *c)
{
	struct login *l = c->login;

	c->user[0] = '\0';
	if (secure_begin(&l->tls, &l->tls_server, &l->stream, &l->journal,
	        c->logins.peer->ip)) {
		c->tls = &l->tls;
		stand(c); /* nobody reads it on the way */
	} else {
		c->talk.over = true;
	}
}

static void
on_stls(struct conversation *c)
{
	struct fault f = FAULT_NONE;

	if (c->tls != NULL) {
		talk_error(&c->talk, "-ERR TLS is in force already");
	} else if (!can_start_tls(c)) {
		talk_error(&c->talk, "-ERR there is no TLS here");
	} else if (tls_server_look(&c->login->tls_server, &f) != OK) {
		journal_alarm(&c->login->journal, NULL, "%s", f.text);
		talk_error(&c->talk, "-ERR [SYS/TEMP] TLS is not possible now");
	} else {
		talk_say(&c->talk, "+OK begin TLS");
		begin_tls(c);
	}
}

/* ---- The verbs ---- */

#define NOT_OPEN                                                               \
	"-ERR [AUTH] passwords are not taken over a connection that others "   \
	"can read"

/* The answer to a login that failed, when that has been paid for. */
static void
refuse(struct conversation *c, const struct fault *why, const char *wrong)
{
	if (why->outcome == PERM)
		talk_error(&c->talk, wrong);
	else if (why->error == EBUSY)
		talk_error(&c->talk,
		    "-ERR [SYS/TEMP] too many sessions, come again later");
	else if (logins_is_locked(why))
		talk_error(&c->talk,
		    "-ERR [SYS/TEMP] too many failed logins, come again later");
	else
		talk_error(
		    &c->talk, "-ERR [SYS/TEMP] login is not possible now");
	if (c->logins.failures >= LOGINS_FAILURES_MAX && !c->logins.over)
		talk_say(
		    &c->talk, "-ERR [AUTH] too many failed logins, closing");
	c->talk.over |=
	    c->logins.over || c->logins.failures >= LOGINS_FAILURES_MAX;
	c->user[0] = '\0';
}

static void
on_user(struct conversation *c, const struct pop3_command *command)
{
	struct span name = command->argument;
	struct fault f;

	c->user[0] = '\0';
	while (name.len > 0 && name.p[name.len - 1] == ' ')
		name.len--;
	if (!c->plain) {
		talk_error(&c->talk, NOT_OPEN);
	} else if (command->error != NULL) {
		(void)fault_set(&f, PERM, "5.7.8", 0,
		    "the user name is too long, has a control character (as "
		    "TAB is), or is not UTF-8");
		logins_failed(&c->logins, name, &f);
		refuse(c, &f,
		    "-ERR [AUTH] a user name is UTF-8 text without control "
		    "characters, at most 248 octets");
	} else if (name.len == 0 ||
	    !span_copy(name, c->user, sizeof(c->user))) {
		talk_error(&c->talk, "-ERR syntax: USER name");
	} else {
		/* The same for a name that exists and one that does not. */
		talk_say(&c->talk, "+OK send the password");
	}
}

/* Mail may be sent from there for a time, [relay] pop_window. */
static void
open_window(struct conversation *c)
{
	struct net_addr from;

	if (net_parse_addr(span_of(c->logins.peer->ip), &from))
		pop_window_note(&c->login->window, &from, clock_wall_ms());
}

/* Who is known goes to a session; false: it could not be had. */
static bool
enter(struct conversation *c, struct span user, const struct auth_ans *who,
    struct fault *f)
{
	open_window(c);
	c->handed = c->talk.over = hand_over(c, who, f) == OK;
	if (!c->handed)
		logins_failed(&c->logins, user, f);
	return c->handed;
}

static void
on_pass(struct conversation *c, const struct pop3_command *command)
{
	struct span user = span_of(c->user);
	struct auth_ans who;
	struct fault f = FAULT_NONE;

	if (user.len == 0) {
		talk_error(&c->talk, "-ERR say USER first");
		return;
	}
	if (command->argument.len == 0) {
		talk_error(&c->talk, "-ERR syntax: PASS password");
		return;
	}
	if (logins_try(&c->logins, user, command->argument, &who, &f) == OK &&
	    enter(c, user, &who, &f))
		return;
	refuse(c, &f,
	    command->error == NULL
	        ? "-ERR [AUTH] wrong name or password"
	        : "-ERR [AUTH] a password is UTF-8 text without control "
	          "characters, at most 248 octets");
}

/* The rest of an exchange: challenges and responses. RFC 5034 4. */
static enum sasl_result
exchange(struct conversation *c, struct sasl *s, enum sasl_result result,
    bool *is_long, struct fault *why)
{
	enum line_ending ending;
	struct span line;

	while (result == SASL_MORE) {
		talk_put(&c->talk, SPAN_LIT("+ "));
		talk_put(&c->talk, buf_span(&s->text));
		talk_put(&c->talk, SPAN_LIT("\r\n"));
		trace_line(c->talk.trace, false, SPAN_LIT("+ "));
		if (!talk_take(&c->talk, SASL_LINE_MAX, &c->logins.deadline_ms,
		        &line, &ending)) {
			c->talk.over = true;
			return SASL_CANCELLED;
		}
		trace_line(c->talk.trace, true, line);
		*is_long = ending == LINE_LONG;
		if (*is_long)
			return SASL_CANCELLED;
		result = sasl_next(s, line, why);
	}
	return result;
}

static void
authenticate(
    struct conversation *c, enum sasl_mechanism mechanism, struct span initial)
{
	struct fault why;
	struct sasl s;
	bool is_long = false;
	enum sasl_result result = exchange(c, &s,
	    sasl_begin(&s, &c->logins, &c->offer, mechanism, initial, &why),
	    &is_long, &why);

	if (result == SASL_DONE && !enter(c, span_of(s.who.user), &s.who, &why))
		result = SASL_FAILED;
	if (result == SASL_FAILED)
		refuse(c, &why, "-ERR [AUTH] wrong name or password");
	else if (result == SASL_MALFORMED)
		talk_error(
		    &c->talk, "-ERR that is no response of this mechanism");
	else if (result == SASL_CANCELLED)
		talk_error(&c->talk,
		    is_long ? "-ERR that response is too long"
		            : "-ERR cancelled");
	sasl_end(&s);
}

static void
on_auth(struct conversation *c, const struct pop3_command *command)
{
	struct span name =
	    span_head(command->argument, span_find(command->argument, ' '));
	enum sasl_mechanism mechanism;

	c->user[0] = '\0';
	if (command->error != NULL)
		talk_error(&c->talk, command->error);
	else if (name.len == 0)
		talk_error(&c->talk, "-ERR syntax: AUTH mechanism [response]");
	else if (!c->plain)
		talk_error(&c->talk, NOT_OPEN);
	else if (!sasl_find(name, &mechanism) ||
	    (c->offer.mechanisms & SASL_HAS(mechanism)) == 0)
		talk_error(&c->talk, "-ERR no such mechanism; CAPA has them");
	else
		authenticate(
		    c, mechanism, span_from(command->argument, name.len + 1));
}

static void
say_capabilities(struct conversation *c)
{
	char names[SASL_NAMES_MAX];

	sasl_names(c->offer.mechanisms, names);
	talk_capabilities(&c->talk, c->plain ? names : NULL, can_start_tls(c));
}

static void
run_command(struct conversation *c, const struct pop3_command *command)
{
	bool bare = pop3_has_no_argument(command->argument);

	if (command->verb == POP3_USER) {
		on_user(c, command);
	} else if (command->verb == POP3_PASS) {
		on_pass(c, command);
	} else if (command->verb == POP3_AUTH) {
		on_auth(c, command);
	} else if (command->error != NULL) {
		talk_error(&c->talk, command->error);
	} else if (command->verb == POP3_CAPA && bare) {
		say_capabilities(c);
	} else if (command->verb == POP3_STLS && bare) {
		on_stls(c);
	} else if (command->verb == POP3_QUIT && bare) {
		talk_say(&c->talk, "+OK bye");
		c->talk.over = true;
	} else if (command->verb == POP3_CAPA || command->verb == POP3_QUIT ||
	    command->verb == POP3_STLS) {
		talk_error(&c->talk, POP3_NO_ARGUMENT);
	} else {
		talk_error(&c->talk, "-ERR log in first");
	}
}

/* ---- The conversation ---- */

/* No time stamp in the greeting: APOP is not offered. RFC 1939 7 */
static void
converse(struct conversation *c)
{
	struct pop3_command command;
	struct fault f;

	if (c->login->begins_tls)
		begin_tls(c);
	if (!c->talk.over)
		talk_say(&c->talk, "+OK Pneu POP3 ready");
	while (talk_next(&c->talk, &c->logins.deadline_ms, &command))
		run_command(c, &command);
	if (c->handed)
		return;
	if (serve_stopping && !c->talk.over)
		talk_stop(&c->talk);
	(void)!stream_flush(c->talk.stream, &f);
}

void
login_session(void *arg, int in, int out, const struct peer *peer)
{
	struct login *l = arg;
	const struct settings *s = l->settings;
	struct conversation c = { .login = l,
		.talk = { &l->stream, 0, s->pop3d.max_errors, false,
		    &l->trace },
		.logins = { .auth = &l->auth,
		    .journal = &l->journal,
		    .service = AUTH_POP3,
		    .failed_code = CODE_LOGIN_FAILED,
		    .failed_ms = s->resolve.failed_login_ms,
		    .peer = peer,
		    .in = in,
		    .deadline_ms =
		        clock_mono_ms() + s->pop3d.login_timeout_ms },
		.in = in,
		.out = out,
		.relay = -1 };

	stand(&c);
	stream_again(&l->stream, in, out, s->pop3d.login_timeout_ms);
	trace_begin(&l->trace, peer->ip, peer->port, c.user);
	converse(&c);
	if (c.relay != -1)
		relay_run(c.tls, c.relay);
	fds_close(&c.relay);
	if (c.tls != NULL)
		tls_end(c.tls);
	/* Passwords have passed through here, anywhere in it. */
	sodium_memzero(l->stream.rbuf.p, l->stream.rbuf.cap);
	if (l->alone)
		service_close(&l->started); /* until the session ended */
}

/* ---- Begin and end ---- */

/* Are the two one socket, which can be handed over as one descriptor? */
static bool
is_one_socket(int in, int out)
{
	struct stat a, b;

	return fstat(in, &a) == 0 && fstat(out, &b) == 0 &&
	    S_ISSOCK(a.st_mode) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

enum outcome
login_begin(struct login *l, const struct settings *settings, bool begins_tls,
    struct fault *f)
{
	*l = (struct login){ .settings = settings };
	journal_open(&l->journal, "pop3d");
	trace_open(&l->trace, "pop3d");
	if (settings->relay.pop_window > 0)
		pop_window_open(&l->window, true);
	service_begin(&l->auth, "auth", SERVICE_TIMEOUT_MS);
	service_begin(&l->started, "pop3-session", 0);
	stream_begin(&l->stream, FD_IN, FD_OUT, 0);
	l->begins_tls = begins_tls;
	if (tls_server_begin(&l->tls_server, settings, "pop3d",
	        begins_tls || settings->pop3d.tls != TLS_NO, f) != OK)
		return f->outcome;
	if (fds_kind(FD_IN) != FDS_SESSION)
		return OK;
	l->waits = !is_one_socket(FD_IN, FD_OUT);
	return alone_start(&l->auth, &l->started, &l->alone, f);
}

void
login_free(struct login *l)
{
	service_free(&l->auth);
	service_free(&l->started);
	stream_free(&l->stream);
	tls_server_free(&l->tls_server);
	journal_close(&l->journal);
	pop_window_close(&l->window);
}
