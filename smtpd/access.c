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
	return s->server->set->access.mode != AUTH_MODE_NONE;
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
