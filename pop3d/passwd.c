/* SPDX-License-Identifier: ISC */
/* passwd.c: a function each verb; the table behind them is the index. */
#include "passwd.h"

#include <errno.h>
#include <sodium.h>

#include "alone.h"
#include "clock.h"
#include "codes.h"
#include "command.h"
#include "fds.h"
#include "logins.h"
#include "password.h"
#include "sasl.h"
#include "secure.h"
#include "wire_self.h"

/* Octets of a line with its end: "newpass ", a password, CRLF. More than a name
   needs. */
#define PASSWD_LINE_MAX 512
/* Changes of a session: each one writes the whole directory. Chosen */
#define CHANGES_MAX 10

struct conversation {
	struct passwd *passwd;
	struct talk talk;
	struct logins logins;
	bool open; /* passwords may be sent over this connection */
	char user[AUTH_USER_MAX + 1]; /* "": none given */
	/* His, that auth has called right. Each change asks again: a ticket
	   lasts shorter than a session. "": he has not logged in. */
	char password[PASSWORD_MAX + 1];
	unsigned changes;
};

/* ---- Reading ---- */

static const char *const verbs[PASSWD_UNKNOWN] = {
	[PASSWD_USER] = "user",
	[PASSWD_PASS] = "pass",
	[PASSWD_NEWPASS] = "newpass",
	[PASSWD_NAME] = "name",
	[PASSWD_PHONE] = "phone",
	[PASSWD_QUIT] = "quit",
};

struct passwd_command
passwd_parse(struct span line)
{
	size_t n = span_find(line, ' ');
	struct passwd_command command = { PASSWD_UNKNOWN,
		span_from(line, n + 1) };

	if (span_has_control(line) || !utf8_is_valid(line))
		return command;
	for (size_t i = 0; i < PASSWD_UNKNOWN; i++)
		if (span_same_nocase(span_head(line, n), span_of(verbs[i])))
			command.verb = (enum passwd_verb)i;
	return command;
}

/* ---- Answers ---- */

/* To what is wrong, of which there may be max_errors. */
static void
refuse(struct conversation *c, const char *text)
{
	talk_say(&c->talk, "500 %.240s", text);
	if (++c->talk.errors < c->talk.errors_max)
		return;
	talk_say(&c->talk, "500 too many errors, closing");
	c->talk.over = true;
}

static void
forget(struct conversation *c)
{
	c->user[0] = '\0';
	sodium_memzero(c->password, sizeof(c->password));
}

/* A login that failed, when that has been paid for. */
static void
refuse_login(struct conversation *c, const struct fault *why)
{
	forget(c);
	refuse(c,
	    why->outcome == PERM        ? "wrong name or password"
	        : logins_is_locked(why) ? "too many failed logins, try later"
	                                : "login is not possible now");
	c->talk.over |=
	    c->logins.over || c->logins.failures >= LOGINS_FAILURES_MAX;
}

/* ---- A change ---- */

/* OK: it is made. *asked: and if not, it may have been. */
static enum outcome
ask_self(
    struct conversation *c, struct self_req *req, bool *asked, struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct span line;
	enum outcome got;

	(void)span_copy(span_of(c->logins.peer->ip), req->ip, sizeof(req->ip));
	/* Whole at once: growing would leave copies of a password behind. */
	(void)buf_reserve(&b, RECORD_MAX);
	got = wire_self_put_req(&b, req, f);
	if (got == OK) {
		*asked = true;
		got = service_ask(
		    &c->passwd->self, buf_span(&b), false, &line, f);
	}
	if (got == OK) {
		got = wire_self_get_ans(line, f);
		*asked = got == TEMP && f->error == EPROTO;
	}
	/* A change cannot be asked for twice, so none goes to a connection whose
	   other end may have been replaced meanwhile. */
	if (c->passwd->self.child == 0 || got == TEMP)
		service_close(&c->passwd->self);
	sodium_memzero(b.p, b.cap);
	buf_free(&b);
	return got;
}

static void
change(struct conversation *c, enum self_field which, struct span value)
{
	struct self_req req = { .which = which, .value = value };
	bool asked = false;
	struct fault f = FAULT_NONE;

	if (c->password[0] == '\0') {
		refuse(c, "log in first: user, then pass");
	} else if (which == SELF_PASSWORD && password_check(value, &f) != OK) {
		refuse(c, f.text);
	} else if (c->changes++ == CHANGES_MAX) {
		refuse(c, "too many changes in one session: connect again");
	} else if (logins_try(&c->logins, span_of(c->user),
	               span_of(c->password), &req.who, &f) != OK) {
		refuse_login(c, &f);
	} else if (ask_self(c, &req, &asked, &f) != OK) {
		refuse(c,
		    asked ? "no answer: it may have been changed, or not"
		          : f.text);
	} else {
		if (which == SELF_PASSWORD)
			(void)span_copy(
			    value, c->password, sizeof(c->password));
		talk_say(&c->talk, "200 %s changed", self_field_name(which));
	}
}

/* ---- The verbs ---- */

static void
on_user(struct conversation *c, struct span name)
{
	forget(c);
	if (!c->open)
		refuse(c,
		    "passwords are not taken over a connection that others "
		    "can read");
	else if (name.len == 0 || !span_copy(name, c->user, sizeof(c->user)))
		refuse(c, "say: user NAME");
	else /* The same for a name that exists and one that does not. */
		talk_say(&c->talk, "300 send the password");
}

static void
on_pass(struct conversation *c, struct span password)
{
	struct auth_ans who;
	struct fault f = FAULT_NONE;

	if (c->user[0] == '\0') {
		refuse(c, "say user NAME first");
	} else if (logins_try(&c->logins, span_of(c->user), password, &who,
	               &f) != OK) {
		refuse_login(c, &f);
	} else {
		(void)span_copy(password, c->password, sizeof(c->password));
		talk_say(&c->talk, "200 logged in; newpass, name or phone");
	}
}

static void
on_newpass(struct conversation *c, struct span value)
{
	change(c, SELF_PASSWORD, value);
}

static void
on_name(struct conversation *c, struct span value)
{
	change(c, SELF_NAME, value);
}

static void
on_phone(struct conversation *c, struct span value)
{
	change(c, SELF_PHONE, value);
}

static void
on_quit(struct conversation *c, struct span argument)
{
	(void)argument;
	talk_say(&c->talk, "200 bye");
	c->talk.over = true;
}

static void
on_unknown(struct conversation *c, struct span argument)
{
	(void)argument;
	refuse(c,
	    "unknown command, or a character that is no text; there are "
	    "user, pass, newpass, name, phone, quit");
}

static void (*const on[PASSWD_UNKNOWN + 1])(
    struct conversation *, struct span) = {
	[PASSWD_USER] = on_user,
	[PASSWD_PASS] = on_pass,
	[PASSWD_NEWPASS] = on_newpass,
	[PASSWD_NAME] = on_name,
	[PASSWD_PHONE] = on_phone,
	[PASSWD_QUIT] = on_quit,
	[PASSWD_UNKNOWN] = on_unknown,
};

/* ---- The conversation ---- */

static bool
begin_tls(struct conversation *c)
{
	struct passwd *p = c->passwd;

	return secure_begin(&p->tls, &p->tls_server, &p->stream, &p->journal,
	    c->logins.peer->ip);
}

static void
converse(struct conversation *c)
{
	enum line_ending ending;
	struct span line;
	struct fault f;

	talk_say(&c->talk, "200 Pneu ready to change a password");
	while (talk_take(&c->talk, PASSWD_LINE_MAX, &c->logins.deadline_ms,
	    &line, &ending)) {
		struct passwd_command command = passwd_parse(line);

		trace_line(c->talk.trace, true, line);
		if (ending == LINE_LONG)
			refuse(c, "a line has at most 512 octets");
		else
			on[command.verb](c, command.argument);
	}
	if (serve_stopping && !c->talk.over)
		talk_say(&c->talk, "500 the server is stopping");
	(void)!stream_flush(c->talk.stream, &f);
}

void
passwd_session(void *arg, int in, int out, const struct peer *peer)
{
	struct passwd *p = arg;
	const struct settings *s = p->settings;
	struct conversation c = { .passwd = p,
		.talk = { &p->stream, 0, s->passwdd.max_errors, false,
		    &p->trace },
		.logins = { .auth = &p->auth,
		    .journal = &p->journal,
		    .service = AUTH_PASSWD,
		    .failed_code = CODE_PASSWD_FAILED,
		    .failed_ms = s->resolve.failed_login_ms,
		    .peer = peer,
		    .in = in,
		    .deadline_ms = clock_mono_ms() + s->passwdd.timeout_ms },
		.open = sasl_is_open(s, p->begins_tls, peer->loopback) };

	stream_again(&p->stream, in, out, s->passwdd.timeout_ms);
	trace_begin(&p->trace, peer->ip, peer->port, c.user);
	if (!p->begins_tls) {
		converse(&c);
	} else if (begin_tls(&c)) {
		converse(&c);
		tls_end(&p->tls);
	}
	forget(&c);
	/* Passwords have passed through here, anywhere in it. */
	sodium_memzero(p->stream.rbuf.p, p->stream.rbuf.cap);
}

/* ---- Begin and end ---- */

enum outcome
passwd_begin(struct passwd *p, const struct settings *settings, bool begins_tls,
    struct fault *f)
{
	bool alone;

	*p = (struct passwd){ .settings = settings, .begins_tls = begins_tls };
	journal_open(&p->journal, "passwdd");
	trace_open(&p->trace, "passwdd");
	service_begin(&p->auth, "auth", SERVICE_TIMEOUT_MS);
	service_begin(&p->self, "directory-self", SERVICE_TIMEOUT_MS);
	stream_begin(&p->stream, FD_IN, FD_OUT, 0);
	if (tls_server_begin(
	        &p->tls_server, settings, "passwdd", begins_tls, f) != OK)
		return f->outcome;
	return fds_kind(FD_IN) == FDS_SESSION
	    ? alone_start(&p->auth, &p->self, &alone, f)
	    : OK;
}

void
passwd_free(struct passwd *p)
{
	service_free(&p->auth);
	service_free(&p->self);
	stream_free(&p->stream);
	tls_server_free(&p->tls_server);
	journal_close(&p->journal);
}
