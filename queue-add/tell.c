/* SPDX-License-Identifier: ISC */
/* tell.c: hints to queue-run. */
#include "tell.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fds.h"

/* queue-run, which says nothing here, closes when it has read the end, and
   lists in/ after that; or it died, and the next one did not know of us. */
static bool
is_open(const struct tell *t)
{
	char octet;

	return recv(t->fd, &octet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* A full backlog counts as not there: EAGAIN, and nothing waits here. */
void
tell_connect(struct tell *t)
{
	static const struct sockaddr_un to = { .sun_family = AF_UNIX,
		.sun_path = TELL_SOCKET };

	if (t->fd != -1 && is_open(t))
		return;
	fds_close(&t->fd);
	t->is_ended = false;
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd != -1 &&
	    connect(t->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		fds_close(&t->fd);
}

void
tell_send(struct tell *t, struct span lines)
{
	/* Whom we know may be gone, and the next one may have listed in/. */
	for (int tries = 2; tries > 0; tries--) {
		ssize_t n;

		tell_connect(t);
		if (t->fd == -1 || t->owes_look) {
			tell_look(t);
			return;
		}
		if (t->is_ended)
			return;
		do
			n = send(t->fd, lines.p, lines.len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n == (ssize_t)lines.len)
			return;
		if (n >= 0 || errno == EAGAIN) {
			(void)shutdown(t->fd, SHUT_WR);
			t->is_ended = true;
			return;
		}
		fds_close(&t->fd);
	}
}

void
tell_look(struct tell *t)
{
	tell_connect(t);
	t->owes_look = t->fd == -1;
	if (!t->is_ended)
		fds_close(&t->fd);
}
