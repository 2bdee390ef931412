/* SPDX-License-Identifier: ISC */
/* accept.c: connections that the supervisor takes itself. */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "prog.h"

/* A signal begins the wait of a pressed session anew: not before it is over. */
#define PRESS_MS (SERVE_PRESS_MS + 1000)

/*
 * The listener is shared with workers that shall block in accept(), so it is
 * non-blocking for this call alone: one of them may have taken what poll() saw.
 * One that calls meanwhile hears EAGAIN, as after the listener's deadline, and
 * waits again.
 */
static int
accept_now(int listener)
{
	int flags = fcntl(listener, F_GETFL), fd, error;

	(void)fcntl(listener, F_SETFL, flags | O_NONBLOCK);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	(void)fcntl(listener, F_SETFL, flags);
	errno = error;
	return fd;
}

/* One that starts, or has ended and is not buried yet, is not busy: it or its
   successor takes what waits. */
static bool
is_full(const struct pool *p)
{
	return p->live >= p->max &&
	    (p->board == NULL || pool_busy(p) == p->live);
}

void
accept_look(struct pool *p, uint64_t now_ms)
{
	uint64_t served = pool_served(p);

	if (p->retires)
		return;
	/* Where there is nothing to say, who comes waits in the backlog. */
	if (p->row->busy == NULL || !is_full(p))
		p->full_at_ms = 0;
	else if (p->full_at_ms == 0 || served != p->full_served)
		p->full_at_ms = now_ms + POOL_FULL_MS; /* one was idle */
	p->full_served = served;
	p->refusing = p->full_at_ms != 0 && now_ms >= p->full_at_ms;
	if (p->board == NULL)
		return;
	p->board->wake = p->refusing;
	if (p->full_at_ms != 0)
		p->board->min_idle = 0; /* the clock, or wake, tells */
	else if (p->live >= p->max)
		p->board->min_idle = 1; /* only: the last one went busy */
	else
		p->board->min_idle = (uint32_t)p->min_idle;
}

bool
accept_wants(const struct pool *p, uint64_t now_ms)
{
	if (p->listener == NULL || now_ms < p->ground->pause_until_ms)
		return false; /* retired, or a lack that may pass */
	return p->refusing || (p->replaced && p->live < p->max);
}

/* EMFILE and its like leave the connection where it is: poll() would spin. */
static void
pause_after(struct pool *p, int error, uint64_t now_ms)
{
	if (error == EAGAIN || error == ECONNABORTED)
		return; /* another one took it, or it went away */
	prog_warn("%s: accept on %s: %s; next try in %d ms", p->row->name,
	    p->listener->address, strerror(error), POOL_PAUSE_MS);
	p->ground->pause_until_ms = now_ms + POOL_PAUSE_MS;
}

static void
say_busy(struct pool *p, int fd)
{
	char rest[512];

	(void)!send(fd, p->row->busy, strlen(p->row->busy),
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* Unread octets would turn the close into a reset, and the text is lost. */
	(void)!recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	p->refused++;
}

/* 0: it is in no session, or its client has no address. */
static uint32_t
address_of(const struct pool *p, size_t i)
{
	const struct board_slot *b = &p->board->slot[i];

	return p->process[i].pid != 0 && b->busy != 0 ? b->address : 0;
}

/*
 * Somebody was turned away: where one address has more than half of the
 * sessions, SIGUSR1 to those.
 */
static void
press(struct pool *p, uint64_t now_ms)
{
	if (p->board == NULL || now_ms < p->press_ms)
		return;
	p->press_ms = now_ms + PRESS_MS;
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		uint32_t address = address_of(p, i);
		size_t n = 0;

		for (size_t j = 0; address != 0 && j < BOARD_SLOTS; j++)
			n += address_of(p, j) == address;
		if (2 * n > p->live)
			(void)kill(p->process[i].pid, SIGUSR1);
	}
}

void
accept_ready(struct pool *p, uint64_t now_ms)
{
	struct fault f;
	int fd;

	accept_look(p, now_ms);
	if (!accept_wants(p, now_ms))
		return;
	fd = accept_now(p->listener->fd);
	if (fd == -1) {
		pause_after(p, errno, now_ms);
	} else if (p->refusing) {
		say_busy(p, fd);
		press(p, now_ms);
	} else if (pool_start(p, fd, now_ms, &f) != OK) {
		prog_warn("%s: %s", p->row->name, f.text);
	}
	fds_close(&fd);
}
