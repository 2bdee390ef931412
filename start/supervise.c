/* SPDX-License-Identifier: ISC */
/* supervise.c: the loop: signals, deaths, starts, stops. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "control.h"
#include "fds.h"
#include "limit.h"
#include "lockouts.h"
#include "pop_window.h"
#include "trace.h"
#include "prog.h"
#include "share.h"
#include "users.h"
#include "wire_auth.h"
#include "wire_tls.h"

/* Descriptors of the supervisor itself; half of them for who waits. Chosen */
#define NOFILE_WANTED 16384

/* ---- setting up ---- */

/*
 * Read in the loop is every signal that would end the process, but those of its
 * own faults and those that a write tells itself. The last row ends nobody.
 */
static enum outcome
open_signals(struct supervisor *s, struct fault *f)
{
	static const int left[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
		SIGSYS, SIGTRAP, SIGPIPE, SIGXFSZ, /* and */
		SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH };
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		(void)sigdelset(&set, left[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "signalfd");
	return OK;
}

/* Its readers cannot write it: their descriptor is another one. Without it
   there are no tickets, and changed certificates come with a reload. */
static void
open_tls_memory(struct pool_ground *g)
{
	char path[48];

	g->tls_fd = memfd_create("pneu-tls", MFD_CLOEXEC);
	if (g->tls_fd == -1 ||
	    ftruncate(g->tls_fd, sizeof(struct tls_shared)) != 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", g->tls_fd);
	g->tls_read_fd = open(path, O_RDONLY | O_CLOEXEC);
}

/* A file, so that a restart forgets nobody. Without it there are no windows. */
static void
open_window(struct pool_ground *g)
{
	g->window_read_fd = -1;
	g->window_fd = open(
	    POP_WINDOW_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (g->window_fd == -1 ||
	    ftruncate(g->window_fd, (off_t)POP_WINDOW_OCTETS) != 0 ||
	    !fds_take_room(g->window_fd, POP_WINDOW_OCTETS)) {
		prog_warn(
		    "no POP windows: " POP_WINDOW_PATH ": %s", strerror(errno));
		fds_close(&g->window_fd);
		return;
	}
	g->window_read_fd =
	    open(POP_WINDOW_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Only an end for writing: while nobody reads, writers see it. */
static void
open_trace(struct pool_ground *g)
{
	struct fault f = FAULT_NONE;
	int both = -1;

	g->trace_fd = -1;
	if (listen_fifo(TRACE_PATH, &both, &f) == OK)
		g->trace_fd = open(
		    TRACE_PATH, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	else
		prog_warn("no traces: %s", f.text);
	fds_close(&both);
}

static enum outcome
set_up(struct supervisor *s, struct fault *f)
{
	struct pool_ground *g = &s->ground;
	int bell[2];

	/* Room for every listener and bell; children get their own limit. */
	g->waiting_max = fds_raise_limit(NOFILE_WANTED) / 2;
	/* Without it each auth process remembers for itself. */
	g->cache_fd = memfd_create("pneu-logins", MFD_CLOEXEC);
	/* A file, so that a restart lets nobody in again. */
	g->lockouts_fd = open(
	    LOCKOUTS_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	open_tls_memory(g);
	if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "pipe");
	g->bell_fd = bell[0];
	g->rope_fd = bell[1];
	if (auth_ticket_draw_key(&g->key_fd, f) != OK ||
	    open_signals(s, f) != OK || lock_take(&s->lock_fd, f) != OK ||
	    listen_fifo("run/journal", &s->fifo_fd, f) != OK)
		return f->outcome;
	order_begin(s);
	if (reload_take(s, f) != OK ||
	    (s->settings.pneu.users == USERS_SEPARATE &&
	        share_fifo(s->fifo_fd, f) != OK) ||
	    control_open(s, f) != OK)
		return f->outcome;
	open_trace(g);
	open_window(g); /* ours: the lock is taken */
	g->limits_fd = limits_make();
	if (g->limits_fd == -1)
		prog_warn("[limit] limits nobody: " LIMITS_PATH ": %s",
		    strerror(errno));
	journal_open(&g->journal, "pneu");
	return OK;
}

/* What others see; the end of the process lets go of the rest, the lock last. */
static void
tear_down(struct supervisor *s)
{
	while (s->pools > 0)
		pool_free(s->pool[--s->pools]);
	control_close(s);
	journal_close(&s->ground.journal);
	if (s->generation > 0) { /* its copy, and those of before */
		s->generation = 0;
		reload_clean(s);
	}
	config_free(&s->settings);
}

/* ---- pools ---- */

/* Is an older one of this row still at work, of before a reload or an order? */
static bool
has_elder(const struct supervisor *s, const struct pool *p)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->row == p->row && s->pool[i]->live > 0 &&
		    s->pool[i] != p &&
		    (s->pool[i]->retires ||
		        s->pool[i]->generation < p->generation))
			return true;
	return false;
}

static void
drop_retired(struct supervisor *s)
{
	size_t kept = 0, had = s->pools;

	for (size_t i = 0; i < s->pools; i++) {
		if (s->pool[i]->retires && s->pool[i]->live == 0 &&
		    !s->stopping)
			pool_free(s->pool[i]);
		else
			s->pool[kept++] = s->pool[i];
	}
	s->pools = kept;
	if (kept < had)
		reload_clean(s);
}

static void
look_after(struct supervisor *s, struct pool *p, uint64_t now_ms)
{
	pool_kill_late(p, now_ms);
	if (p->row->start > s->phase || s->stopping)
		return;
	if (!p->row->alone || !has_elder(s, p))
		pool_fill(p, now_ms);
	accept_look(p, now_ms);
}

/* ---- deaths ---- */

static void
bury(struct supervisor *s, uint64_t now_ms)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (ready_buried(s, pid, status))
			continue;
		for (size_t i = 0; i < s->pools; i++)
			if (pool_buried(s->pool[i], pid, status, now_ms))
				break;
	}
}

/* ---- the loop ---- */

static void
take_signals(struct supervisor *s, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			stop_begin(s, now_ms);
			break;
		case SIGQUIT:
			stop_hurry(s, now_ms);
			break;
		case SIGHUP:
			if (!s->stopping)
				reload(s, now_ms);
			break;
		case SIGUSR1:
			s->ordered = true;
			break;
		case SIGCHLD: /* perhaps for several */
			break;
		default:
			prog_warn(
			    "signal %u (%s) from pid %u is ignored: "
			    "SIGTERM stops, SIGHUP reloads, SIGUSR1 looks "
			    "at what shall run",
			    info.ssi_signo, strsignal((int)info.ssi_signo),
			    info.ssi_pid);
			break;
		}
	}
	bury(s, now_ms);
}

struct polled {
	struct pollfd fd[3 + 3 * POOLS_MAX];
	nfds_t n;
};

static void
watch(struct polled *r, int fd)
{
	if (fd != -1)
		r->fd[r->n++] = (struct pollfd){ fd, POLLIN, 0 };
}

static bool
is_up(const struct polled *r, int fd)
{
	nfds_t i = 0;

	while (i < r->n && r->fd[i].fd != fd)
		i++;
	return i < r->n && r->fd[i].revents != 0;
}

static void
watch_all(const struct supervisor *s, struct polled *r, uint64_t now_ms)
{
	r->n = 0;
	watch(r, s->signal_fd);
	watch(r, s->ground.bell_fd);
	if (now_ms >= s->ground.pause_until_ms)
		watch(r, s->control_fd);
	for (size_t i = 0; i < s->pools; i++) {
		const struct pool *p = s->pool[i];

		if (!p->retires)
			watch(r, p->ready_fd);
		if (!p->leader.ready)
			watch(r, p->leader.fd);
		if (p->row->start <= s->phase && accept_wants(p, now_ms))
			watch(r, p->listener->fd);
	}
}

static int
wait_ms(const struct supervisor *s, uint64_t now_ms)
{
	uint64_t first =
	    s->stopping && s->tidy != 0 ? s->kill_tidy_ms : UINT64_MAX;

	if (s->ground.pause_until_ms > now_ms &&
	    s->ground.pause_until_ms < first)
		first = s->ground.pause_until_ms;
	for (size_t i = 0; i < s->pools; i++) {
		uint64_t at = pool_deadline(s->pool[i], s->stopping);

		if (at < first && s->pool[i]->row->start <= s->phase)
			first = at;
	}
	if (first == UINT64_MAX)
		return -1;
	if (first <= now_ms)
		return 0;
	return first - now_ms > 60000 ? 60000 : (int)(first - now_ms);
}

static void
handle(struct supervisor *s, const struct polled *r, uint64_t now_ms)
{
	char rings[512];

	for (size_t i = 0; i < s->pools; i++) {
		struct pool *p = s->pool[i];

		if (is_up(r, p->ready_fd))
			ready_event(p);
		if (!p->leader.ready && is_up(r, p->leader.fd))
			leader_event(&p->leader);
		if (p->listener != NULL && is_up(r, p->listener->fd))
			accept_ready(p, now_ms);
	}
	if (is_up(r, s->ground.bell_fd)) /* look_after() does what is wanted */
		(void)!read(s->ground.bell_fd, rings, sizeof(rings));
	if (is_up(r, s->control_fd))
		control_ready(s, now_ms);
	if (is_up(r, s->signal_fd)) /* last: it may free pools */
		take_signals(s, now_ms);
}

static void
loop(struct supervisor *s)
{
	struct polled r;
	uint64_t now_ms = clock_mono_ms();

	for (;;) {
		drop_retired(s);
		if (!s->stopping)
			ready_advance(s);
		order_advance(s, now_ms);
		for (size_t i = 0; i < s->pools; i++)
			look_after(s, s->pool[i], now_ms);
		if (s->trouble.outcome != OK)
			stop_begin(s, now_ms);
		if (s->stopping && stop_advance(s, now_ms))
			return;
		watch_all(s, &r, now_ms);
		if (poll(r.fd, r.n, wait_ms(s, now_ms)) < 0 && errno != EINTR)
			abort();
		now_ms = clock_mono_ms();
		handle(s, &r, now_ms);
	}
}

enum outcome
supervise(struct fault *f)
{
	struct supervisor s = { .signal_fd = -1,
		.lock_fd = -1,
		.control_fd = -1,
		.fifo_fd = -1,
		.since_ms = clock_wall_ms(),
		.ground = { .key_fd = -1,
		    .cache_fd = -1,
		    .lockouts_fd = -1,
		    .tls_fd = -1,
		    .tls_read_fd = -1,
		    .bell_fd = -1,
		    .rope_fd = -1,
		    .journal = { .fd = -1,
		        .pending = BUF_INIT(JOURNAL_PENDING_MAX) } } };

	if (set_up(&s, f) == OK) {
		loop(&s);
		*f = s.trouble;
	}
	tear_down(&s);
	return f->outcome;
}
