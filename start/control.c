/* SPDX-License-Identifier: ISC */
/* control.c: the supervisor's own answer to `pneu status`. */
#include "control.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

#define ANSWER_MS 5000 /* the supervisor answers at once, or it hangs. Ours */

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

/* When the first and the last of its processes began; 0: it has none. */
static void
find_ages(const struct pool *p, uint64_t *first, uint64_t *last)
{
	*first = *last = 0;
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		uint64_t since = p->process[i].since_ms;

		if (p->process[i].pid == 0)
			continue;
		*first = *first == 0 || since < *first ? since : *first;
		*last = since > *last ? since : *last;
	}
}

/* A pause that was doubled twice is of deaths in a row. */
static const char *
state_of(const struct pool *p, uint64_t young_ms)
{
	if (p->retires)
		return "retires";
	if (p->backoff_ms > 2 * p->restart_min_ms && young_ms < POOL_GOOD_MS)
		return "dying";
	if (!p->ready || (p->live == 0 && !p->replaced))
		return "starts";
	return p->refusing || p->full_at_ms != 0 ? "full" : "ready";
}

static enum outcome
put_pool(struct buf *b, const struct pool *p, uint64_t now_ms, struct fault *f)
{
	struct record_out out = record_begin(b, "service");
	uint64_t first, last;

	find_ages(p, &first, &last);
	record_puts(out, "name", p->row->name);
	record_puts(out, "address",
	    p->listener != NULL        ? p->listener->address
	        : p->row->path != NULL ? p->row->path
	                               : "closed");
	record_puts(out, "kind",
	    p->replaced ? "replaced" : service_kind_name(p->row->kind));
	record_put_num(out, "generation", p->generation);
	record_puts(out, "state", state_of(p, last == 0 ? 0 : now_ms - last));
	record_put_num(out, "live", p->live);
	record_put_num(out, "busy", pool_busy(p));
	record_put_num(out, "idle", p->live - pool_busy(p));
	record_put_num(out, "max", p->max);
	record_put_num(out, "served", pool_served(p));
	record_put_num(out, "refused",
	    p->refused + (p->board == NULL ? 0 : p->board->refused));
	record_put_num(out, "restarts", p->restarts);
	if (first != 0)
		record_put_num(out, "uptime-ms", now_ms - first);
	put_pids(out, p);
	return record_end(out, f);
}

static enum outcome
put_all(struct buf *b, const struct supervisor *s, struct fault *f)
{
	struct record_out out = record_begin(b, "pneu");
	uint64_t now_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
	int waiting = 0;

	(void)ioctl(s->fifo_fd, FIONREAD, &waiting);
	record_put_num(out, "pid", (uint64_t)getpid());
	record_put_num(out, "uptime-ms",
	    wall_ms > s->since_ms ? wall_ms - s->since_ms : 0);
	record_put_num(out, "generation", s->generation);
	record_puts(out, "state",
	    s->stopping         ? "stopping"
	        : s->said_ready ? "ready"
	                        : "starting");
	record_put_num(out, "reloads", s->reloads);
	record_puts(out, "outcome", outcome_word(s->reloaded.outcome));
	record_put_optional(out, "text", span_of(s->reloaded.text));
	record_put_num(out, "journal-waiting", (uint64_t)waiting);
	if (record_end(out, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < s->pools; i++)
		if (put_pool(b, s->pool[i], now_ms, f) != OK)
			return f->outcome;
	return record_end(record_begin(b, "end"), f);
}

/* One send, never waiting: a client that misses it asks again. */
void
control_ready(struct supervisor *s, uint64_t now_ms)
{
	struct buf b = BUF_INIT(CONTROL_MAX);
	int room = CONTROL_MAX;
	struct fault f;
	int fd;

	fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) { /* of EMFILE and its like: poll() would spin */
		s->control_pause_ms = now_ms + POOL_PAUSE_MS;
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (put_all(&b, s, &f) == OK)
		(void)!send(fd, b.p, b.len, MSG_NOSIGNAL);
	(void)close(fd);
	buf_free(&b);
}

enum outcome
control_ask(struct buf *answer, struct fault *f)
{
	static const char end[] = "\nend\n";
	size_t got = 1, n = sizeof(end) - 1;
	int fd;

	if (fds_connect_unix(CONTROL_PATH, &fd, f) != OK)
		return f->outcome;
	fds_set_timeouts(fd, ANSWER_MS, ANSWER_MS);
	f->outcome = OK;
	while (f->outcome == OK && got > 0)
		f->outcome = fds_read_some(fd, answer, 65536, &got, f);
	(void)close(fd);
	if (f->outcome == OK &&
	    (answer->len < n ||
	        memcmp(answer->p + answer->len - n, end, n) != 0))
		fault_set(f, TEMP, "4.3.0", 0, "its answer broke off");
	return f->outcome;
}
