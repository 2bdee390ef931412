/* SPDX-License-Identifier: ISC */
/* tell.c: hints to queue-run. */
#include "tell.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

void
tell_begin(struct tell *t)
{
	*t = (struct tell){ .fd = -1, .pending = BUF_INIT(TELL_PENDING_MAX) };
}

static void
drop_connection(struct tell *t)
{
	fds_close(&t->fd);
	buf_reset(&t->pending);
	t->owes_look = true;
}

void
tell_end(struct tell *t)
{
	drop_connection(t);
	buf_free(&t->pending);
}

/* A full backlog counts as not there: EAGAIN, and we never wait. */
void
tell_connect(struct tell *t)
{
	static const struct sockaddr_un to = { .sun_family = AF_UNIX,
		.sun_path = TELL_SOCKET };
	uint64_t now;

	if (t->fd != -1 || (now = clock_mono_ms()) < t->next_ms)
		return;
	t->next_ms = now + TELL_RETRY_MS;
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd != -1 &&
	    connect(t->fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		(void)close(t->fd);
		t->fd = -1;
	}
}

/* What it takes; false when the connection is gone. */
static bool
push(struct tell *t)
{
	ssize_t n;

	if (t->pending.len == 0)
		return true;
	do
		n = send(t->fd, t->pending.p, t->pending.len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN;
	buf_drop(&t->pending, (size_t)n);
	return true;
}

/* Lines behind what waits; those that find no room become a `look`. */
static void
add_lines(struct tell *t, struct span lines)
{
	if (t->owes_look) {
		buf_adds(&t->pending, "look\n");
		t->owes_look = buf_failed(&t->pending);
	}
	buf_add(&t->pending, lines);
	if (buf_failed(&t->pending))
		t->owes_look = true;
	buf_undo(&t->pending, t->pending.len);
}

void
tell_send(struct tell *t, struct span lines)
{
	bool tried = t->fd == -1;

	tell_connect(t);
	for (;;) {
		if (t->fd == -1) {
			t->owes_look = t->owes_look || lines.len > 0;
			return;
		}
		add_lines(t, lines);
		if (push(t))
			return;
		/* A new queue-run lists in/ by itself, but may be there
		   already: it is told to look. */
		drop_connection(t);
		if (tried)
			return;
		tried = true;
		lines = SPAN_EMPTY;
		tell_connect(t);
	}
}

bool
tell_is_owing(const struct tell *t)
{
	return t->owes_look || t->pending.len > 0;
}
