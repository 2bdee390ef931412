/* SPDX-License-Identifier: ISC */
/*
 * secure.c: from plain to TLS. Nothing that was said before the handshake counts
 * after it, neither by the client nor by whoever sat between.
 */
#include "session.h"

bool
secure_is_offered(const struct session *s)
{
	return s->tls == NULL && s->set->tls != TLS_NO &&
	    s->set->role != ROLE_LOCAL &&
	    tls_server_is_set(&s->server->tls_server);
}

/* What comes by a socket of this machine needs none. */
bool
secure_is_missing(const struct session *s)
{
	return s->tls == NULL && s->set->tls == TLS_ONLY &&
	    s->set->role != ROLE_LOCAL;
}

/* RFC 3207 4.2: the session is as before its first command. */
static void
start_over(struct session *s)
{
	session_enter(s, PHASE_START);
	s->helo[0] = '\0';
	s->is_esmtp = false;
	s->user[0] = '\0';
}

void
secure_begin(struct session *s)
{
	struct server *v = s->server;
	struct fault f = FAULT_NONE;

	if (stream_flush(s->io, &f) != OK ||
	    tls_server_look(&v->tls_server, &f) != OK ||
	    tls_accept(&v->tls, &v->tls_server, s->io, &f) != OK) {
		entries_no_tls(s, &f);
		session_enter(s, PHASE_OVER);
		return;
	}
	s->tls = &v->tls;
	start_over(s);
}

void
secure_starttls(struct session *s, struct span args)
{
	struct fault f = FAULT_NONE;

	(void)args;
	if (s->tls != NULL) {
		refuse(s, RULE_TLS_TWICE);
	} else if (!secure_is_offered(s)) {
		refuse(s, RULE_COMMAND_OFF);
	} else if (tls_server_look(&s->server->tls_server, &f) != OK) {
		refuse_for(s, RULE_TLS_NOT_NOW, &f, SPAN_EMPTY);
	} else {
		reply(s, "220 2.0.0 ready to start TLS");
		secure_begin(s);
	}
}

void
secure_end(struct session *s)
{
	if (s->tls != NULL)
		tls_end(&s->server->tls);
	s->tls = NULL;
}
