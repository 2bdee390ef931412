/* SPDX-License-Identifier: ISC */
/* control.c: the supervisor's own answer to `pneu status`. */
#include "control.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

enum outcome
control_open(struct supervisor *s, struct fault *f)
{
	if (fds_listen_unix(CONTROL_PATH, &s->control_fd, f) != OK)
		return f->outcome;
	fds_set_nonblock(s->control_fd, true);
	return OK;
}

void
control_close(struct supervisor *s)
{
	if (s->control_fd == -1)
		return;
	(void)unlink(CONTROL_PATH);
	(void)close(s->control_fd);
	s->control_fd = -1;
}

static void
put_pids(struct record_out out, const struct pool *p)
{
	char text[1024];
	size_t n = 0;

	for (size_t i = 0; i < BOARD_SLOTS && n + 16 < sizeof(text); i++) {
		if (p->process[i].pid == 0)
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%ld",
		    n == 0 ? "" : ",", (long)p->process[i].pid);
	}
	if (n > 0)
		record_puts(out, "pids", text);
}

static uint64_t
oldest_process(const struct pool *p)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (p->process[i].pid != 0 && p->process[i].since_ms < first)
			first = p->process[i].since_ms;
	return first;
}

static enum outcome
put_pool(struct buf *b, const struct pool *p, uint64_t now_ms, struct fault *f)
{
	struct record_out out = record_begin(b, "service");
	uint64_t oldest = oldest_process(p);

	record_puts(out, "name", p->row->name);
	record_puts(out, "address",
	    p->listener != NULL        ? p->listener->address
	        : p->row->path != NULL ? p->row->path
	                               : "closed");
	record_puts(out, "kind",
	    pool_is_replaced(p) ? "replaced" : service_kind_name(p->row->kind));
	record_put_num(out, "generation", p->generation);
	if (p->retires)
		record_put_num(out, "retires", 1);
	record_put_num(out, "ready", p->ready);
	record_put_num(out, "live", p->live);
	record_put_num(out, "busy", pool_busy(p));
	record_put_num(out, "max", p->max);
	record_put_num(out, "served", pool_served(p));
	record_put_num(out, "refused",
	    p->refused + (p->board == NULL ? 0 : p->board->refused));
	record_put_num(out, "restarts", p->restarts);
	if (p->refusing || p->full_at_ms != 0)
		record_put_num(out, "full", 1);
	if (oldest != UINT64_MAX)
		record_put_num(out, "uptime", now_ms - oldest);
	put_pids(out, p);
	return record_end(out, f);
}

static enum outcome
put_all(struct buf *b, const struct supervisor *s, struct fault *f)
{
	struct record_out out = record_begin(b, "pneu");
	uint64_t now_ms = clock_mono_ms();
	int waiting = 0;

	(void)ioctl(s->fifo_fd, FIONREAD, &waiting);
	record_put_num(out, "pid", (uint64_t)getpid());
	record_put_num(out, "since", s->since_ms);
	record_put_num(out, "generation", s->generation);
	record_put_num(out, "ready", s->said_ready);
	record_put_num(out, "stopping", s->stopping);
	record_put_num(out, "fifo", (uint64_t)waiting);
	if (record_end(out, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < s->pools; i++)
		if (put_pool(b, s->pool[i], now_ms, f) != OK)
			return f->outcome;
	return record_end(record_begin(b, "end"), f);
}

/* One send, never waiting: who does not read it asks again. */
void
control_ready(struct supervisor *s)
{
	struct buf b = BUF_INIT(CONTROL_MAX);
	int room = CONTROL_MAX;
	struct fault f;
	int fd;

	fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (put_all(&b, s, &f) == OK)
		(void)!send(fd, b.p, b.len, MSG_NOSIGNAL);
	(void)close(fd);
	buf_free(&b);
}
