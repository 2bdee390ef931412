/* SPDX-License-Identifier: ISC */
/* pool.c: how many processes, and what their deaths mean. */
#include "pool.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codes.h"
#include "fds.h"
#include "mem.h"
#include "prog.h"

static uint64_t
at_least_one(uint64_t n)
{
	return n == 0 ? 1 : n > BOARD_SLOTS ? BOARD_SLOTS : n;
}

/* The memory that a pool and its workers share. */
static bool
make_board(struct pool *p)
{
	void *map = MAP_FAILED;

	p->board_fd = memfd_create("pneu-board", MFD_CLOEXEC);
	if (p->board_fd != -1 &&
	    ftruncate(p->board_fd, sizeof(struct board)) == 0)
		map = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		    MAP_SHARED, p->board_fd, 0);
	if (map == MAP_FAILED)
		return false;
	p->board = map;
	p->board->seed = randombytes_random();
	return true;
}

static void
set_numbers(struct pool *p, const struct settings *s)
{
	const struct service_settings *v = service_settings_of(p->row, s);

	p->max = at_least_one(service_max(p->row, s));
	p->start =
	    p->row->kind == SERVICE_POOL ? at_least_one(v->start) : p->max;
	p->min_idle = v->min_idle;
	if (p->row->path == NULL)
		memcpy(&p->timeout_ms, (const char *)s + p->row->timeout,
		    sizeof(p->timeout_ms));
	p->add = at_least_one(v->add);
	p->program = service_replacement(p->row, s);
	p->replaced = p->program != NULL && p->row->kind != SERVICE_JOURNAL;
	p->ready = p->replaced; /* it runs when a connection comes */
	p->patience_ms = s->pneu.patience_ms;
	p->drain_ms = s->pneu.drain_ms;
	p->restart_min_ms = s->pneu.restart_min_ms;
	p->restart_max_ms = s->pneu.restart_max_ms;
	p->backoff_ms = p->restart_min_ms;
}

struct pool *
pool_make(const struct service_row *row, struct listener *listener,
    const struct settings *s, uint64_t generation, struct pool_ground *ground)
{
	struct pool *p = mem_new(1, sizeof(*p));

	p->row = row;
	p->ground = ground;
	p->listener = listener;
	if (listener != NULL)
		listener->users++;
	p->generation = generation;
	p->board_fd = p->ready_fd = p->ready_end = p->leader.fd = -1;
	p->room.giver = p->room.taker = -1;
	set_numbers(p, s);
	if (row->kind == SERVICE_POOL && !p->replaced &&
	    (!make_board(p) ||
	        (row->path == NULL && !room_open(p, s->pneu.waiting)))) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void
pool_free(struct pool *p)
{
	if (p->board != NULL)
		(void)munmap(p->board, sizeof(*p->board));
	room_close(p);
	free(p->room.place);
	fds_close(&p->room.giver);
	fds_close(&p->room.taker);
	fds_close(&p->board_fd);
	fds_close(&p->ready_fd);
	fds_close(&p->ready_end);
	leader_end(&p->leader);
	listen_drop(&p->listener);
	free(p);
}

size_t
pool_busy(const struct pool *p)
{
	size_t busy = 0;

	if (p->board == NULL)
		return p->replaced ? p->live : 0;
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (p->process[i].pid != 0 && p->board->slot[i].busy != 0)
			busy++;
	return busy;
}

size_t
pool_idle(const struct pool *p)
{
	size_t idle = 0;

	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (p->process[i].pid != 0 && p->board->slot[i].waits != 0)
			idle++;
	return idle;
}

static void
signal_all(struct pool *p, int signal_number)
{
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (p->process[i].pid != 0)
			(void)kill(p->process[i].pid, signal_number);
}

uint64_t
pool_served(const struct pool *p)
{
	return p->board == NULL ? p->ended : p->board->served;
}

/* How many are missing: idle ones first, never above max. */
static size_t
missing(const struct pool *p)
{
	size_t idle = p->live - pool_busy(p), live = p->live;

	if (p->row->kind != SERVICE_POOL)
		return p->max > p->live ? p->max - p->live : 0;
	if (live < p->start) {
		idle += p->start - live;
		live = p->start;
	}
	/* One that starts counts as idle: no bell rings when it arrives. */
	while (idle < p->min_idle && live < p->max) {
		idle += p->add;
		live += p->add;
	}
	return (live > p->max ? p->max : live) - p->live;
}

static void
push_back(struct pool *p, uint64_t now_ms)
{
	p->not_before_ms = now_ms + p->backoff_ms;
	p->backoff_ms *= 2;
	if (p->backoff_ms > p->restart_max_ms)
		p->backoff_ms = p->restart_max_ms;
}

void
pool_fill(struct pool *p, uint64_t now_ms)
{
	struct fault f = FAULT_NONE;

	if (p->retires || p->replaced || now_ms < p->not_before_ms)
		return;
	for (size_t n = missing(p); n > 0; n--)
		if (!pool_can_start(p, now_ms, &f) ||
		    pool_start(p, -1, now_ms, &f) != OK)
			break;
	if (f.outcome != OK) {
		prog_warn("%s: %s", p->row->name, f.text);
		push_back(p, now_ms);
	}
}

static void
tell_death(const struct pool *p, pid_t pid, int status)
{
	struct journal *j = &p->ground->journal;
	struct record_out out = journal_begin(j, CODE_DIED, NULL);

	record_puts(out, "service", p->row->name);
	record_put_num(out, "child", (uint64_t)pid);
	if (WIFSIGNALED(status)) {
		record_put_num(out, "signal", (uint64_t)WTERMSIG(status));
		prog_warn("%s (pid %ld) was killed by signal %d, %s",
		    p->row->name, (long)pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	} else {
		record_put_num(out, "code", (uint64_t)WEXITSTATUS(status));
		prog_warn("%s (pid %ld) ended with %d", p->row->name, (long)pid,
		    WEXITSTATUS(status));
	}
	journal_end(j, out);
	journal_flush(j);
}

/* What a dead worker had written of itself on the board. Had it a session? */
static bool
clear_slot(struct board *board, struct board_slot *b)
{
	bool had_session = b->busy != 0 || b->sessions != 0;

	if (b->waits != 0)
		board->idle--;
	if (b->busy != 0)
		board->served++;
	b->busy = b->waits = b->address = 0;
	b->silent_ms = 0;
	return had_session;
}

/* A worker ends by its share, a replacement with its connection; the
   supervisor's signal may come before a young process has its handlers. */
static bool
is_end_wanted(const struct pool *p, int status)
{
	if (WIFSIGNALED(status))
		return p->retires &&
		    (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGHUP);
	return WEXITSTATUS(status) == OK &&
	    (p->board != NULL || p->replaced || p->retires);
}

/* A death that nobody wanted: the next start waits. A worker that died in a
   session may have been killed by its client: a client must not be able to
   stretch the pause until nobody serves. */
static void
start_anew(struct pool *p, bool is_new_cause, uint64_t now_ms)
{
	if (is_new_cause)
		p->backoff_ms = p->restart_min_ms;
	push_back(p, now_ms);
	p->restarts++;
}

/* It never ends by itself. */
static void
leader_buried(struct pool *p, pid_t pid, int status, uint64_t now_ms)
{
	p->leader.pid = 0;
	leader_end(&p->leader);
	tell_death(p, pid, status);
	start_anew(p, now_ms - p->leader_since_ms >= POOL_GOOD_MS, now_ms);
}

bool
pool_buried(struct pool *p, pid_t pid, int status, uint64_t now_ms)
{
	bool had_session = false;
	size_t i = pool_slot(p, pid);

	if (pid == p->leader.pid) {
		leader_buried(p, pid, status, now_ms);
		return true;
	}
	if (i == BOARD_SLOTS)
		return false;
	p->process[i].pid = 0;
	p->live--;
	p->ended++;
	if (p->board != NULL)
		had_session = clear_slot(p->board, &p->board->slot[i]);
	if (!p->retires && p->board == NULL && !p->replaced)
		p->ready = false;
	if (is_end_wanted(p, status))
		return true;
	tell_death(p, pid, status);
	if (p->retires || p->replaced)
		return true;
	if (WIFSIGNALED(status))
		leader_end(&p->leader); /* leader.h says why */
	start_anew(p,
	    had_session || now_ms - p->process[i].since_ms >= POOL_GOOD_MS,
	    now_ms);
	return true;
}

static void
end(struct pool *p, int signal_number, uint64_t kill_at_ms)
{
	p->retires = true;
	p->full_at_ms = p->not_before_ms = 0;
	p->refusing = false;
	room_close(p);
	p->told = signal_number != 0;
	if (p->told)
		signal_all(p, signal_number);
	p->kill_at_ms = kill_at_ms;
	leader_end(&p->leader);
	/* After telling: a worker asks itself why accept() failed. */
	listen_drop(&p->listener);
}

void
pool_retire(struct pool *p, uint64_t now_ms)
{
	if (p->replaced)
		end(p, 0, 0); /* each one ends with its connection */
	else if (p->board != NULL)
		end(p, SIGHUP, 0);
	else
		end(p, SIGTERM, now_ms + p->drain_ms);
}

void
pool_stop(struct pool *p, uint64_t kill_at_ms)
{
	end(p, p->row->kind == SERVICE_JOURNAL ? 0 : SIGTERM, kill_at_ms);
}

void
pool_kill_late(struct pool *p, uint64_t now_ms)
{
	if (p->kill_at_ms == 0 || now_ms < p->kill_at_ms)
		return;
	p->kill_at_ms = 0;
	if (p->live == 0)
		return;
	/* Somebody may hold the FIFO open: the journal gets the word now that
	   others got at first. */
	if (!p->told) {
		p->told = true;
		p->kill_at_ms = now_ms + POOL_LAST_MS;
		signal_all(p, SIGTERM);
		return;
	}
	prog_warn("%s did not end in time: SIGKILL", p->row->name);
	signal_all(p, SIGKILL);
}

static uint64_t
earlier(uint64_t first, uint64_t at_ms)
{
	return at_ms != 0 && at_ms < first ? at_ms : first;
}

uint64_t
pool_deadline(const struct pool *p, bool stopping)
{
	uint64_t first = earlier(UINT64_MAX, p->kill_at_ms);

	first = earlier(first, p->room.look_ms);
	if (stopping)
		return first;
	if (!p->retires && !p->replaced && missing(p) > 0 &&
	    (p->leader.pid == 0 || p->leader.ready))
		first = earlier(first, p->not_before_ms);
	return p->refusing ? first : earlier(first, p->full_at_ms);
}
