/* SPDX-License-Identifier: ISC */
/* session.h: one SMTP session, from its greeting to its end. */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "state.h"

void session_begin(
    struct session *, struct server *, const struct peer *, int in, int out);
void session_greet(struct session *);
/* Take and answer one command; false when the session is over. */
bool session_step(struct session *);
void session_end(struct session *);
/* All of it: for lib/serve, with a struct server. */
void session_serve(void *server, int in, int out, const struct peer *);

#endif
