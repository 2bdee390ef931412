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

#define ACCEPTS_MAX 64 /* a round; so that others have their turn. Chosen */

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

/* Shall who comes be taken, if it stays so? Where there is nothing to say, he
   waits in the backlog. A crowd there would also be before all others while the
   pool grows. */
static bool
is_short(const struct pool *p)
{
	if (p->row->busy == NULL)
		return false;
	return p->room.giver == -1 ? is_full(p) : p->board->idle == 0;
}

void
accept_look(struct pool *p, uint64_t now_ms)
{
	uint64_t served = pool_served(p);

	if (p->retires)
		return;
	if (!is_short(p))
		p->full_at_ms = 0;
	else if (p->full_at_ms == 0 ||
	    (served != p->full_served && !room_has_silent(p, now_ms)))
		/* One was idle. */
		p->full_at_ms = now_ms +
		    (p->room.giver == -1 ? POOL_FULL_MS : p->patience_ms);
	p->full_served = served;
	p->refusing =
	    p->room.n > 0 || (p->full_at_ms != 0 && now_ms >= p->full_at_ms);
	if (p->board == NULL)
		return;
	if (p->board->idle > p->live) /* as no honest worker leaves it */
		p->board->idle = (uint32_t)pool_idle(p);
	p->board->wake = p->refusing;
	room_pass(p, p->refusing);
	room_look(p, now_ms);
	if (p->full_at_ms != 0 && is_full(p))
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

/* true: there may be another, for the room. */
static bool
accept_one(struct pool *p, uint64_t now_ms)
{
	struct fault f;
	int fd;

	fd = accept_now(p->listener->fd);
	if (fd == -1) {
		pause_after(p, errno, now_ms);
		return false;
	}
	if (p->refusing && p->room.giver != -1) {
		room_enter(p, fd, now_ms);
		return true;
	}
	if (p->refusing) {
		room_say_busy(p, fd);
	} else {
		if (pool_start(p, fd, now_ms, &f) != OK)
			prog_warn("%s: %s", p->row->name, f.text);
		(void)close(fd);
	}
	return false; /* is it full now? */
}

void
accept_ready(struct pool *p, uint64_t now_ms)
{
	accept_look(p, now_ms);
	if (!accept_wants(p, now_ms))
		return;
	for (size_t n = 0; n < ACCEPTS_MAX && accept_one(p, now_ms); n++)
		;
}
