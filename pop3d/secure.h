/* SPDX-License-Identifier: ISC */
/* secure.h: a conversation goes on under TLS. */
#ifndef POP3D_SECURE_H
#define POP3D_SECURE_H

#include "journal.h"
#include "tls.h"

/* The handshake, now, of a stream that goes through TLS from then on; end with
   tls_end(). False: it failed, which is in the journal, and nothing can be said
   any more. ip: the client's. */
bool secure_begin(struct tls *, struct tls_server *, struct stream *,
    struct journal *, const char *ip);

#endif
