/* SPDX-License-Identifier: ISC */
/* supervise.c: the loop: signals, deaths, starts, stops. */
#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accept.h"
#include "clock.h"
#include "config.h"
#include "control.h"
#include "listeners.h"
#include "lock.h"
#include "prog.h"
#include "ready.h"
#include "reload.h"
#include "snapshot.h"
#include "stop.h"

#define POLL_MAX      (2 + 3 * POOLS_MAX)
#define NOFILE_WANTED 4096 /* descriptors of the supervisor itself. Ours */

/* ---- setting up ---- */

/*
 * Read in the loop is every signal that would end the process, but those of its
 * own faults, those that a write tells itself, and that of the alarm in
 * accept.c, which must interrupt. The last row ends nobody.
 */
static enum outcome
open_signals(struct supervisor *s, struct fault *f)
{
	static const int left[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
		SIGSYS, SIGTRAP, SIGPIPE, SIGXFSZ, SIGALRM, /* and */
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

/* Room for every listener and bell; children get their own limit. */
static void
raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur =
	    limit.rlim_max < NOFILE_WANTED ? limit.rlim_max : NOFILE_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum outcome
set_up(struct supervisor *s, struct fault *f)
{
	raise_nofile();
	accept_prepare();
	randombytes_buf(s->key, sizeof(s->key));
	if (open_signals(s, f) != OK || lock_take(&s->lock_fd, f) != OK ||
	    snapshot_take(&s->settings, s->generation, s->snapshot,
	        sizeof(s->snapshot), f) != OK ||
	    listen_fifo("run/journal", &s->fifo_fd, f) != OK ||
	    listeners_open(s, &s->settings, f) != OK ||
	    control_open(s, f) != OK)
		return f->outcome;
	journal_open(&s->journal, "pneu");
	snapshot_clean(s);
	return reload_make_pools(
	    s, &s->settings, s->snapshot, s->generation, f);
}

static void
tear_down(struct supervisor *s)
{
	for (size_t i = 0; i < s->pools; i++)
		pool_free(s->pool[i]);
	for (size_t i = 0; i < s->listeners; i++)
		s->listener[i]->wanted = false;
	s->pools = 0;
	listeners_drop(s);
	control_close(s);
	journal_close(&s->journal);
	if (s->fifo_fd != -1)
		(void)close(s->fifo_fd);
	if (s->signal_fd != -1)
		(void)close(s->signal_fd);
	if (s->snapshot[0] != '\0')
		(void)unlink(s->snapshot);
	sodium_memzero(s->key, sizeof(s->key));
	if (s->ground.cache_fd != -1)
		(void)close(s->ground.cache_fd);
	config_free(&s->settings);
	lock_release(&s->lock_fd);
}

/* ---- pools ---- */

/* Is an older generation of this row still at work? */
static bool
has_elder(const struct supervisor *s, const struct pool *p)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->row == p->row && s->pool[i]->live > 0 &&
		    s->pool[i]->generation < p->generation)
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
		snapshot_clean(s);
}

static void
look_after(struct supervisor *s, struct pool *p, uint64_t now_ms)
{
	if (p->kill_at_ms != 0 && now_ms >= p->kill_at_ms) {
		prog_warn("%s did not end in time: SIGKILL", p->row->name);
		pool_signal(p, SIGKILL);
		p->kill_at_ms = 0;
	}
	if (p->row->start > s->phase || s->stopping)
		return;
	if (!p->row->alone || !has_elder(s, p))
		pool_fill(p, &s->ground, now_ms);
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
			if (pool_buried(
			        s->pool[i], &s->ground, pid, status, now_ms))
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
		case SIGQUIT:
			stop_begin(s, now_ms);
			break;
		case SIGHUP:
			if (!s->stopping)
				reload(s, now_ms);
			break;
		case SIGCHLD: /* perhaps for several */
			break;
		default:
			prog_warn("signal %u (%s) from pid %u is ignored: "
			          "SIGTERM stops, SIGHUP reloads",
			    info.ssi_signo, strsignal((int)info.ssi_signo),
			    info.ssi_pid);
			break;
		}
	}
	bury(s, now_ms);
}

/* What each polled descriptor is; the pool's own three come in this order. */
enum polled { POLLED_BELL, POLLED_READY, POLLED_LISTENER };

struct round {
	struct pollfd fd[POLL_MAX];
	struct {
		struct pool *pool;
		enum polled what;
	} of[POLL_MAX];
	size_t n;
};

static void
watch(struct round *r, int fd, struct pool *p, enum polled what)
{
	if (fd == -1)
		return;
	r->fd[r->n] = (struct pollfd){ fd, POLLIN, 0 };
	r->of[r->n].pool = p;
	r->of[r->n].what = what;
	r->n++;
}

static void
watch_all(struct supervisor *s, struct round *r, uint64_t now_ms)
{
	r->n = 0;
	watch(r, s->signal_fd, NULL, POLLED_BELL);
	watch(r, s->control_fd, NULL, POLLED_BELL);
	if (now_ms < s->control_pause_ms)
		r->fd[1].events = 0;
	for (size_t i = 0; i < s->pools; i++) {
		struct pool *p = s->pool[i];

		if (p->retires)
			continue;
		watch(r, p->event_fd, p, POLLED_BELL);
		watch(r, ready_poll_fd(p), p, POLLED_READY);
		if (p->row->start <= s->phase && accept_wants(p, now_ms))
			watch(r, p->listener->fd, p, POLLED_LISTENER);
	}
}

static int
wait_ms(const struct supervisor *s, uint64_t now_ms)
{
	uint64_t first =
	    s->stopping ? s->stop_at_ms : ready_deadline(s, now_ms);

	if (s->control_pause_ms > now_ms && s->control_pause_ms < first)
		first = s->control_pause_ms;
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
handle(struct supervisor *s, struct round *r, uint64_t now_ms)
{
	for (size_t i = 2; i < r->n; i++) {
		struct pool *p = r->of[i].pool;
		eventfd_t n;

		if (r->fd[i].revents == 0)
			continue;
		switch (r->of[i].what) {
		case POLLED_BELL:
			(void)eventfd_read(p->event_fd, &n);
			break; /* look_after() does what it rang for */
		case POLLED_READY:
			ready_event(p);
			break;
		case POLLED_LISTENER:
			accept_ready(p, &s->ground, now_ms);
			break;
		}
	}
	if (r->fd[1].revents != 0)
		control_ready(s, now_ms);
	if (r->fd[0].revents != 0) /* last: it may free pools */
		take_signals(s, now_ms);
}

static void
loop(struct supervisor *s)
{
	struct round r;
	uint64_t now_ms = clock_mono_ms();

	for (;;) {
		drop_retired(s);
		if (!s->stopping)
			ready_advance(s);
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
	struct supervisor s;

	memset(&s, 0, sizeof(s));
	s.signal_fd = s.lock_fd = s.control_fd = s.fifo_fd = -1;
	s.journal.fd = -1;
	s.journal.pending = BUF_INIT(JOURNAL_PENDING_MAX);
	s.generation = 1;
	s.since_ms = clock_wall_ms();
	s.ground.key = s.key;
	/* Without it each auth process remembers for itself. */
	s.ground.cache_fd = memfd_create("pneu-logins", MFD_CLOEXEC);
	s.ground.journal = &s.journal;
	s.trouble = FAULT_NONE;
	if (set_up(&s, f) == OK) {
		loop(&s);
		*f = s.trouble;
	}
	tear_down(&s);
	return f->outcome;
}
