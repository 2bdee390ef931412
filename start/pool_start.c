/* SPDX-License-Identifier: ISC */
/* pool_start.c: one process of a pool, and the descriptors that it gets. */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "lists.h"
#include "limit.h"
#include "lockouts.h"
#include "pop_window.h"
#include "spawn.h"
#include "trace.h"
#include "wire_auth.h"
#include "wire_tls.h"

char *
pool_config(uint64_t generation, char out[POOL_CONFIG_MAX])
{
	(void)snprintf(out, POOL_CONFIG_MAX, "run/" PROG_RUNNING "%llu",
	    (unsigned long long)generation);
	return out;
}

char *
pool_lists(uint64_t generation, char out[POOL_CONFIG_MAX])
{
	(void)snprintf(out, POOL_CONFIG_MAX, LISTS_RUNNING "%llu",
	    (unsigned long long)generation);
	return out;
}

size_t
pool_slot(const struct pool *p, pid_t pid)
{
	size_t i = 0;

	while (i < BOARD_SLOTS && p->process[i].pid != pid)
		i++;
	return i;
}

/* An operator's program does not know of it. */
static enum outcome
make_ready(struct pool *p, struct fault *f)
{
	int ends[2];

	if (p->ready || p->program != NULL || p->ready_fd != -1)
		return OK;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "pipe");
	p->ready_fd = ends[0];
	p->ready_end = ends[1];
	return OK;
}

static void
give_board(struct spawn *s, struct pool *p)
{
	if (p->board == NULL)
		return;
	spawn_give(s, SERVE_ENV_BOARD, p->board_fd);
	spawn_give(s, SERVE_ENV_BOARD_EVENT, p->ground->rope_fd);
	spawn_give(s, SERVE_ENV_PASSED, p->room.taker);
}

#define ARGS_MAX 9

static void
fill_arguments(
    const struct pool *p, const char *config, const char *argv[ARGS_MAX])
{
	size_t n = 0;

	argv[n++] = p->row->program;
	argv[n++] = "-C";
	argv[n++] = ".";
	argv[n++] = "-c";
	argv[n++] = config;
	if (p->row->role != NULL) {
		argv[n++] = "-r";
		argv[n++] = p->row->role;
	}
	if (p->tls)
		argv[n++] = "--tls";
	argv[n] = NULL;
}

/* A replacement is started bare: its path, and the connection. */
static enum outcome
start_as(struct pool *p, struct spawn *s, pid_t *pid, struct fault *f)
{
	char config[POOL_CONFIG_MAX];
	const char *argv[ARGS_MAX];

	fill_arguments(p, pool_config(p->generation, config), argv);
	if (make_ready(p, f) != OK)
		return f->outcome;
	s->argv = argv;
	if (p->program != NULL) {
		s->program = argv[0] = p->program;
		argv[1] = NULL;
	}
	s->who = p->separate ? &p->who : NULL;
	s->nofile = p->row->nofile;
	s->replaced = p->replaced;
	if (p->row->key && !p->replaced)
		spawn_give(s, AUTH_KEY_ENV, p->ground->key_fd);
	if (p->row->cache && !p->replaced) {
		spawn_give(s, AUTH_CACHE_ENV, p->ground->cache_fd);
		spawn_give(s, LOCKOUTS_ENV, p->ground->lockouts_fd);
	}
	if (p->row->tls != MEMORY_NONE && !p->replaced)
		spawn_give(s, TLS_SHARED_ENV,
		    p->row->tls == MEMORY_WRITE ? p->ground->tls_fd
		                                : p->ground->tls_read_fd);
	if (p->row->window != MEMORY_NONE && !p->replaced)
		spawn_give(s, POP_WINDOW_ENV,
		    p->row->window == MEMORY_WRITE ? p->ground->window_fd
		                                   : p->ground->window_read_fd);
	if (p->row->limits && !p->replaced)
		spawn_give(s, LIMITS_ENV, p->ground->limits_fd);
	if (p->row->traced && !p->replaced)
		spawn_give(s, TRACE_ENV, p->ground->trace_fd);
	spawn_give(s, SERVE_ENV_READY, p->ready_end);
	return pid == NULL ? leader_start(&p->leader, s, f)
	                   : spawn_start(s, pid, f);
}

/* It gets what its workers get, but no slot of the board. */
static enum outcome
start_leader(struct pool *p, struct fault *f)
{
	struct spawn s = { .in = p->listener->fd, .out = -1 };

	give_board(&s, p);
	return start_as(p, &s, NULL, f);
}

/* A process on the pool's listener. */
static enum outcome
start_there(struct pool *p, size_t slot, struct fault *f)
{
	struct spawn s = { .in = p->listener->fd, .out = -1 };
	pid_t *pid = &p->process[slot].pid;

	if (p->board != NULL)
		memset(&p->board->slot[slot], 0, sizeof(p->board->slot[slot]));
	if (p->row->leads)
		return leader_fork(&p->leader, slot, pid, f);
	give_board(&s, p);
	if (p->board != NULL)
		spawn_tell(&s, SERVE_ENV_SLOT, (int)slot);
	return start_as(p, &s, pid, f);
}

/* The reader of the FIFO: with a position and flags of its own. */
static enum outcome
start_reader(struct pool *p, size_t slot, struct fault *f)
{
	struct spawn s = { .out = -1 };

	s.in = open(p->row->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s.in == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "open %s", p->row->path);
	(void)fcntl(s.in, F_SETFL, 0); /* as a shell would give it */
	(void)!start_as(p, &s, &p->process[slot].pid, f);
	fds_close(&s.in);
	return f->outcome;
}

/* An operator's program, on one connection. */
static enum outcome
start_with(struct pool *p, int connection, size_t slot, struct fault *f)
{
	struct spawn s = { .in = connection, .out = connection };

	return start_as(p, &s, &p->process[slot].pid, f);
}

bool
pool_can_start(struct pool *p, uint64_t now_ms, struct fault *f)
{
	if (!p->row->leads || p->leader.ready)
		return true;
	f->outcome = OK;
	if (p->leader.pid == 0 && start_leader(p, f) == OK)
		p->leader_since_ms = now_ms;
	return false;
}

enum outcome
pool_start(struct pool *p, int connection, uint64_t now_ms, struct fault *f)
{
	size_t slot = pool_slot(p, 0);
	enum outcome got;

	f->outcome = OK;
	if (slot == BOARD_SLOTS)
		return fault_set(f, TEMP, "4.3.0", 0, "no slot is free");
	got = connection != -1    ? start_with(p, connection, slot, f)
	    : p->listener != NULL ? start_there(p, slot, f)
	                          : start_reader(p, slot, f);
	if (got == OK) {
		p->process[slot].since_ms = now_ms;
		p->live++;
		p->ready |= p->program != NULL; /* it says nothing */
	}
	return got;
}
