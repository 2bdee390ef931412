/* SPDX-License-Identifier: ISC */
/* login.c: USER, PASS, CAPA, QUIT; then ticket and descriptor to the session. */
#include "login.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "command.h"
#include "fds.h"
#include "password.h"
#include "relay.h"
#include "wire_auth.h"

#define AUTH_SOCKET    "run/auth"
#define SESSION_SOCKET "run/pop3-session"
#define HANDOVER_MS    15000 /* longer than pop3-session waits for it */
_Static_assert(HANDOVER_MS < 1000 * AUTH_TICKET_S, "a ticket outlives it");

/* One conversation, until it ends or is handed over. */
struct talk {
	struct login *login;
	struct stream *stream;
	const struct peer *peer;
	int in;
	uint64_t errors, failures;
	uint64_t deadline_ms;
	bool plain; /* passwords may be sent as they are */
	bool over; /* no further command */
	bool handed; /* the session has the client now */
	char user[AUTH_USER_MAX + 1]; /* "": none given */
};

static void
put(struct talk *t, const char *octets)
{
	struct fault f;

	if (stream_put(t->stream, span_of(octets), &f) != OK)
		t->over = true;
}

static void
say(struct talk *t, const char *line)
{
	put(t, line);
	put(t, "\r\n");
}

static void
say_error(struct talk *t, const char *line)
{
	say(t, line);
	if (++t->errors >= t->login->settings->pop3d.max_errors) {
		say(t, "-ERR too many errors, closing");
		t->over = true;
	}
}

/* ---- The verbs ---- */

static void
on_capa(struct talk *t, struct span argument)
{
	if (!pop3_has_no_argument(argument)) {
		say_error(t, "-ERR CAPA takes no argument");
		return;
	}
	put(t, pop3_capabilities(t->plain));
}

static void
on_user(struct talk *t, struct span argument)
{
	t->user[0] = '\0';
	if (!t->plain) {
		say_error(t,
		    "-ERR [AUTH] passwords are not taken over a connection "
		    "that others can read");
		return;
	}
	while (argument.len > 0 && argument.p[argument.len - 1] == ' ')
		argument.len--;
	if (argument.len == 0 ||
	    !span_copy(argument, t->user, sizeof(t->user))) {
		say_error(t, "-ERR syntax: USER name");
		return;
	}
	/* The same for a name that exists and one that does not. */
	say(t, "+OK send the password");
}

static void
journal_failure(struct talk *t, const struct fault *why)
{
	struct journal *j = &t->login->journal;
	struct record_out out = journal_begin(j, CODE_LOGIN_FAILED, NULL);

	record_puts(out, "user", t->user);
	record_puts(out, "ip", t->peer->ip);
	record_puts(out, "code", why->code);
	record_puts(out, "text", why->text);
	journal_end(j, out);
	journal_flush(j);
}

/* A client whose address has most of the pool gets less time. */
static bool
is_too_late(struct talk *t)
{
	uint64_t now = clock_mono_ms();

	if (serve_pressed && t->deadline_ms > now + SERVE_PRESS_MS)
		t->deadline_ms = now + SERVE_PRESS_MS;
	return now > t->deadline_ms;
}

/*
 * Who hangs up meanwhile does not hold us, and gets no further guess: half a
 * connection can be shut, and what was sent before it is still to be read. Nor
 * does who has no time left. A pipe's writer may go: its answers are read.
 */
static void
pause_until(struct talk *t, uint64_t until_ms)
{
	struct pollfd p = { t->in, POLLRDHUP, 0 };
	uint64_t now, end;

	while (
	    !t->over && !serve_stopping && (now = clock_mono_ms()) < until_ms) {
		t->over = is_too_late(t);
		end = until_ms < t->deadline_ms ? until_ms : t->deadline_ms;
		if (t->over || poll(&p, 1, (int)(end - now)) != 1)
			continue;
		t->over = (p.revents & POLLRDHUP) != 0;
		p.fd = -1; /* POLLHUP would not let us wait */
	}
}

/*
 * A failure costs its time before it is told, twice as much each time in one
 * session. It is owed too, and paid before the next guess: who hangs up instead
 * of waiting has won nothing.
 */
static void
pause_after_failure(struct talk *t)
{
	uint64_t ms = t->login->settings->pop3d.failed_login_ms;
	uint64_t now = clock_mono_ms();

	serve_owe(t->peer, span_of(t->user), now, ms);
	for (uint64_t i = 1; i < t->failures && ms < SERVE_DEBT_MAX_MS; i++)
		ms *= 2;
	if (ms > SERVE_DEBT_MAX_MS)
		ms = SERVE_DEBT_MAX_MS;
	pause_until(t, now + ms);
}

static void
count_failure(struct talk *t, const char *answer)
{
	t->failures++;
	pause_after_failure(t);
	say_error(t, answer);
	if (t->failures >= LOGIN_FAILURES_MAX && !t->over) {
		say(t, "-ERR [AUTH] too many failed logins, closing");
		t->over = true;
	}
}

static void
refuse(struct talk *t, const struct fault *why)
{
	journal_failure(t, why);
	if (why->outcome != PERM) {
		say_error(t,
		    why->error == EBUSY
		        ? "-ERR [SYS/TEMP] too many sessions, come again later"
		        : "-ERR [SYS/TEMP] login is not possible now");
		return;
	}
	count_failure(t, "-ERR [AUTH] wrong name or password");
}

static enum outcome
ask_auth(
    struct talk *t, struct span password, struct auth_ans *who, struct fault *f)
{
	struct auth_req req = { span_of(t->user), password,
		span_of(t->peer->ip), SPAN_LIT("pop3") };
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct span line;
	enum outcome got;

	/* Whole at once: growing would leave copies of a password behind. */
	if (!buf_reserve(&b, RECORD_MAX))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "login");
	got = wire_auth_put_req(&b, &req, f);
	if (got == OK)
		got =
		    service_ask(&t->login->auth, buf_span(&b), true, &line, f);
	if (got == OK)
		got = wire_auth_get_ans(line, who, f);
	sodium_memzero(b.p, b.cap);
	buf_free(&b);
	return got;
}

/* Ticket, descriptor and the octets that we read too far, in one message. */
static enum outcome
send_handover(
    struct talk *t, int session, const struct auth_ans *who, struct fault *f)
{
	struct span unread = stream_waiting(t->stream);
	struct buf b = BUF_INIT(RECORD_MAX + AUTH_UNREAD_MAX + 1);
	struct auth_handover handover = { .who = *who, .unread = unread.len };
	int client = t->login->relay[1] != -1 ? t->login->relay[1] : t->in;
	enum outcome got;

	(void)span_copy(span_of(t->peer->ip), handover.ip, sizeof(handover.ip));
	got = wire_auth_put_handover(&b, &handover, f);
	buf_add(&b, unread);
	if (got == OK && buf_failed(&b))
		got = fault_set(f, TEMP, "4.3.0", ENOMEM, "hand-over");
	if (got == OK)
		got = fds_send(session, buf_span(&b), client, f);
	buf_free(&b);
	return got;
}

/*
 * The end of input at once: a session has the client. An octet: the supervisor
 * answered since all sessions are busy; go on with the client. Silence: what waits
 * in the backlog may be taken yet, so we must not answer the client any more.
 */
static enum outcome
wait_until_taken(int fd, struct fault *f)
{
	char octet;
	ssize_t n;

	fds_set_timeouts(fd, HANDOVER_MS, HANDOVER_MS);
	do
		n = recv(fd, &octet, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return OK;
	return fault_set(f, TEMP, "4.3.2", EBUSY, "all sessions");
}

static enum outcome
hand_over(struct talk *t, const struct auth_ans *who, struct fault *f)
{
	enum outcome got;
	int fd;

	/* What we have said comes first; from here on another process writes. */
	if (stream_flush(t->stream, f) != OK)
		return f->outcome;
	if (t->login->alone) {
		if (t->login->started.fd == -1)
			return fault_set(
			    f, TEMP, "4.3.0", 0, "no session is left");
		return send_handover(t, t->login->started.fd, who, f);
	}
	if (fds_connect_unix(SESSION_SOCKET, &fd, f) != OK)
		return f->outcome;
	got = send_handover(t, fd, who, f);
	if (got == OK)
		got = wait_until_taken(fd, f);
	(void)close(fd);
	return got;
}

static void
on_pass(struct talk *t, struct span password)
{
	struct fault f = FAULT_NONE;
	struct auth_ans who;
	struct span user = span_of(t->user);
	uint64_t now = clock_mono_ms();

	if (t->user[0] == '\0') {
		say_error(t, "-ERR say USER first");
		return;
	}
	if (password.len == 0) {
		say_error(t, "-ERR syntax: PASS password");
		return;
	}
	pause_until(t, now + serve_debt_ms(t->peer, user, now));
	if (t->over)
		return;
	if (ask_auth(t, password, &who, &f) != OK ||
	    hand_over(t, &who, &f) != OK) {
		refuse(t, &f);
		t->user[0] = '\0';
		return;
	}
	t->handed = t->over = true;
}

/* No command, or PASS with a password of a form that none can have. */
static void
on_odd_line(struct talk *t, struct span line, const char *answer)
{
	struct fault f = FAULT_NONE;
	struct span password;

	if (t->user[0] == '\0' || !pop3_is_pass(line, &password) ||
	    password_check(password, &f) == OK) {
		say_error(t, answer);
		return;
	}
	journal_failure(t, &f);
	count_failure(t,
	    "-ERR [AUTH] a password is UTF-8 text without control characters, "
	    "at most 248 octets");
	t->user[0] = '\0';
}

static void
on_quit(struct talk *t, struct span argument)
{
	if (!pop3_has_no_argument(argument)) {
		say_error(t, "-ERR QUIT takes no argument");
		return;
	}
	say(t, "+OK bye");
	t->over = true;
}

/* ---- The conversation ---- */

static void
dispatch(struct talk *t, struct span line)
{
	struct pop3_command c = pop3_command_parse(line);

	switch (c.verb) {
	case POP3_CAPA:
		on_capa(t, c.argument);
		break;
	case POP3_USER:
		on_user(t, c.argument);
		break;
	case POP3_PASS:
		on_pass(t, c.argument);
		break;
	case POP3_QUIT:
		on_quit(t, c.argument);
		break;
	case POP3_UNKNOWN:
		on_odd_line(t, line, "-ERR unknown command");
		break;
	default:
		say_error(t, "-ERR log in first");
		break;
	}
}

/*
 * A whole line, or the end. Who sends an octet now and then is held to one
 * deadline for all of the login.
 */
static bool
next_line(struct talk *t, struct span *line, enum line_ending *ending)
{
	struct stream *s = t->stream;
	struct fault f;

	while (!stream_take_line(s, POP3_LINE_MAX, line, ending))
		if (serve_stopping || is_too_late(t) ||
		    stream_fill(s, &f) != OK || s->ended)
			return false;
	return *ending != LINE_ENDLESS;
}

/* No time stamp in it: APOP is not offered. RFC 1939 7 */
static void
converse(struct talk *t)
{
	enum line_ending ending;
	struct span line;
	struct fault f;

	say(t, "+OK Pneu POP3 ready");
	while (!t->over && next_line(t, &line, &ending)) {
		if (ending == LINE_LONG)
			on_odd_line(t, line,
			    "-ERR a command line has at most 255 octets");
		else
			dispatch(t, line);
	}
	if (t->handed)
		return;
	if (serve_stopping && !t->over)
		say(t, "-ERR [SYS/TEMP] the server is stopping");
	(void)!stream_flush(t->stream, &f);
}

void
login_session(void *arg, int in, int out, const struct peer *peer)
{
	struct login *login = arg;
	const struct settings *s = login->settings;
	struct talk t = { .login = login,
		.stream = &login->stream,
		.peer = peer,
		.in = in,
		.deadline_ms = clock_mono_ms() + s->pop3d.login_timeout_ms };

	t.plain = s->pop3d.plain_passwords == 2 ||
	    (s->pop3d.plain_passwords == 1 && peer->loopback);
	stream_again(t.stream, in, out, s->pop3d.login_timeout_ms);
	converse(&t);
	/* Passwords have passed through here, anywhere in it. */
	sodium_memzero(t.stream->rbuf.p, t.stream->rbuf.cap);
	if (t.handed && login->relay[0] != -1) {
		(void)close(login->relay[1]);
		login->relay[1] = -1;
		relay_octets(in, out, login->relay[0]);
		/* Where nobody reads any more the session still waits. */
		fds_close(&login->relay[0]);
	}
	if (login->alone)
		service_close(&login->started); /* until the session ended */
}

/* ---- Begin and end ---- */

/*
 * A program that starts alone draws the ticket key and hands it to the
 * children it starts. In the system the supervisor does, and we never see it.
 */
static enum outcome
give_ticket_key(int *given, struct fault *f)
{
	unsigned char key[AUTH_KEY_LEN];
	char number[16];
	int fd = memfd_create("ticket-key", 0); /* for children: no CLOEXEC */

	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "ticket key");
	randombytes_buf(key, sizeof(key));
	(void)snprintf(number, sizeof(number), "%d", fd);
	if (write(fd, key, sizeof(key)) != sizeof(key) ||
	    setenv(AUTH_KEY_ENV, number, 1) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "ticket key");
	sodium_memzero(key, sizeof(key));
	*given = fd;
	return OK;
}

/* In a shell or under inetd: start what nobody has started yet. */
static enum outcome
start_services(struct login *l, struct fault *f)
{
	enum outcome got = OK;
	int key = -1;

	if (l->alone)
		got = give_ticket_key(&key, f);
	if (got == OK)
		got = service_open(&l->auth, f);
	if (got == OK && l->alone)
		got = service_open(&l->started, f);
	/* We shall not make tickets, even if we could. */
	if (key != -1)
		(void)close(key);
	if (got == OK)
		*f = FAULT_NONE; /* no socket there, but a child: no fault */
	return got;
}

static bool
is_somebody_at(const char *path)
{
	struct fault f;
	int fd;

	if (fds_connect_unix(path, &fd, &f) != OK)
		return false;
	(void)close(fd);
	return true;
}

/* Are the two one socket, which can be handed over as one descriptor? */
static bool
is_one_socket(int in, int out)
{
	struct stat a, b;

	return fstat(in, &a) == 0 && fstat(out, &b) == 0 &&
	    S_ISSOCK(a.st_mode) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

enum outcome
login_begin(struct login *l, const struct settings *settings, struct fault *f)
{
	*l = (struct login){ .settings = settings, .relay = { -1, -1 } };
	journal_open(&l->journal, "pop3d");
	service_begin(&l->auth, "auth", SERVICE_TIMEOUT_MS);
	service_begin(&l->started, "pop3-session", 0);
	stream_begin(&l->stream, FD_IN, FD_OUT, 0);
	if (fds_kind(FD_IN) != FDS_SESSION)
		return OK;
	/* Both or none: they know each other by the key of tickets. */
	l->alone =
	    !is_somebody_at(AUTH_SOCKET) || !is_somebody_at(SESSION_SOCKET);
	l->auth.own = l->started.own = l->alone;
	if (!is_one_socket(FD_IN, FD_OUT) &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->relay) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "socketpair");
	return start_services(l, f);
}

void
login_free(struct login *l)
{
	service_free(&l->auth);
	service_free(&l->started);
	stream_free(&l->stream);
	journal_close(&l->journal);
	for (int i = 0; i < 2; i++)
		if (l->relay[i] != -1)
			(void)close(l->relay[i]);
}
