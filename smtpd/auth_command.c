/* SPDX-License-Identifier: ISC */
/* auth_command.c: AUTH (RFC 4954): who is the client? */
#include "session.h"

#include <sodium.h>
#include <string.h>

#include "clock.h"
#include "codes.h"

/* May it be used over this connection? */
static bool
is_open(const struct session *s)
{
	return !secure_is_missing(s) &&
	    sasl_is_open(s->server->set, s->tls != NULL, s->peer->loopback);
}

static void
make_offer(struct session *s)
{
	unsigned char octets[TLS_BINDING_MAX];

	sasl_offer_make(&s->offer, s->server->set);
	s->offer.mechanisms |= SASL_HAS(SASL_LOGIN);
	sasl_offer_binding(&s->offer, SASL_EXPORTER, octets,
	    tls_get_binding(s->tls, TLS_EXPORTER, octets));
	sasl_offer_binding(&s->offer, SASL_END_POINT, octets,
	    tls_get_binding(s->tls, TLS_SERVER_END_POINT, octets));
}

void
auth_announce(struct session *s)
{
	char names[SASL_NAMES_MAX];

	if (!access_offers_auth(s) || !is_open(s))
		return;
	make_offer(s);
	sasl_names(s->offer.mechanisms, names);
	reply(s, "250-AUTH ", names);
}

static void
journal_login(struct session *s)
{
	struct journal *j = &s->server->journal;
	struct record_out out = journal_begin(j, CODE_SMTP_LOGIN, NULL);

	record_puts(out, "user", s->user);
	record_put_optional(out, "ip", span_of(s->peer->ip));
	record_put_optional(out, "helo", span_of(s->helo));
	record_puts(out, "mechanism", sasl_name(s->sasl.mechanism));
	journal_end(j, out);
	s->journal_due = true;
}

/* The journal has why already, and it has been paid for. */
static void
fail(struct session *s, const struct fault *why)
{
	refuse(s, why->outcome == PERM ? RULE_AUTH_WRONG : RULE_AUTH_TEMP);
	if (s->logins.over)
		session_enter(s, PHASE_OVER);
	else if (s->logins.failures >= LOGINS_FAILURES_MAX)
		refuse(s, RULE_AUTH_FAILURES);
}

/* Name and password are right: may he log in here? */
static void
let_in(struct session *s)
{
	struct fault why = FAULT_NONE;
	enum rule rule = access_login(s, s->sasl.who.user, &why);

	if (rule != RULE_NONE) {
		refuse_for(s, rule, &why, SPAN_EMPTY);
		return;
	}
	(void)span_copy(span_of(s->sasl.who.user), s->user, sizeof(s->user));
	journal_login(s);
	reply(s, "235 2.7.0 welcome");
}

static void
conclude(struct session *s, enum sasl_result result, const struct fault *why)
{
	/* It may hold a password, in the stream's own buffer. */
	sodium_memzero((char *)(uintptr_t)s->line.p, s->line.len);
	if (result == SASL_MORE) {
		if (s->phase != PHASE_AUTH)
			session_enter(s, PHASE_AUTH);
		reply(s, "334 ", s->sasl.text.p);
		return;
	}
	if (s->phase == PHASE_AUTH)
		session_enter(s, PHASE_READY);
	if (result == SASL_DONE) {
		let_in(s);
	} else if (result == SASL_FAILED) {
		fail(s, why);
	} else if (result == SASL_CANCELLED) {
		refuse(s, RULE_AUTH_CANCELLED);
	} else {
		refuse_for(s, RULE_AUTH_SYNTAX, why, SPAN_EMPTY);
	}
	sasl_end(&s->sasl);
}

static bool
is_word_octet(int c)
{
	return c != -1 && !is_wsp(c);
}

void
auth_run(struct session *s, struct span args)
{
	struct cur c = cur_over(args);
	struct span name = cur_while(&c, is_word_octet);
	enum sasl_mechanism mechanism;
	struct fault why = FAULT_NONE;
	enum sasl_result result;

	(void)cur_while(&c, is_wsp);
	if (!access_offers_auth(s)) {
		refuse(s, RULE_COMMAND_OFF);
	} else if (s->user[0] != '\0') {
		refuse(s, RULE_AUTH_TWICE);
	} else if (!s->is_esmtp) {
		refuse(s, RULE_ORDER_HELLO);
	} else if (s->phase != PHASE_READY) {
		refuse(s, RULE_ORDER_OPEN);
	} else if (name.len == 0) {
		refuse(s, RULE_SYNTAX);
	} else if (!sasl_find(name, &mechanism)) {
		refuse(s, RULE_AUTH_MECHANISM);
	} else if (!is_open(s)) {
		refuse(s, RULE_AUTH_PLAINTEXT);
	} else {
		make_offer(s);
		if ((s->offer.mechanisms & SASL_HAS(mechanism)) == 0) {
			refuse(s, RULE_AUTH_MECHANISM);
			return;
		}
		s->logins.deadline_ms = clock_mono_ms() + s->set->timeout_ms;
		result = sasl_begin(&s->sasl, &s->logins, &s->offer, mechanism,
		    cur_rest(&c), &why);
		conclude(s, result, &why);
	}
}

void
auth_response(struct session *s)
{
	struct fault why = FAULT_NONE;
	enum sasl_result result = sasl_next(&s->sasl, s->line, &why);

	conclude(s, result, &why);
}

void
auth_break(struct session *s)
{
	sasl_end(&s->sasl);
	session_enter(s, PHASE_READY);
}
