/* SPDX-License-Identifier: ISC */
/* pool.c: forked ahead of need, each for one login. */
#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "serve.h"

#define PAUSE_MS 200 /* after fork() or accept() lacked something. Ours */

enum { PLACE_FREE, PLACE_IDLE, PLACE_BUSY };

/* Shared with the children: no system call says who is idle. */
struct board_of_logins {
	_Atomic uint32_t idle;
	_Atomic bool shut; /* the listener is none any more: nobody will come */
	_Atomic uint8_t place[POOL_PROCESSES_MAX];
};

struct parent {
	const struct pool *pool;
	struct board_of_logins *board;
	int event; /* written by a child when too few are idle */
	pid_t pid[POOL_PROCESSES_MAX];
	size_t alive, places;
	sigset_t waiting; /* the signals that may come, while we wait only */
	bool lacking; /* fork() failed: not at once again */
};

/* ---- A child ---- */

static int
wait_for_login(struct board_of_logins *board)
{
	int fd;

	serve_interrupt(FD_IN, -1);
	while (!serve_stopping && !serve_reloading) {
		fd = accept4(FD_IN, NULL, NULL, SOCK_CLOEXEC);
		if (fd != -1)
			return fd;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			(void)poll(NULL, 0, PAUSE_MS);
		else if (errno == EAGAIN) {
			struct pollfd p = { FD_IN, POLLIN, 0 };

			(void)poll(&p, 1, -1);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			/* A signal replaces it too, see serve_interrupt(). */
			board->shut = !serve_stopping && !serve_reloading;
			break;
		}
	}
	return -1;
}

static void
run_child(struct parent *p, size_t place)
{
	static const uint64_t one = 1;
	uint32_t left;
	int fd;

	/*
	 * When the parent dies, who waits ends and who is in a session stays in
	 * it. A stop is the parent's SIGTERM.
	 */
	(void)prctl(PR_SET_PDEATHSIG, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &p->waiting, NULL);
	fd = wait_for_login(p->board);
	p->board->place[place] = PLACE_BUSY;
	left = --p->board->idle;
	if (fd == -1)
		return;
	if (left < p->pool->min_idle)
		(void)!write(p->event, &one, sizeof(one));
	p->pool->serve(p->pool->arg, fd);
}

/* ---- The parent ---- */

static void
start_one(struct parent *p)
{
	size_t place = 0;
	pid_t pid;

	while (place < p->places && p->board->place[place] != PLACE_FREE)
		place++;
	if (place == p->places)
		p->places++;
	p->board->place[place] = PLACE_IDLE;
	p->board->idle++;
	pid = fork();
	if (pid == 0) {
		run_child(p, place);
		_exit(OK);
	}
	if (pid == -1) {
		p->board->idle--;
		p->board->place[place] = PLACE_FREE;
		p->lacking = true;
		return;
	}
	p->pid[place] = pid;
	p->alive++;
}

static void
bury(struct parent *p)
{
	pid_t pid;
	int status;

	while (p->alive > 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t place = 0;

		while (place < p->places && p->pid[place] != pid)
			place++;
		if (place == p->places)
			continue;
		/* One that was killed while it waited could not count down. */
		if (p->board->place[place] == PLACE_IDLE)
			p->board->idle--;
		/* Whatever killed it may kill the next one: not at once. */
		if (!WIFEXITED(status))
			p->lacking = true;
		p->board->place[place] = PLACE_FREE;
		p->pid[place] = 0;
		p->alive--;
	}
}

static void
signal_all(const struct parent *p, int signal)
{
	for (size_t i = 0; i < p->places; i++)
		if (p->pid[i] != 0)
			(void)kill(p->pid[i], signal);
}

/* All are at work: whoever comes is told so, and does not wait in the dark. */
static void
refuse_one(const struct parent *p)
{
	int fd = accept4(FD_IN, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1)
		return;
	p->pool->refuse(p->pool->arg, fd);
	(void)close(fd);
}

static void
wait_for_change(struct parent *p)
{
	struct timespec pause = { 0, PAUSE_MS * 1000000L };
	bool full = p->alive >= p->pool->max;
	struct pollfd fds[2] = { { p->event, POLLIN, 0 },
		{ full && !p->board->shut && p->board->idle == 0 ? FD_IN : -1,
		    POLLIN, 0 } };
	uint64_t n;

	if (ppoll(fds, 2, p->lacking ? &pause : NULL, &p->waiting) > 0) {
		if (fds[0].revents != 0)
			(void)!read(p->event, &n, sizeof(n));
		else if (fds[1].revents != 0 && p->board->idle == 0)
			refuse_one(p);
	}
	p->lacking = false;
}

static void
on_child(int signal)
{
	(void)signal;
}

static enum outcome
prepare(struct parent *p, struct fault *f)
{
	struct sigaction a = { .sa_handler = on_child,
		.sa_flags = SA_NOCLDSTOP };
	sigset_t block;

	p->board = mmap(NULL, sizeof(*p->board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->board == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, "pool");
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "pool");
	serve_signals();
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTERM);
	(void)sigaddset(&block, SIGHUP);
	(void)sigaddset(&block, SIGCHLD);
	/* They come in ppoll() only: none is lost between look and wait. */
	if (sigprocmask(SIG_BLOCK, &block, &p->waiting) != 0 ||
	    sigaction(SIGCHLD, &a, NULL) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "pool");
	(void)sigdelset(&p->waiting, SIGTERM);
	(void)sigdelset(&p->waiting, SIGHUP);
	(void)sigdelset(&p->waiting, SIGCHLD);
	return OK;
}

enum outcome
pool_run(const struct pool *pool, struct fault *f)
{
	static struct parent p;

	p.pool = pool;
	if (prepare(&p, f) != OK)
		return f->outcome;
	while (!serve_stopping && !serve_reloading) {
		bury(&p);
		if (p.board->shut && p.alive == 0)
			return OK;
		if (!p.board->shut && p.board->idle < pool->min_idle)
			while (!p.lacking && p.board->idle < pool->start &&
			    p.alive < pool->max)
				start_one(&p);
		wait_for_change(&p);
	}
	if (!serve_stopping)
		return OK; /* our death is a SIGHUP for those who wait */
	signal_all(&p, SIGTERM);
	for (bury(&p); p.alive > 0; bury(&p)) {
		p.lacking = true;
		wait_for_change(&p);
	}
	return OK;
}
