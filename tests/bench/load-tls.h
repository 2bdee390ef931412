/* SPDX-License-Identifier: ISC */
/*
 * load-tls.h: the connections of the load generators, plain or under TLS.
 *
 * The client believes every certificate: it is the server that is measured.
 * One suite and one group, so that all systems do the same arithmetic.
 */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include <openssl/ssl.h>
#include <sys/uio.h>

#include "load.h"

struct load_io {
	int fd; /* non-blocking; -1: closed */
	SSL *ssl; /* NULL: plain */
	bool shaking; /* the handshake is not over */
	SSL_SESSION *session; /* of the connection before */
};

/* Before the first load_tls_start(); with resume each connection goes on with
   the session of the one before it in the same struct load_io. */
void load_tls_begin(bool resume);
/* From here on it is under TLS, beginning with load_tls_shake(). */
void load_tls_start(struct load_io *);
/* 1: the handshake is over; 0: not yet; -1: it failed. */
int load_tls_shake(struct load_io *);
/* As read(2) and writev(2), one record at most. */
ssize_t load_read(struct load_io *, char *p, size_t room);
ssize_t load_writev(struct load_io *, const struct iovec *, int n);
void load_close(struct load_io *);
/* `,"full":..,"resumed":..,"tls":"version cipher"`; without TLS nothing. */
void load_tls_print(FILE *);

#endif
