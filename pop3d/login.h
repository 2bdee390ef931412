/* SPDX-License-Identifier: ISC */
/*
 * login.h: the AUTHORIZATION state (RFC 1939 4): who is it? Then the
 * conversation is handed over to pop3-session, and this process never reads an
 * octet of mail.
 */
#ifndef POP3D_LOGIN_H
#define POP3D_LOGIN_H

#include "journal.h"
#include "pop_window.h"
#include "serve.h"
#include "service.h"
#include "settings.h"
#include "stream.h"
#include "tls.h"
#include "trace.h"

struct login {
	const struct settings *settings;
	struct journal journal;
	struct trace trace;
	struct pop_window window; /* for smtpd: who logs in from where */
	struct service auth;
	/*
	 * Where nobody listens at run/pop3-session (a shell), one was started
	 * for our only session; else one is connected to at each login.
	 */
	struct service started;
	bool alone;
	/* fds 0 and 1 are not one socket (a pipe, a terminal): both are handed
	   over, and the session's end is waited for. */
	bool waits;
	struct stream stream; /* its buffers are kept between sessions */
	struct tls_server tls_server;
	bool begins_tls; /* each conversation does, with its first octet */
	struct tls tls; /* of the conversation in hand, when it has one */
};

/* Opens what logins need; before the sandbox. begins_tls: TLS from the first
   octet. Free with login_free(). */
enum outcome login_begin(struct login *, const struct settings *,
    bool begins_tls, struct fault *) MUST_USE;
void login_free(struct login *);

/* One conversation; arg is the struct login. For serve_sessions(). */
void login_session(void *arg, int in, int out, const struct peer *);

#endif
