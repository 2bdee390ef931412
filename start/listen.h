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
	const struct service_row *old_row; /* should a reload fail */
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

/*
 * The addresses of a service, in one form however they were written. *i is 0 at
 * first, then where to go on; false: there is none any more. Lines that
 * listen_check() would refuse are passed over.
 */
bool listen_next(const struct service_row *, const struct settings *, size_t *i,
    char out[LISTEN_ADDRESS_MAX]);

/*
 * Can all the addresses be listened on? Every `listen` that is no address and a
 * role, that this machine has no interface for, or that meets another, of any
 * service, is appended to errors with its line.
 */
void listen_check(const struct settings *, struct buf *errors);

/*
 * Open l->address for l->row. timeout_ms: SO_RCVTIMEO and SO_SNDTIMEO, which
 * accepted sockets inherit. shared: see listen_share(). PERM: cannot be bound;
 * the text says the address and what to do.
 */
enum outcome listen_open(struct listener *, bool shared, uint64_t timeout_ms,
    struct fault *) MUST_USE;
/*
 * A listener that goes does not keep a new one, opened as shared, from the same
 * port: [::1]:25 takes over from [::]:25. Only while the new one is opened.
 */
void listen_share(const struct listener *, bool on);
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
