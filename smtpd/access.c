/* SPDX-License-Identifier: ISC */
/* access.c: the session's facts, for the rules of access. */
#include "session.h"

#include <poll.h>

#include "clock.h"
#include "codes.h"

static struct facts
facts_of(struct session *s)
{
	struct facts f = { .policy = &s->server->policy,
		.ip = s->peer->ip,
		.account = s->account,
		.is_trusted = s->is_trusted,
		.is_tls = s->tls != NULL,
		.user = s->user,
		.size = s->size,
		.from = &s->envelope->reverse_path };

	f.is_remote = net_parse_addr(span_of(s->peer->ip), &f.address);
	return f;
}

/* Which rule let mail be relayed, and what is told although nothing was
   refused. */
static void
tell(void *arg, const struct policy_rule *rule, enum verdict verdict,
    const struct opinion *o)
{
	struct session *s = arg;

	if (verdict == VERDICT_PASS &&
	    span_has_prefix(span_of(rule->name), "relay-"))
		s->relay = rule->name;
	if (verdict != VERDICT_REFUSE && o->report != NULL)
		entries_report(s, o->rule,
		    o->limit.state == LIMIT_DELAY ? "delay" : "only");
}

/* A client near a limit: the answer waits, unless he hangs up, or others need
   the worker. */
static void
pause_for(struct session *s, uint64_t ms)
{
	struct pollfd p = { s->io->in, POLLRDHUP, 0 };
	uint64_t now = clock_mono_ms(), end = now + ms;

	serve_waits(now);
	while (now < end && serve_longest_ms() == UINT64_MAX &&
	    poll(&p, 1, (int)(end - now)) <= 0)
		now = clock_mono_ms();
	serve_waits(0);
}

static enum rule
ask(struct session *s, struct facts *f, enum policy_point point,
    struct fault *why)
{
	enum rule rule = policy_ask(f, point, why, tell, s);

	if (rule == RULE_NONE && f->delay_ms > 0)
		pause_for(s, f->delay_ms);
	f->delay_ms = 0;
	return rule;
}

enum rule
access_connect(struct session *s, struct fault *why)
{
	struct facts f = facts_of(s);

	return ask(s, &f, POINT_CONNECT, why);
}

bool
access_is_failure_too_many(struct session *s)
{
	struct facts f = facts_of(s);

	if (policy_count_failure(&f))
		return true;
	if (f.delay_ms > 0)
		pause_for(s, f.delay_ms);
	return false;
}

bool
access_offers_auth(const struct session *s)
{
	return s->set->role != ROLE_LOCAL &&
	    s->server->set->access.mode != AUTH_MODE_NONE;
}

enum rule
access_login(struct session *s, const char *user, struct fault *why)
{
	struct facts f = facts_of(s);

	f.user = user;
	return ask(s, &f, POINT_AUTH, why);
}

enum rule
access_mail(struct session *s, struct fault *why)
{
	struct facts f = facts_of(s);

	return ask(s, &f, POINT_MAIL, why);
}

enum rule
access_recipient(struct session *s, struct path *forward, struct fault *why)
{
	struct facts f = facts_of(s);
	enum rule rule;

	f.to = forward;
	rule = ask(s, &f, POINT_RCPT, why);
	return rule == RULE_NONE ? ask(s, &f, POINT_COUNT, why) : rule;
}

enum rule
access_verify(struct session *s, struct span address, struct fault *why)
{
	struct path path;
	struct resolve_ans ans;
	enum outcome got;

	*why = FAULT_NONE;
	if (address.len > 2 && address.p[0] == '<' &&
	    address.p[address.len - 1] == '>')
		address = span_from(span_head(address, address.len - 1), 1);
	/* A name alone would have to be looked for: RFC 5321 3.5.1 lets us. */
	if (path_parse_bare(address, &path, why) != OK)
		return RULE_FORWARD_PATH;
	got = policy_find(&s->server->policy, path_span(&path),
	    &s->envelope->reverse_path, &ans, why);
	if (got == OK)
		return RULE_NONE;
	return got == PERM ? RULE_RECIPIENT : RULE_LOCAL_ERROR;
}
