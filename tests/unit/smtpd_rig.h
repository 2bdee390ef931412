/* SPDX-License-Identifier: ISC */
/* smtpd_rig.h: a session of that server, and a client that says lines to it. */
#ifndef TESTS_UNIT_SMTPD_RIG_H
#define TESTS_UNIT_SMTPD_RIG_H

#include "smtpd_stub.h"

struct rig {
	struct settings set;
	struct server server;
	struct session s;
	struct peer peer;
	int client;
	int pair[2];
	char got[65536];
};

static inline void
rig_setup(struct rig *r)
{
	stub_server_begin(&r->server, &r->set);
	r->set.smtpd.max_errors = r->set.smtpd.max_idle_commands = 1000000;
}

static inline void
rig_connect(struct rig *r)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, r->pair) != 0)
		abort();
	session_begin(&r->s, &r->server, &r->peer, r->pair[0], r->pair[0]);
	session_greet(&r->s);
}

/* What was said since the last time; the code of its last reply, or 0. */
static inline int
rig_reply(struct rig *r)
{
	struct fault f;
	ssize_t n;
	const char *line = r->got;
	int code = 0;

	(void)!stream_flush(&r->server.io, &f);
	n = recv(r->pair[1], r->got, sizeof(r->got) - 1, MSG_DONTWAIT);
	r->got[n < 0 ? 0 : n] = '\0';
	while (*line != '\0') {
		code = atoi(line);
		line = strchr(line, '\n');
		line = line == NULL ? "" : line + 1;
	}
	return code;
}

static inline int
rig_say(struct rig *r, const char *line, const char *body, size_t body_len)
{
	if (send(r->pair[1], line, strlen(line), 0) < 0 ||
	    send(r->pair[1], "\r\n", 2, 0) < 0 ||
	    (body_len > 0 && send(r->pair[1], body, body_len, 0) < 0))
		abort();
	(void)session_step(&r->s);
	return rig_reply(r);
}

/* Octets as they are, then one step; the code of what is said. */
static inline int
rig_say_raw(struct rig *r, struct span octets)
{
	if (send(r->pair[1], octets.p, octets.len, 0) < 0)
		abort();
	(void)session_step(&r->s);
	return rig_reply(r);
}

static inline void
rig_close(struct rig *r)
{
	session_end(&r->s);
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
}

/* To the message's content, in a new session. */
static inline void
rig_begin(struct rig *r)
{
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
}

/* One transaction more in the same session: the code of its end. */
static inline int
rig_message(struct rig *r, struct span body)
{
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	return rig_say(r, "DATA", body.p, body.len);
}

/* Who held a descriptor would end: not in the tests of what comes next. */
static inline void
rig_go_on(struct rig *r)
{
	rig_close(r);
	stub_close_file();
	serve_stopping = 0;
	r->server.submit.has_held = false;
}

#endif
