/* SPDX-License-Identifier: ISC */
/*
 * tls.h: the server's side of TLS 1.2 and 1.3 (RFC 5246, 8446) over a stream.
 *
 * A process that serves has one struct tls_server; a session that is under TLS
 * has a struct tls, and others see it as a pointer (NULL: plain).
 */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include "stream.h"
#include "tls_server.h"

#define TLS_SUBJECT_MAX                                                        \
	255 /* octets of a client's subject that are kept. Ours */

/* One session's. */
struct tls {
	const struct tls_server *server;
	struct stream *io;
	SSL *ssl; /* NULL: there is no TLS */
	uint64_t deadline_ms; /* of the handshake; monotonic; 0: it is over */
	uint64_t waited_ms; /* for the client, in the handshake */
	bool may_wait; /* the layer's read has not waited for the peer yet */
	bool ended; /* the peer closed, with close_notify or without */
	struct fault fault; /* of the descriptors */
	struct buf *records; /* what is sent is collected; NULL: it is sent */
	/* Facts, when the handshake is over. */
	const char *version, *cipher; /* "TLSv1.3"; by IANA's name */
	char server_name[TLS_NAME_MAX +
	    1]; /* what the client asked for, or "" */
	/* Of a client certificate that could be verified, one printable line
	   (RFC 2253); or "". */
	char client[TLS_SUBJECT_MAX + 1];
	bool resumed;
};

/*
 * The handshake, after tls_server_look() said OK, and what was put into the
 * stream has been flushed. What was read before is forgotten. It ends by
 * [tls] handshake_timeout, or at once by SIGTERM.
 *
 * OK	the stream goes through TLS; end with tls_end()
 * TEMP	it failed, or its time is over: nothing can be said any more
 */
enum outcome tls_accept(struct tls *, struct tls_server *, struct stream *,
    struct fault *) MUST_USE;
/*
 * For who polls the descriptor himself. With is_readable it reads from there
 * once; without, only what has been read already. How many octets; 0: nothing
 * whole yet, or *ended; -1: the fault.
 */
ssize_t tls_read(struct tls *, char *p, size_t room, bool is_readable,
    bool *ended, struct fault *);
/*
 * close_notify, when the stream has been flushed, and back to the plain stream,
 * on which nothing may be said. Not begun, or ended already: nothing.
 */
void tls_end(struct tls *);

/* RFC 5056: what binds a login to this very connection. */
enum tls_binding {
	TLS_EXPORTER, /* "tls-exporter", RFC 9266; TLS 1.2: only with RFC 7627 */
	TLS_SERVER_END_POINT, /* "tls-server-end-point", RFC 5929 4 */
};
/* How many octets; 0: there is none of that kind (or no TLS: NULL). */
size_t tls_get_binding(
    const struct tls *, enum tls_binding, unsigned char out[TLS_BINDING_MAX]);

#endif
