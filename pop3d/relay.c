/* SPDX-License-Identifier: ISC */
/*
 * relay.c: octets between a client under TLS and pop3-session.
 *
 * What the session says is written to the client at once, and may wait there;
 * what the client says never waits for the session, which may itself wait until
 * its answer has been taken from here. Each direction ends by itself.
 */
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "serve.h"

/* Octets of the session read at once: what a flush of the stream takes. */
#define DOWN_MAX (STREAM_OUT_MAX - 1)
#define UP_MAX   16384 /* octets of the client that wait: one record */
/* A signal between a look and poll() is noticed after so long. */
#define SLICE_MS SERVE_KNOWN_MS

struct relay {
	struct tls *tls;
	int session;
	bool up_ended, down_ended;
	bool may_have_more; /* of the client, read already */
	size_t from, to; /* of up, what waits */
	char up[UP_MAX];
	char down[DOWN_MAX];
};

/* ---- From the client to the session. ---- */

static void
take_from_client(struct relay *r, bool is_readable)
{
	bool ended = false;
	struct fault f;
	ssize_t n =
	    tls_read(r->tls, r->up, sizeof(r->up), is_readable, &ended, &f);

	r->from = 0;
	r->to = n > 0 ? (size_t)n : 0;
	r->may_have_more = n > 0;
	r->up_ended |= n < 0 || ended;
}

static void
give_to_session(struct relay *r)
{
	ssize_t n = r->from == r->to
	    ? 0
	    : send(r->session, r->up + r->from, r->to - r->from,
	          MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0) {
		r->from += (size_t)n;
	} else if (errno != EAGAIN && errno != EINTR) {
		r->up_ended = true; /* its end is read below */
		r->from = r->to;
	}
}

/* As much as both take without waiting. True: all was given. */
static bool
go_up(struct relay *r, bool is_readable)
{
	for (;;) {
		give_to_session(r);
		if (r->from < r->to)
			return false;
		if (r->up_ended || (!is_readable && !r->may_have_more))
			return true;
		take_from_client(r, is_readable);
		is_readable = false;
	}
}

/* ---- From the session to the client. ---- */

static void
go_down(struct relay *r)
{
	struct stream *io = r->tls->io;
	struct fault f;
	ssize_t n = recv(r->session, r->down, sizeof(r->down), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 ||
	    stream_put(io, (struct span){ r->down, (size_t)n }, &f) != OK ||
	    stream_flush(io, &f) != OK)
		r->down_ended = true;
}

/* ---- Both. ---- */

/* False: it waited in vain while others wait for a worker. */
static bool
wait_for_both(struct relay *r, bool all_given, struct pollfd p[2])
{
	bool ended;
	int n;

	p[0] = (struct pollfd){ r->up_ended || !all_given ? -1 : r->tls->io->in,
		POLLIN, 0 };
	p[1] = (struct pollfd){ r->session,
		all_given ? POLLIN : POLLIN | POLLOUT, 0 };
	serve_waits(clock_mono_ms() + SERVE_KNOWN_MS);
	n = poll(p, 2, SLICE_MS);
	ended = n <= 0 && serve_longest_ms() < SERVE_DRAIN_MS;
	serve_waits(0);
	if (n <= 0)
		p[0].revents = p[1].revents = 0;
	return !ended;
}

void
relay_run(struct tls *tls, int session)
{
	static struct relay r; /* too large for a stack; one a process */
	struct pollfd p[2];
	bool all_given, was_ended = false;

	r.tls = tls;
	r.session = session;
	r.up_ended = r.down_ended = false;
	r.from = r.to = 0;
	r.may_have_more = true;
	all_given = go_up(&r, false);
	while (!r.down_ended && wait_for_both(&r, all_given, p)) {
		all_given = go_up(&r, (p[0].revents & ~POLLOUT) != 0);
		if (all_given && r.up_ended && !was_ended)
			was_ended = shutdown(session, SHUT_WR) == 0;
		if ((p[1].revents & ~POLLOUT) != 0)
			go_down(&r);
	}
	/* Mail and commands have passed through here. */
	explicit_bzero(r.up, sizeof(r.up));
	explicit_bzero(r.down, sizeof(r.down));
}
