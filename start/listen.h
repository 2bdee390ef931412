/* SPDX-License-Identifier: ISC */
/*
 * listen.h: the listening sockets, which outlive every process that serves
 * them, so that nobody is refused while one is replaced.
 */
#ifndef START_LISTEN_H
#define START_LISTEN_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "services.h"

#define LISTENERS_MAX      64 /* of one configuration. Chosen */
#define LISTEN_LINES_MAX   (LISTENERS_MAX + 1) /* the journal listens nowhere */
#define LISTEN_ADDRESS_MAX 256

/* Shared by the pools of one address, of this configuration and before. */
struct listener {
	const struct service_row *row; /* the first that wanted it */
	char address[LISTEN_ADDRESS_MAX]; /* "127.0.0.1:25", "run/resolve" */
	int fd; /* -1: not open yet */
	bool adopted; /* systemd's */
	unsigned users; /* the last one closes it */
};

union listen_address {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6; /* its port lies where that of in4 does */
	struct sockaddr_un un;
	struct sockaddr_storage room;
};

/*
 * "192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:25", "[::]:25"; numbers only,
 * for a start must not wait for a resolver. PERM 5.3.5: not such a text.
 */
enum outcome listen_parse(
    struct span, union listen_address *, struct fault *) MUST_USE;

/* Would the kernel refuse the second of them? */
bool listen_meet(union listen_address, union listen_address);

/* An address, and what stands behind it: `tls`, a role, in any order. */
struct listen_line {
	const struct service_row *row;
	union listen_address address; /* of TCP */
	bool tls; /* `tls`: from the first octet on */
	char text[LISTEN_ADDRESS_MAX]; /* in one form, however it was written */
};

/*
 * All addresses of a configuration, the FIFO's path among them; how many. Every
 * `listen` that is no address and a role, that this machine has no interface
 * for, or that meets another, of any service, is appended to errors with its
 * line; errors NULL: they are passed over, and the machine is not asked.
 */
size_t listen_list(const struct settings *,
    struct listen_line out[LISTEN_LINES_MAX], struct buf *errors);

/* Not open yet, and without a user. */
struct listener *listen_make(const struct service_row *, const char *address);
/* One user less, who forgets it; NULL already: nothing. */
void listen_drop(struct listener **);

/*
 * Open it. timeout_ms: SO_RCVTIMEO and SO_SNDTIMEO, which accepted sockets
 * inherit. shared: see listen_share(). PERM: cannot be bound; the text says the
 * address and what to do. TEMP: no descriptors or memory.
 */
enum outcome listen_open(struct listener *, bool shared, uint64_t timeout_ms,
    struct fault *) MUST_USE;
/*
 * A listener that goes does not keep a new one, opened as shared, from the same
 * port: [::1]:25 takes over from [::]:25. Only while the new one is opened.
 */
void listen_share(const struct listener *, bool on);

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
