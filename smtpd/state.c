/* SPDX-License-Identifier: ISC */
/* state.c: what a process keeps, the state of a session, and its moves. */
#include "session.h"

#include <stdlib.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "space.h"

#define SPACE_KEPT_MS 1000 /* free space is asked for so often */

/* ---- The server. ---- */

void
server_begin(struct server *v, const struct settings *set, const char *hostname,
    int queue_fd)
{
	*v = (struct server){ .set = set,
		.hostname = hostname,
		.queue_fd = queue_fd,
		.question = BUF_INIT(RECORD_MAX + 1) };
	v->policy = (struct policy){ .set = set,
		.lists = &v->lists,
		.window = &v->window,
		.limits = &v->limits,
		.rates = v->rates,
		.resolve = &v->resolve,
		.question = &v->question,
		.blocks = &v->blocks };
	envelope_begin(&v->envelope);
	content_init(&v->content, &set->smtpd);
	stream_begin(&v->io, -1, -1, 0);
}

void
server_free(struct server *v)
{
	envelope_free(&v->envelope);
	content_free(&v->content);
	stream_free(&v->io);
	buf_free(&v->question);
	free(v->trusted);
	lists_free(&v->lists);
	pop_window_close(&v->window);
	limits_close(&v->limits);
	fds_close(&v->queue_fd);
}

/* The sandbox has no paths: only the descriptor opened before it is asked. */
static uint64_t
free_space(const struct server *v)
{
	uint64_t reserve = v->set->storage.min_free;
	struct space space;

	if (v->queue_fd == -1 || !space_look(v->queue_fd, &space))
		return UINT64_MAX; /* not known: queue-add will say */
	return space_has(&space, reserve) ? space.free_octets - reserve : 0;
}

bool
server_has_space(struct server *v, uint64_t octets)
{
	uint64_t now = clock_mono_ms();

	if (v->space_ms == 0 || now - v->space_ms >= SPACE_KEPT_MS) {
		v->space_ms = now;
		v->space = free_space(v);
	}
	return v->space > 0 && v->space >= octets;
}

/* ---- The session. ---- */

/* The one place where a transaction ends: all of it, whatever it was. */
static void
empty_transaction(struct session *s)
{
	submit_drop(&s->server->submit);
	envelope_reset(s->envelope);
	content_reset(s->content);
}

void
session_begin(struct session *s, struct server *v, const struct peer *peer,
    int in, int out)
{
	*s = (struct session){ .server = v,
		.set = &v->set->smtpd,
		.io = &v->io,
		.envelope = &v->envelope,
		.content = &v->content,
		.peer = peer,
		.logins = { .auth = &v->auth,
		    .journal = &v->journal,
		    .service = AUTH_SMTP,
		    .failed_code = CODE_SMTP_LOGIN_FAILED,
		    .failed_ms = v->set->resolve.failed_login_ms,
		    .peer = peer,
		    .in = in } };
	empty_transaction(s);
	stream_again(s->io, in, out, s->set->data_timeout_ms);
}

/* Whence a phase is entered; a command's row forbids the rest. */
static const unsigned entered_from[PHASES] = {
	[PHASE_START] = IN(PHASE_START) | IN(PHASE_READY), /* TLS */
	[PHASE_READY] = ~IN(PHASE_OVER), /* EHLO, RSET, a message's end */
	[PHASE_AUTH] = IN(PHASE_READY),
	[PHASE_MAIL] = IN(PHASE_READY),
	[PHASE_RCPT] = IN(PHASE_MAIL) | IN(PHASE_RCPT),
	[PHASE_CONTENT] = IN(PHASE_RCPT),
	[PHASE_CHUNKS] = IN(PHASE_RCPT) | IN(PHASE_CHUNKS),
	[PHASE_OVER] = IN_ANY,
};

void
session_enter(struct session *s, enum phase phase)
{
	if (s->phase == PHASE_OVER)
		return;
	if ((entered_from[phase] & IN(s->phase)) == 0)
		abort(); /* a bug here: no client can cause it */
	if (phase == PHASE_READY || phase == PHASE_OVER)
		empty_transaction(s);
	s->phase = phase;
}

enum rule
session_order(const struct session *s, unsigned phases, enum rule other)
{
	if ((phases & IN(s->phase)) != 0)
		return RULE_NONE;
	switch (s->phase) {
	case PHASE_START:
		return RULE_ORDER_HELLO;
	case PHASE_READY:
		return RULE_ORDER_MAIL;
	case PHASE_CHUNKS:
		return RULE_ORDER_CHUNKS;
	default:
		return other;
	}
}
