/* SPDX-License-Identifier: ISC */
/* commands.c: one function a command; the table is the index. */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "parameters.h"

/* ---- EHLO, HELO. ---- */

/*
 * A domain or an address literal, taken by its letters only: names that the
 * DNS would not know are common and must not be refused (RFC 5321 4.1.4), but
 * nothing may come in that means something in a header field.
 */
static bool
is_helo_octet(int c)
{
	return is_alnum(c) || (c > 0 && strchr("-._:[]", c) != NULL);
}

/* Take the argument; a transaction that was open is no more. RFC 5321 4.1.4. */
static bool
take_helo(struct session *s, struct span args, bool is_esmtp)
{
	struct cur c = cur_over(args);
	struct span name = cur_while(&c, is_helo_octet);

	if (name.len == 0 || name.len > HELO_MAX || cur_peek(&c) != -1) {
		refuse(s, RULE_HELLO);
		return false;
	}
	(void)span_copy(name, s->helo, sizeof(s->helo));
	s->is_esmtp = is_esmtp;
	session_enter(s, PHASE_READY);
	return true;
}

static void
run_helo(struct session *s, struct span args)
{
	if (take_helo(s, args, false))
		reply(s, "250 ", s->server->hostname);
}

/* Role local tells who it is, for a sender that was not given. As xtext of
   RFC 3461 4, in lines that are ASCII. */
static void
put_user(struct session *s)
{
	struct buf b = BUF_INIT(3 * AUTH_USER_MAX);

	if (s->set->role != ROLE_LOCAL || s->user[0] == '\0')
		return;
	for (const char *p = s->user; *p != '\0'; p++) {
		if (is_graph((unsigned char)*p) && *p != '+' && *p != '=')
			buf_addc(&b, *p);
		else
			buf_addf(&b, "+%02X", (unsigned char)*p);
	}
	reply(s, "250-XUSER ", b.p);
	buf_free(&b);
}

static void
run_ehlo(struct session *s, struct span args)
{
	char size[32];

	if (!take_helo(s, args, true))
		return;
	(void)snprintf(size, sizeof(size), "%" PRIu64, s->set->max_size);
	reply(s, "250-", s->server->hostname);
	reply(s, "250-PIPELINING");
	reply(s, "250-SIZE ", size);
	reply(s, "250-8BITMIME");
	reply(s, "250-SMTPUTF8");
	reply(s, "250-CHUNKING");
	if (secure_is_offered(s))
		reply(s, "250-STARTTLS");
	auth_announce(s);
	put_user(s);
	reply(s, "250 ENHANCEDSTATUSCODES");
}

/* ---- MAIL, RCPT. ---- */

/* Step over `FROM:` or `TO:` and the space that many put behind it. */
static bool
eat_keyword(struct span *args, const char *keyword)
{
	struct cur c = cur_over(*args);

	if (!cur_eat_nocase(&c, keyword))
		return false;
	(void)cur_while(&c, is_wsp);
	*args = cur_rest(&c);
	return true;
}

/* RFC 3848; RFC 6531 3.7.3. SMTP knows no word for TLS, and nobody logs in to
   the socket of this machine. */
static const char *
proto_of(const struct session *s)
{
	static const char *const names[2][2][2] = {
		{ { "ESMTP", "ESMTPS" }, { "ESMTPA", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPS" }, { "UTF8SMTPA", "UTF8SMTPSA" } }
	};
	bool has_auth = s->user[0] != '\0' && s->set->role != ROLE_LOCAL;

	if (!s->is_esmtp && !s->envelope->smtputf8)
		return "SMTP";
	return names[s->envelope->smtputf8][has_auth][s->tls != NULL];
}

/* All of it has been found short enough. */
static void
fill_envelope(struct session *s, const struct parameters *p)
{
	struct envelope *e = s->envelope;

	qid_draw(&e->qid);
	e->smtputf8 = p->value[PARAM_SMTPUTF8].len > 0;
	(void)span_copy(p->value[PARAM_BODY], e->body, sizeof(e->body));
	(void)span_copy(p->value[PARAM_RET], e->ret, sizeof(e->ret));
	(void)span_copy(p->value[PARAM_ENVID], e->envid, sizeof(e->envid));
	(void)span_copy(span_of(s->peer->ip), e->ip, sizeof(e->ip));
	(void)span_copy(span_of(s->helo), e->helo, sizeof(e->helo));
	(void)span_copy(span_of(s->user), e->user, sizeof(e->user));
	(void)span_copy(span_of(proto_of(s)), e->proto, sizeof(e->proto));
}

/* Into the envelope. */
static enum rule
take_sender(struct session *s, struct span args, struct fault *f)
{
	struct path *path = &s->envelope->reverse_path;
	struct parameters p;
	struct span rest;
	enum outcome got;
	enum rule rule;

	if (!eat_keyword(&args, "FROM:"))
		return RULE_SYNTAX;
	/* SMTPUTF8 stands behind the path it is about. */
	got = path_parse(PATH_REVERSE, args, true, path, &rest, f);
	if (got == PERM)
		got = local_take_name(s, args, path, &rest, f);
	if (got != OK)
		return got == PERM ? RULE_REVERSE_PATH : RULE_LOCAL_ERROR;
	if ((rule = parameters_take(rest, false, &p, f)) != RULE_NONE)
		return rule;
	/* Who wrote it, as the client says: taken, and trusted by nobody here.
	   RFC 4954 5. */
	if (p.value[PARAM_AUTH].len > 0 && !access_offers_auth(s))
		return RULE_PARAMETER_UNKNOWN;
	if (p.value[PARAM_SMTPUTF8].len == 0 && !path_is_ascii(path))
		return RULE_UTF8;
	s->size = parameters_size(&p);
	if (s->size > s->set->max_size)
		return RULE_SIZE;
	if ((rule = access_mail(s, f)) != RULE_NONE)
		return rule;
	if (!server_has_space(s->server, s->size))
		return RULE_SPACE;
	fill_envelope(s, &p);
	return RULE_NONE;
}

static void
run_mail(struct session *s, struct span args)
{
	struct fault f = FAULT_NONE;
	enum rule rule = take_sender(s, args, &f);

	if (rule != RULE_NONE) {
		refuse_for(s, rule, &f, SPAN_EMPTY);
		envelope_reset(s->envelope);
		return;
	}
	s->overshoot = 0;
	s->relay = NULL;
	session_enter(s, PHASE_MAIL);
	reply(s, "250 2.1.0 sender ok");
}

/*
 * Beyond max_recipients each is told to come later, and that is no error: a
 * good client sends them in its next transaction (RFC 5321 4.5.3.1.10). As
 * many again are borne, then they count.
 */
static bool
is_overshoot(struct session *s)
{
	if (s->envelope->recipients < s->set->max_recipients)
		return false;
	if (++s->overshoot > s->set->max_recipients)
		s->errors++;
	return true;
}

/* Into the envelope; *path is set for the journal as soon as it is known. */
static enum rule
take_recipient(
    struct session *s, struct span args, struct path *path, struct fault *f)
{
	struct parameters p;
	struct span rest;
	enum outcome got;
	enum rule rule;

	if (!eat_keyword(&args, "TO:"))
		return RULE_SYNTAX;
	got = path_parse(
	    PATH_FORWARD, args, s->envelope->smtputf8, path, &rest, f);
	if (got == PERM && !fault_is(f, FAULT_NOT_ASCII))
		got = local_take_name(s, args, path, &rest, f);
	if (got == TEMP)
		return RULE_LOCAL_ERROR;
	if (got != OK)
		return fault_is(f, FAULT_NOT_ASCII) ? RULE_UTF8
		                                    : RULE_FORWARD_PATH;
	if ((rule = parameters_take(rest, true, &p, f)) != RULE_NONE)
		return rule;
	if (is_overshoot(s))
		return RULE_RECIPIENTS_MAX;
	if ((rule = access_recipient(s, path, f)) != RULE_NONE)
		return rule;
	if (envelope_add_recipient(s->envelope, path, p.value[PARAM_NOTIFY],
	        p.value[PARAM_ORCPT], f) != OK)
		return RULE_LOCAL_ERROR;
	return RULE_NONE;
}

static void
run_rcpt(struct session *s, struct span args)
{
	struct path path = { .len = 0 };
	struct fault f = FAULT_NONE;
	enum rule rule = take_recipient(s, args, &path, &f);

	if (rule != RULE_NONE) {
		refuse_for(s, rule, &f, path_span(&path));
		return;
	}
	session_enter(s, PHASE_RCPT);
	reply(s, "250 2.1.5 recipient ok");
}

/* ---- The small ones. ---- */

static void
run_rset(struct session *s, struct span args)
{
	(void)args;
	if (s->phase != PHASE_START)
		session_enter(s, PHASE_READY);
	reply(s, "250 2.0.0 ok");
}

static void
run_noop(struct session *s, struct span args)
{
	(void)args;
	reply(s, "250 2.0.0 ok");
}

static void
run_quit(struct session *s, struct span args)
{
	(void)args;
	reply(s, "221 2.0.0 closing");
	session_enter(s, PHASE_OVER);
}

static void
verify(struct session *s, struct span args)
{
	struct fault why;
	enum rule rule = access_verify(s, args, &why);

	if (rule != RULE_NONE)
		refuse_for(s, rule, &why, SPAN_EMPTY);
	else
		reply(s, "250 2.1.5 mail for it is accepted");
}

static void
run_vrfy(struct session *s, struct span args)
{
	if (args.len == 0)
		refuse(s, RULE_SYNTAX);
	else if (s->set->vrfy == VRFY_OFF)
		refuse(s, RULE_COMMAND_OFF);
	else if (s->set->vrfy == VRFY_FULL && s->user[0] != '\0')
		verify(s, args);
	else
		reply(s, "252 2.5.0 not verified, RCPT will tell");
}

static void
run_help(struct session *s, struct span args)
{
	(void)args;
	reply(s, "214-2.0.0 ",
	    access_offers_auth(s)
	        ? "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT "
	          "RSET NOOP VRFY HELP QUIT"
	        : "EHLO HELO STARTTLS MAIL RCPT DATA BDAT "
	          "RSET NOOP VRFY HELP QUIT");
	reply(s, "214 2.0.0 see RFC 5321");
}

/* ---- The table. ---- */

enum {
	IDLE = 1, /* it brings no mail: counts against the limit */
	ALONE = 2, /* an argument is a syntax error */
	CLEAR = 4, /* it may come before TLS, where TLS is a must */
};

static const struct command {
	const char *verb;
	void (*run)(struct session *, struct span args);
	unsigned phases; /* where it may come */
	enum rule order; /* what is said elsewhere */
	unsigned flags;
} commands[] = {
	{ "EHLO", run_ehlo, IN_ANY, RULE_NONE, IDLE | CLEAR },
	{ "HELO", run_helo, IN_ANY, RULE_NONE, IDLE | CLEAR },
	{ "STARTTLS", secure_starttls, IN(PHASE_START) | IN(PHASE_READY),
	    RULE_ORDER_OPEN, IDLE | ALONE | CLEAR },
	{ "AUTH", auth_run, IN_ANY, RULE_NONE, IDLE },
	{ "MAIL", run_mail, IN(PHASE_READY), RULE_ORDER_OPEN, 0 },
	{ "RCPT", run_rcpt, IN(PHASE_MAIL) | IN(PHASE_RCPT), RULE_ORDER_MAIL,
	    0 },
	{ "DATA", transfer_data, IN(PHASE_RCPT), RULE_ORDER_RCPT, ALONE },
	{ "BDAT", transfer_bdat, IN_ANY, RULE_NONE, 0 },
	{ "RSET", run_rset, IN_ANY, RULE_NONE, IDLE | ALONE | CLEAR },
	{ "NOOP", run_noop, IN_ANY, RULE_NONE, IDLE | CLEAR },
	{ "QUIT", run_quit, IN_ANY, RULE_NONE, ALONE | CLEAR },
	{ "VRFY", run_vrfy, IN_ANY, RULE_NONE, IDLE },
	{ "HELP", run_help, IN_ANY, RULE_NONE, IDLE | CLEAR },
};

/* RFC 5321 4.2.4. HTTP: a web page made a browser connect here. */
static enum rule
rule_of_other(struct span verb)
{
	if (span_is_word(verb, "EXPN SEND SOML SAML TURN ETRN BURL"))
		return RULE_COMMAND_OFF;
	return span_is_word(verb, "GET POST PUT HEAD OPTIONS CONNECT")
	    ? RULE_HTTP
	    : RULE_COMMAND_UNKNOWN;
}

static const struct command *
find_command(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_same_nocase(verb, span_of(commands[i].verb)))
			return &commands[i];
	return NULL;
}

/*
 * DATA ends a group of commands (RFC 2920 3.1): what is here already was sent
 * by somebody who does not read answers, and is content, whatever becomes of
 * DATA. A pipe may; and among chunks more of them come.
 */
static bool
is_content_early(const struct session *s)
{
	return s->peer->socket && s->set->role != ROLE_LOCAL &&
	    s->phase != PHASE_CHUNKS && stream_waiting(s->io).len > 0;
}

static void
run_known(struct session *s, const struct command *c, struct span args)
{
	enum rule order = session_order(s, c->phases, c->order);

	s->idle_commands += (c->flags & IDLE) != 0;
	if (c->run == transfer_data && is_content_early(s))
		refuse(s, RULE_PIPELINING);
	else if (span_has_control(s->line))
		input_refuse_line(s, RULE_LINE_OCTETS);
	else if ((c->flags & CLEAR) == 0 && secure_is_missing(s))
		input_refuse_line(s, RULE_TLS_FIRST);
	else if ((c->flags & ALONE) != 0 && args.len > 0)
		refuse(s, RULE_SYNTAX);
	else if (order != RULE_NONE)
		refuse(s, order);
	else if (s->idle_commands > s->set->max_idle_commands)
		refuse(s, RULE_IDLE);
	else
		c->run(s, args);
}

void
commands_run(struct session *s)
{
	struct cur c = cur_over(s->line);
	struct span verb = cur_while(&c, is_alnum), args;
	const struct command *command = find_command(verb);
	bool is_parted = cur_while(&c, is_wsp).len > 0 || cur_peek(&c) == -1;

	args = cur_rest(&c);
	while (args.len > 0 && is_wsp(args.p[args.len - 1]))
		args.len--;
	/* `NOOP` with an octet 0 behind it is no NOOP. */
	if (!is_parted)
		input_refuse_line(s, RULE_COMMAND_UNKNOWN);
	else if (command == NULL)
		input_refuse_line(s, rule_of_other(verb));
	else
		run_known(s, command, args);
}
