/* SPDX-License-Identifier: ISC */
/*
 * relay.h: octets between a client under TLS and pop3-session, after the login:
 * the keys of the connection stay here, the mailbox there.
 */
#ifndef POP3D_RELAY_H
#define POP3D_RELAY_H

#include "tls.h"

/*
 * Until the session has ended, or cannot be told anything more; session: a
 * connected stream socket. The timeouts are the session's; what a client that
 * does not read holds up is ended by the socket's own.
 */
void relay_run(struct tls *, int session);

#endif
