/* SPDX-License-Identifier: ISC */
/* control.c: who runs this home, and how it stands. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "prog.h"

#define LOCK_PATH    "run/pneu.pid"
#define CONTROL_PATH "run/pneu"
#define ANSWER_MS    5000 /* it answers at once, or it hangs. Chosen */
#define WAIT_SAID_MS 1000 /* a longer wait is said. Chosen */
#define PIDS_MAX     1024 /* octets of those that are named. Chosen */

/* ---- the lock ---- */

static const struct flock whole_file = { .l_type = F_WRLCK,
	.l_whence = SEEK_SET };

static enum outcome
open_lock(int flags, int *fd, struct fault *f)
{
	*fd = open(LOCK_PATH, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP, "4.3.0",
		    errno, "open %s (`pneu init` makes what is missing)",
		    LOCK_PATH);
	return OK;
}

static enum outcome
find_holder(int fd, pid_t *pid, struct fault *f)
{
	struct flock l = whole_file;

	*pid = 0;
	if (fcntl(fd, F_GETLK, &l) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", LOCK_PATH);
	if (l.l_type == F_UNLCK)
		return OK;
	/* No process has it, but an open file: kill(-1) would be for all. */
	if (l.l_pid <= 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is locked, and not by a supervisor", LOCK_PATH);
	*pid = l.l_pid;
	return OK;
}

enum outcome
lock_take(int *fd, struct fault *f)
{
	char text[24];
	int answers, n;
	struct fault silent;
	pid_t pid;

	if (open_lock(O_RDWR | O_CREAT, fd, f) != OK)
		return f->outcome;
	if (fcntl(*fd, F_SETLK, &whole_file) != 0) {
		if (find_holder(*fd, &pid, f) != OK)
			return f->outcome;
		return fault_set(f, PERM, "5.3.5", 0,
		    "this home is run by another supervisor, pid %ld "
		    "(`pneu stop` ends it)",
		    (long)pid);
	}
	/* The file may have been removed under one that lives and answers. */
	if (fds_connect_unix(CONTROL_PATH, &answers, &silent) == OK) {
		(void)close(answers);
		return fault_set(f, PERM, "5.3.5", 0,
		    "this home is run by another supervisor, and its %s was "
		    "removed: end it first",
		    LOCK_PATH);
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(*fd, 0) != 0 || write(*fd, text, (size_t)n) != n)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", LOCK_PATH);
	return OK;
}

enum outcome
lock_holder(pid_t *pid, struct fault *f)
{
	int fd;

	*pid = 0;
	if (open_lock(O_RDWR, &fd, f) != OK) {
		if (f->error == ENOENT) /* nothing has run yet */
			*f = FAULT_NONE;
		return f->outcome;
	}
	f->outcome = find_holder(fd, pid, f);
	(void)close(fd);
	return f->outcome;
}

enum outcome
lock_wait(pid_t holder, unsigned seconds, struct fault *f)
{
	int fd = (int)syscall(SYS_pidfd_open, holder, 0);
	struct pollfd p = { fd, POLLIN, 0 };
	int got;

	if (fd == -1 && errno == ESRCH)
		return OK; /* it has gone already */
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "wait for its end");
	got = poll(&p, 1, WAIT_SAID_MS);
	if (got == 0) {
		prog_warn("waiting for sessions and rounds to end, at most %u "
		          "seconds",
		    seconds);
		got = poll(&p, 1, (int)seconds * 1000);
	}
	(void)close(fd);
	if (got == 1)
		return OK;
	return fault_set(
	    f, TEMP, "4.3.0", 0, "it still runs after %u seconds", seconds);
}

/* ---- how it stands ---- */

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
	if (s->control_fd != -1)
		(void)unlink(CONTROL_PATH);
	fds_close(&s->control_fd);
}

/* Its processes: pids, and when the first and the last began; 0: it has none. */
static void
list_processes(
    const struct pool *p, struct buf *pids, uint64_t *first, uint64_t *last)
{
	*first = *last = 0;
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		uint64_t since = p->process[i].since_ms;

		if (p->process[i].pid == 0)
			continue;
		buf_addf(pids, "%s%ld", pids->len == 0 ? "" : ",",
		    (long)p->process[i].pid);
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
	return p->full_at_ms != 0 && p->live >= p->max ? "full" : "ready";
}

static enum outcome
put_pool(struct buf *b, const struct pool *p, uint64_t now_ms, struct fault *f)
{
	struct record_out out = record_begin(b, "service");
	struct buf pids = BUF_INIT(PIDS_MAX);
	uint64_t first, last;

	list_processes(p, &pids, &first, &last);
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
	if (p->room.giver != -1)
		record_put_num(out, "waiting", p->room.n);
	record_put_num(out, "restarts", p->restarts);
	if (p->leader.pid != 0)
		record_put_num(out, "leader", (uint64_t)p->leader.pid);
	if (first != 0)
		record_put_num(out, "uptime-ms", now_ms - first);
	record_put_optional(out, "pids", buf_span(&pids));
	buf_free(&pids);
	return record_end(out, f);
}

/* One that does not run because an operator or its setting says so; one without an
   address would not run anyway. */
static enum outcome
put_absent(struct buf *b, const struct supervisor *s,
    const struct service_row *row, struct fault *f)
{
	const struct wanted_one *one = &s->wanted.one[row - service_rows];
	bool stopped = one->what == WANTED_STOPPED;
	struct record_out out;

	if (!stopped && wanted_autostart(row, &s->settings))
		return OK;
	out = record_begin(b, "service");
	record_puts(out, "name", row->name);
	record_puts(out, "address", "closed");
	record_puts(out, "kind", service_kind_name(row->kind));
	record_put_num(out, "generation", s->generation);
	record_puts(out, "state", stopped ? "stopped" : "off");
	if (stopped) {
		record_puts(out, "by", one->by);
		record_puts(out, "since", one->time);
	}
	return record_end(out, f);
}

static enum outcome
put_absents(struct buf *b, const struct supervisor *s, struct fault *f)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&s->settings, line, NULL);
	const struct service_row *last = NULL;

	for (size_t i = 0; i < n && f->outcome == OK; i++) {
		bool is_there = line[i].row == last;

		last = line[i].row;
		for (size_t k = 0; k < s->pools && !is_there; k++)
			is_there = s->pool[k]->row == line[i].row;
		if (!is_there)
			f->outcome = put_absent(b, s, line[i].row, f);
	}
	return f->outcome;
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
	    s->stopping                   ? "stopping"
	        : s->phase == PHASE_READY ? "ready"
	                                  : "starting");
	record_put_num(out, "reloads", s->reloads);
	record_puts(out, "outcome", outcome_word(s->reloaded.outcome));
	record_put_optional(out, "text", span_of(s->reloaded.text));
	record_put_num(out, "journal-waiting", (uint64_t)waiting);
	record_put_num(out, "orders", s->orders);
	record_puts(out, "ordered", outcome_word(s->order.outcome));
	record_put_optional(out, "order-text", span_of(s->order.text));
	f->outcome = record_end(out, f);
	for (size_t i = 0; i < s->pools && f->outcome == OK; i++)
		f->outcome = put_pool(b, s->pool[i], now_ms, f);
	return f->outcome == OK && put_absents(b, s, f) == OK
	    ? record_end(record_begin(b, "end"), f)
	    : f->outcome;
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
		s->ground.pause_until_ms = now_ms + POOL_PAUSE_MS;
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
