/* SPDX-License-Identifier: ISC */
/*
 * service.h: client of a line service.
 *
 * service_open() connects to run/<name>; without a socket there it starts the
 * program (`program =` of the section [<name>], else the one beside the caller's)
 * on a socketpair, before the caller's sandbox closes, so that
 * `smtpd < session` works with no daemon. Requests are records, answers come
 * in order.
 */
#ifndef LIB_SERVICE_H
#define LIB_SERVICE_H

#include <poll.h>
#include <sys/types.h>

#include "buf.h"

struct service {
	const char *name;
	int fd; /* -1: not open */
	pid_t child; /* started by service_open(); 0: none */
	const char
	    *argument; /* set after service_begin(): for the program when it
				 is started here; NULL: none */
	bool own; /* set after service_begin(): a child, whoever listens */
	uint64_t timeout_ms;
	struct buf in, out;
	size_t at; /* consumed octets of in */
	bool readable; /* service_look(): pull */
	int received_fd; /* came with the last octets; -1: none. Caller takes */
	/* Set before an answer that may bring a descriptor (`write` of
	   queue-add): only then is recvmsg() used, promise recvfd. */
	bool takes_fd;
};

#define SERVICE_TIMEOUT_MS 60000 /* ours: then the peer counts as dead */

void service_begin(struct service *, const char *name, uint64_t timeout_ms);
/* TEMP 4.3.0: neither a socket nor a program. Open already: OK. */
enum outcome service_open(struct service *, struct fault *) MUST_USE;
/* And wait for the end of a child that was started, timeout_ms at most (0: for ever). */
void service_close(struct service *);
void service_free(struct service *); /* the same, and its buffers */

/*
 * Waiting use. Send the requests, wait for one line each. With again set, a
 * peer that went away before it answered is opened and asked once more (for
 * `resolve` and `auth`; `add` never). *line is dead at the next call.
 * An answer more than was asked for ends the connection before the next question.
 * TEMP 4.3.0: dead, silent for timeout_ms, or no line. Whoever finds that the
 * line is no answer to the question (EPROTO) closes: what follows would be none
 * to the next.
 */
enum outcome service_ask(struct service *, struct span request, bool again,
    struct span *line, struct fault *) MUST_USE;
/* Only send (all of it), only wait for the next line. */
enum outcome service_send(
    struct service *, struct span, struct fault *) MUST_USE;
enum outcome service_line(
    struct service *, struct span *line, struct fault *) MUST_USE;

/*
 * Use inside a poll loop, never waiting. Put requests into s->out, then
 * service_push() writes what the socket takes; service_pull() reads what is
 * there; service_next() gives lines until false. TEMP: the peer is gone.
 */
enum outcome service_push(struct service *, struct fault *) MUST_USE;
enum outcome service_pull(struct service *, struct fault *) MUST_USE;
bool service_next(struct service *, struct span *line);
/* What poll() is to wait for: so many are set, none when it is not open. */
size_t service_poll(const struct service *, struct pollfd *);
/* Among what poll() says: is there something to pull, or its end? */
void service_look(struct service *, const struct pollfd *, size_t n);

#endif
