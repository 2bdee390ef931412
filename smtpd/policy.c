/* SPDX-License-Identifier: ISC */
/* policy.c: who may send what to whom; resolve is asked at RCPT. */
#include "session.h"

#include <errno.h>
#include <stdio.h>

#include "wire_resolve.h"

static enum outcome
ask(struct server *server, const struct path *forward,
    const struct path *reverse, struct resolve_ans *ans, struct fault *f)
{
	const struct resolve_req req = { .forward_path = path_span(forward),
		.reverse_path = path_span(reverse) };
	struct buf *b = &server->question;
	struct span line;
	enum outcome got;

	buf_reset(b);
	/* A question may be asked twice: it changes nothing. */
	if (wire_resolve_put_req(b, &req, f) != OK ||
	    service_ask(&server->resolve, buf_span(b), true, &line, f) != OK)
		return fault_context(f, "resolve");
	got = wire_resolve_get_ans(line, req.forward_path, ans, f);
	if (got == TEMP && f->error == EPROTO)
		service_close(&server->resolve);
	return got;
}

/* `Postmaster` is the first local domain's. RFC 5321 4.1.1.3, 4.5.1. */
static void
name_postmaster(const struct settings *set, struct path *path)
{
	char text[PATH_TEXT_MAX + 1];
	struct path full;
	struct fault f;

	if (set->resolve.domain.n == 0)
		return;
	(void)snprintf(
	    text, sizeof(text), "postmaster@%s", set->resolve.domain.value[0]);
	if (path_parse_bare(span_of(text), &full, &f) == OK)
		*path = full;
}

enum rule
policy_recipient(struct session *s, struct path *forward, struct fault *why)
{
	struct resolve_ans ans;
	enum outcome got;

	if (path_domain(forward).len == 0)
		name_postmaster(s->server->set, forward);
	got = ask(s->server, forward, &s->envelope->reverse_path, &ans, why);
	if (got != OK)
		return got == PERM ? RULE_RECIPIENT : RULE_LOCAL_ERROR;
	/* Relaying is for a client that is known, on a listener for submission;
	   AUTH is not offered yet: nobody is known. */
	return resolve_is_remote(&ans) ? RULE_RELAY : RULE_NONE;
}
