/* SPDX-License-Identifier: ISC */
/*
 * passwd.h: a user changes his password, by the dialogue of poppassd(8):
 *
 *	200 ready		user bob@example.org
 *	300 send the password	pass OLD
 *	200 logged in		newpass NEW
 *	200 changed		quit
 *
 * and, with `name TEXT` and `phone TEXT` in the place of newpass, what the
 * directory says of him (ours; without TEXT it goes). 500 is any error. auth
 * says who it is, directory-self makes the change.
 */
#ifndef POP3D_PASSWD_H
#define POP3D_PASSWD_H

#include "journal.h"
#include "serve.h"
#include "service.h"
#include "settings.h"
#include "stream.h"
#include "tls.h"
#include "trace.h"

enum passwd_verb {
	PASSWD_USER,
	PASSWD_PASS,
	PASSWD_NEWPASS,
	PASSWD_NAME,
	PASSWD_PHONE,
	PASSWD_QUIT,
	PASSWD_UNKNOWN /* and their number */
};

struct passwd_command {
	enum passwd_verb verb; /* in upper or lower case */
	struct span argument; /* all behind one space; borrowed */
};
/* line: without its end. PASSWD_UNKNOWN, too: it has a control character, or is
   not UTF-8. */
struct passwd_command passwd_parse(struct span line);

struct passwd {
	const struct settings *settings;
	struct journal journal;
	struct trace trace;
	struct service auth, self; /* self: directory-self */
	struct stream stream; /* its buffers are kept between sessions */
	struct tls_server tls_server;
	bool begins_tls; /* each session does, with its first octet */
	struct tls tls; /* of the session in hand, when it has one */
};

/* Opens what sessions need; before the sandbox. Free with passwd_free(). */
enum outcome passwd_begin(struct passwd *, const struct settings *,
    bool begins_tls, struct fault *) MUST_USE;
void passwd_free(struct passwd *);

/* One session; arg is the struct passwd. For serve_sessions(). */
void passwd_session(void *arg, int in, int out, const struct peer *);

#endif
