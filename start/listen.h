/* SPDX-License-Identifier: ISC */
/*
 * listen.h: the listening sockets, which outlive every process that serves
 * them, so that nobody is refused while one is replaced.
 */
#ifndef START_LISTEN_H
#define START_LISTEN_H

#include <sys/socket.h>

#include "services.h"

#define LISTENERS_MAX      64 /* of one configuration. Ours */
#define LISTEN_ADDRESS_MAX 256

struct listener {
	const struct service_row *row;
	char address[LISTEN_ADDRESS_MAX]; /* "127.0.0.1:25", "run/resolve" */
	int fd;
	bool adopted; /* systemd's */
	bool wanted; /* by the newest configuration */
};

/*
 * "192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:25", "[::]:25"; numbers only,
 * for a start must not wait for a resolver. PERM 5.3.5: not such a text.
 */
enum outcome listen_parse(struct span, struct sockaddr_storage *,
    socklen_t *len, struct fault *) MUST_USE;

/* Is every address to listen on one, and of one service? The table of settings
   cannot tell: what is not is appended to errors, with its line. */
void listen_check(const struct settings *, struct buf *errors);

/*
 * Open l->address for l->row. timeout_ms: SO_RCVTIMEO and SO_SNDTIMEO, which
 * accepted sockets inherit. PERM: cannot be bound; the text says the address
 * and what to do.
 */
enum outcome listen_open(
    struct listener *, uint64_t timeout_ms, struct fault *) MUST_USE;
void listen_close(struct listener *);

/* The FIFO run/journal: made when missing; both ends in one descriptor. */
enum outcome listen_fifo(const char *path, int *fd, struct fault *) MUST_USE;

/*
 * systemd's sockets (LISTEN_FDS, LISTEN_PID): each is matched by its address
 * to one of the n listeners, which then need not be opened. PERM: one of them
 * is no service's; the text names it.
 */
enum outcome listen_adopt(
    struct listener *const l[], size_t n, struct fault *) MUST_USE;

#endif
