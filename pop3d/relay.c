/* SPDX-License-Identifier: ISC */
/* relay.c: octets both ways. */
#include "relay.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"

struct direction {
	int from, to;
	char octets[PIPE_BUF]; /* what a writable pipe takes without waiting */
	size_t at, len;
	bool ended;
};

/* What this direction waits for: octets to carry, or room for them. */
static void
want(const struct direction *d, struct pollfd *p)
{
	bool full = d->at < d->len;

	p->fd = d->ended ? -1 : full ? d->to : d->from;
	p->events = full ? POLLOUT : POLLIN;
	p->revents = 0;
}

/* One read or one write. False: this direction is over. */
static bool
carry(struct direction *d)
{
	ssize_t n;

	if (d->at < d->len) {
		n = write(d->to, d->octets + d->at, d->len - d->at);
		if (n > 0)
			d->at += (size_t)n;
		return n > 0 || errno == EINTR || errno == EAGAIN;
	}
	n = read(d->from, d->octets, sizeof(d->octets));
	if (n > 0) {
		d->at = 0;
		d->len = (size_t)n;
	}
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

void
relay_octets(int in, int out, int socket)
{
	struct direction to_session = { .from = in, .to = socket };
	struct direction to_client = { .from = socket, .to = out };
	struct pollfd p[2];

	/* Neither direction may hold up the other: the socket never waits. */
	fds_set_nonblock(socket, true);
	while (!to_client.ended) {
		want(&to_session, &p[0]);
		want(&to_client, &p[1]);
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (p[0].revents != 0 && !carry(&to_session)) {
			to_session.ended = true;
			(void)shutdown(socket, SHUT_WR);
		}
		if (p[1].revents != 0 && !carry(&to_client))
			to_client.ended = true;
	}
}
