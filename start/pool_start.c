/* SPDX-License-Identifier: ISC */
/* pool_start.c: one process of a pool, and the descriptors that it gets. */
#include "pool_start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fds.h"
#include "prog.h"
#include "spawn.h"
#include "wire_auth.h"

static size_t
free_slot(const struct pool *p)
{
	size_t i = 0;

	while (i < BOARD_SLOTS && p->process[i].pid != 0)
		i++;
	return i;
}

/* The key on a descriptor of its own: a read moves a shared position. */
static int
key_fd(const struct pool *p, const struct pool_ground *ground)
{
	int fd;

	if (!p->row->key || p->replaced)
		return -1;
	fd = memfd_create("pneu-key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || write(fd, ground->key, AUTH_KEY_LEN) != AUTH_KEY_LEN ||
	    lseek(fd, 0, SEEK_SET) != 0)
		prog_warn("%s starts without the key of tickets: %s",
		    p->row->name, strerror(errno));
	else
		(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
}

/* The end that the child writes its newline to; the other is p->ready_fd. */
static int
ready_fd(struct pool *p)
{
	int ends[2];

	if (!p->row->ready || p->replaced)
		return -1;
	fds_close(&p->ready_fd);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	p->ready_fd = ends[0];
	return ends[1];
}

static enum outcome
start_in(struct pool *p, const struct pool_ground *ground, struct spawn *s,
    size_t slot, uint64_t now_ms, struct fault *f)
{
	const char *argv[] = { service_program(p->row), "-C", ".", "-c",
		p->config, p->row->role == NULL ? NULL : "-r", p->row->role,
		NULL };
	int key = key_fd(p, ground), ready = ready_fd(p);

	s->argv = argv;
	if (p->program != NULL) {
		s->program = argv[0] = p->program;
		argv[1] = NULL;
	}
	s->nofile = p->row->nofile;
	s->replaced = p->replaced;
	spawn_give(s, AUTH_KEY_ENV, key);
	if (p->row->cache && key != -1)
		spawn_give(s, AUTH_CACHE_ENV, ground->cache_fd);
	spawn_give(s, SERVE_ENV_READY, ready);
	if (spawn_start(s, &p->process[slot].pid, f) != OK)
		p->process[slot].pid = 0;
	else
		p->live++;
	p->process[slot].since_ms = now_ms;
	fds_close(&key);
	fds_close(&ready);
	return f->outcome;
}

/* fd 0 of a reader of the FIFO: its own position and flags. */
static int
fifo_reader(const struct pool *p)
{
	return open(p->row->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

enum outcome
pool_start(struct pool *p, const struct pool_ground *ground, uint64_t now_ms,
    struct fault *f)
{
	struct spawn s = { .in = -1, .out = -1, .slot = -1 };
	size_t slot = free_slot(p);
	int fifo = -1;

	f->outcome = OK;
	if (slot == BOARD_SLOTS)
		return fault_set(f, TEMP, "4.3.0", 0, "no slot is free");
	if (p->listener != NULL) {
		s.in = p->listener->fd;
	} else {
		s.in = fifo = fifo_reader(p);
		if (fifo == -1)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "open %s", p->row->path);
		(void)fcntl(fifo, F_SETFL, 0); /* as a shell would give it */
	}
	if (p->board != NULL) {
		memset(&p->board->slot[slot], 0, sizeof(p->board->slot[slot]));
		s.slot = (int)slot;
		spawn_give(&s, SERVE_ENV_BOARD, p->board_fd);
		spawn_give(&s, SERVE_ENV_BOARD_EVENT, p->event_fd);
	}
	(void)start_in(p, ground, &s, slot, now_ms, f);
	fds_close(&fifo);
	return f->outcome;
}

enum outcome
pool_start_on(struct pool *p, const struct pool_ground *ground, int fd,
    uint64_t now_ms, struct fault *f)
{
	struct spawn s = { .in = fd, .out = fd, .slot = -1 };
	size_t slot = free_slot(p);

	f->outcome = OK;
	if (slot == BOARD_SLOTS)
		return fault_set(f, TEMP, "4.3.0", 0, "no slot is free");
	return start_in(p, ground, &s, slot, now_ms, f);
}
