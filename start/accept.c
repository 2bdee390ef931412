/* SPDX-License-Identifier: ISC */
/* accept.c: connections that the supervisor takes itself. */
#include "pool.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fds.h"
#include "prog.h"

#define ACCEPT_US 5000 /* longest wait of an accept() that lost. Chosen */
/* A signal begins the wait of a pressed session anew: not before it is over. */
#define PRESS_MS (SERVE_PRESS_MS + 1000)

static void
on_alarm(int number)
{
	(void)number; /* only there to interrupt */
}

void
accept_prepare(void)
{
	/* without SA_RESTART: it must interrupt */
	struct sigaction a = { .sa_handler = on_alarm };

	(void)sigaction(SIGALRM, &a, NULL);
}

static void
set_alarm(suseconds_t us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/*
 * The listener is shared with workers that shall block in accept(), so it
 * cannot be non-blocking here alone; and one of them may have taken what
 * poll() saw. An alarm that comes again and again ends the wait.
 */
static int
accept_soon(int listener)
{
	int fd, error;

	set_alarm(ACCEPT_US);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	set_alarm(0);
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

	if (p->pause_until_ms != 0 && now_ms >= p->pause_until_ms)
		p->pause_until_ms = 0;
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
	if (p->retires || p->listener == NULL || now_ms < p->pause_until_ms)
		return false;
	return p->refusing || (p->replaced && p->live < p->max);
}

/* EMFILE and its like leave the connection where it is: poll() would spin. */
static void
pause_after(struct pool *p, int error, uint64_t now_ms)
{
	switch (error) {
	case EINTR:
	case EAGAIN:
	case ECONNABORTED:
		break; /* another one took it, or it went away */
	default:
		prog_warn("%s: accept on %s: %s; next try in %d ms",
		    p->row->name, p->listener->address, strerror(error),
		    POOL_PAUSE_MS);
		p->pause_until_ms = now_ms + POOL_PAUSE_MS;
	}
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
	fd = accept_soon(p->listener->fd);
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
