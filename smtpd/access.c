/* SPDX-License-Identifier: ISC */
/* access.c: the session's facts, for the rules of access. */
#include "session.h"

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

/* What a setting that is `report` would have refused. */
static void
tell_report(void *arg, const struct policy_rule *rule, enum verdict verdict,
    const struct opinion *o)
{
	(void)rule;
	(void)verdict;
	if (o->is_report)
		entries_report(arg, o->rule);
}

enum rule
access_connect(struct session *s, struct fault *why)
{
	struct facts f = facts_of(s);

	return policy_ask(&f, POINT_CONNECT, why, tell_report, s);
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
	return policy_ask(&f, POINT_AUTH, why, tell_report, s);
}

enum rule
access_mail(struct session *s, struct fault *why)
{
	struct facts f = facts_of(s);

	return policy_ask(&f, POINT_MAIL, why, tell_report, s);
}

enum rule
access_recipient(struct session *s, struct path *forward, struct fault *why)
{
	struct facts f = facts_of(s);

	f.to = forward;
	return policy_ask(&f, POINT_RCPT, why, tell_report, s);
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
