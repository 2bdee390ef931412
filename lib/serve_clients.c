/* SPDX-License-Identifier: ISC */
/*
 * serve_clients.c: the connections of a line service. Nothing here waits for a
 * client: sockets are read and written with MSG_DONTWAIT, and who does not read
 * his answers is not asked again. Only on fds 0 and 1 of a shell may a write
 * wait: there is one client.
 */
#include "serve_clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "mem.h"

#define READ_FIRST   65535 /* octets asked of a recv(); buf keeps one */
#define ACCEPTS_MAX  64 /* new connections a round. Ours */
#define PAUSE_MIN_MS 10 /* after accept() lacked descriptors. Ours */
#define PAUSE_MAX_MS 1000
#define ANSWERS_ROOM (CLIENT_OUT_MAX + ROUND_REQUESTS_MAX * 4096UL)

/* Of this process, for serve_client(); NULL outside serve_lines(). */
static struct server *running;

void
clients_use(struct server *s)
{
	running = s;
}

struct client *
serve_client(uint64_t serial)
{
	size_t i = serial & 0xffff;
	struct conn *k;

	if (running == NULL || i >= running->conns)
		return NULL;
	k = running->conn[i];
	return !k->open || k->c.serial != serial || k->gone ? NULL : &k->c;
}

/* What the kernel shall tell of this connection. */
static void
watch(struct server *s, size_t i, int operation)
{
	struct conn *k = s->conn[i];
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = i };

	/* Enough unread, or nothing more to come: it would not let us sleep. */
	if (k->c.ended || k->c.end || k->c.outbuf.len > CLIENT_OUT_MAX)
		e.events = 0;
	if (k->blocked)
		e.events |= EPOLLOUT;
	if (!k->always && epoll_ctl(s->epoll, operation, k->c.in, &e) != 0 &&
	    operation == EPOLL_CTL_ADD)
		k->always = true; /* EPERM: a file */
}

void
clients_listen(struct server *s, bool on)
{
	struct epoll_event e = { .events = EPOLLIN,
		.data.u64 = SERVE_TAG_LISTENER };

	if (!s->listens || s->paused == !on)
		return;
	if (on) /* processes that share it shall not all wake */
		e.events |= EPOLLEXCLUSIVE;
	if (epoll_ctl(
	        s->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, FD_IN, &e) == 0)
		s->paused = !on;
}

/* A slot for one client more; its buffers are those of the last one there. */
static size_t
slot_for_client(struct server *s)
{
	size_t i = 0, n = s->conns == 0 ? 16 : s->conns * 2;

	while (i < s->conns && s->conn[i]->open)
		i++;
	if (i < s->conns)
		return i;
	s->conn = mem_grow(s->conn, n, sizeof(*s->conn));
	s->list = mem_grow(s->list, n, sizeof(*s->list));
	for (; s->conns < n; s->conns++) {
		struct conn *k = mem_new(1, sizeof(*k));

		k->c.inbuf = BUF_INIT(CLIENT_IN_MAX);
		k->c.outbuf = BUF_INIT(ANSWERS_ROOM);
		s->conn[s->conns] = k;
	}
	return i;
}

void
client_begin(struct server *s, int in, int out, bool is_socket)
{
	size_t i = slot_for_client(s);
	struct conn *k = s->conn[i];

	*k = (struct conn){ .open = true,
		.c = { .in = in,
		    .out = out,
		    .inbuf = k->c.inbuf,
		    .outbuf = k->c.outbuf,
		    .pass_fd = -1,
		    .is_socket = is_socket,
		    .serial = ++s->next << 16 | i } };
	s->open++;
	watch(s, i, EPOLL_CTL_ADD);
}

void
client_end(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];

	if (s->service->gone != NULL)
		s->service->gone(s->arg, &k->c);
	fds_close(&k->c.pass_fd);
	(void)close(k->c.in); /* leaves the epoll set by itself */
	if (k->c.out != k->c.in)
		(void)close(k->c.out);
	buf_reset(&k->c.inbuf);
	buf_reset(&k->c.outbuf);
	/* A burst's memory is not kept for ever. */
	if (k->c.inbuf.cap > 2 * READ_FIRST)
		buf_free(&k->c.inbuf);
	if (k->c.outbuf.cap > CLIENT_OUT_MAX)
		buf_free(&k->c.outbuf);
	k->open = false;
	s->open--;
}

/* ---- Reading ---- */

static void
enlist(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];

	if (!k->queued) {
		k->queued = true;
		s->list[s->listed++] = i;
	}
}

/* What there is on one connection, until a short read says it is all. */
void
client_read(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];
	struct client *c = &k->c;
	size_t room;
	ssize_t n;

	while (!c->ended && !k->gone && s->round_octets < ROUND_OCTETS_MAX &&
	    (room = buf_room(&c->inbuf, &k->at, READ_FIRST, READ_FIRST / 2)) >
	        0) {
		char *p = c->inbuf.p + c->inbuf.len;

		n = c->is_socket ? recv(c->in, p, room, MSG_DONTWAIT)
		                 : read(c->in, p, room);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			c->ended = true;
			k->gone = n < 0;
			k->hungry = false;
			/* The end of a pipe would be told again and again to
			   one who waits for an answer. */
			watch(
			    s, i, c->is_socket ? EPOLL_CTL_MOD : EPOLL_CTL_DEL);
			break;
		}
		buf_extend(&c->inbuf, (size_t)n);
		s->round_octets += (size_t)n;
		k->hungry = false;
		if ((size_t)n < room || !c->is_socket)
			break;
	}
	enlist(s, i);
}

/* It is no listener any more: who is here is served until he leaves. */
void
clients_listen_no_more(struct server *s)
{
	clients_listen(s, false);
	s->listens = false;
}

static void
accept_failed(struct server *s, int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		/* It stays in the backlog: asking again at once would spin. */
		s->pause_ms = s->pause_ms == 0       ? PAUSE_MIN_MS
		    : s->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS
		                                     : s->pause_ms * 2;
		s->pause_until = clock_mono_ms() + (uint64_t)s->pause_ms;
		clients_listen(s, false);
		break;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
		clients_listen_no_more(s);
		break;
	default: /* somebody else took it, or its own trouble */
		break;
	}
}

/* true: a client more. */
static bool
accept_client(struct server *s)
{
	int fd = accept4(FD_IN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1) {
		accept_failed(s, errno);
		return false;
	}
	s->pause_ms = 0;
	client_begin(s, fd, fd, true);
	return true;
}

/*
 * Of several processes that share the listener the kernel wakes the one that
 * has waited longest in its list; whoever it woke takes one client and goes to
 * the list's end, so that clients who stay are spread over all of them.
 */
void
clients_accept(struct server *s)
{
	size_t most = s->service->shared ? 1 : ACCEPTS_MAX;
	size_t n = 0;

	while (n < most && s->open < s->most && accept_client(s))
		n++;
	if (s->open >= s->most || (s->service->shared && n > 0))
		clients_listen(s, false); /* more wait in the backlog */
	if (s->open < s->most && s->pause_until == 0)
		clients_listen(s, true);
}

/* ---- Answering ---- */

/* May this client's requests be handled now? */
bool
client_is_served(const struct conn *k)
{
	return k->open && !k->gone && !k->c.end &&
	    k->c.outbuf.len <= CLIENT_OUT_MAX;
}

bool
client_has_requests(const struct conn *k)
{
	return client_is_served(k) && !k->hungry &&
	    (k->at < k->c.inbuf.len || k->c.ended);
}

static ssize_t
send_some(struct conn *k)
{
	struct client *c = &k->c;
	struct fault f;

	if (!c->is_socket) /* one client, on fd 1: it may wait */
		return fds_write_all(c->out, buf_span(&c->outbuf), &f) == OK
		    ? (ssize_t)c->outbuf.len
		    : -1;
	if (c->pass_fd != -1)
		return fds_send_some(c->out, buf_span(&c->outbuf), c->pass_fd);
	return send(
	    c->out, c->outbuf.p, c->outbuf.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What the client takes of its answers, without waiting for it. */
void
client_send(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];
	struct client *c = &k->c;
	bool was_blocked = k->blocked, was_full;
	ssize_t n;

	was_full = c->outbuf.len > CLIENT_OUT_MAX;
	do
		n = send_some(k);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN) {
		k->gone = true;
		return;
	}
	if (n > 0) {
		fds_close(&c->pass_fd);
		buf_drop(&c->outbuf, (size_t)n);
	}
	if (c->outbuf.len == 0)
		buf_reset(&c->outbuf);
	k->blocked = c->outbuf.len > 0;
	if (n > 0 || !k->blocked)
		c->since_ms = 0;
	if (k->blocked != was_blocked ||
	    was_full != (c->outbuf.len > CLIENT_OUT_MAX))
		watch(s, i, EPOLL_CTL_MOD);
	/* It reads again: what it had asked is handled in the next round. */
	if (!k->blocked && client_has_requests(k))
		enlist(s, i);
}

/* Is this client's half request or unread answer under its deadline? */
static bool
is_timed(const struct conn *k)
{
	return k->open && (k->blocked || (k->hungry && k->at < k->c.inbuf.len));
}

/* Is there nothing left that we owe it, or it us? */
static bool
is_over(const struct server *s, const struct conn *k, uint64_t now)
{
	const struct client *c = &k->c;

	if (k->gone)
		return true;
	if (c->since_ms != 0 && now - c->since_ms >= s->idle_ms)
		return true;
	if (c->outbuf.len > 0 || c->owed)
		return false;
	return c->end || (c->ended && !client_has_requests(k));
}

/* The end of a round: answers leave, who is done goes. */
void
clients_settle(struct server *s)
{
	uint64_t now = 0;

	for (size_t i = 0; i < s->conns; i++) {
		struct conn *k = s->conn[i];

		if (!k->open)
			continue;
		/* An answer that did not fit must not go out half. */
		if (buf_failed(&k->c.outbuf))
			k->gone = true;
		if (!k->gone && k->c.outbuf.len > 0 && !k->blocked)
			client_send(s, i);
		if (is_timed(k)) {
			if (now == 0)
				now = clock_mono_ms();
			if (k->c.since_ms == 0)
				k->c.since_ms = now;
		} else {
			k->c.since_ms = 0;
		}
	}
}

void
clients_sweep(struct server *s)
{
	uint64_t now = 0;

	for (size_t i = 0; i < s->conns; i++) {
		struct conn *k = s->conn[i];

		if (!k->open || k->queued)
			continue;
		if (k->c.since_ms != 0 && now == 0)
			now = clock_mono_ms();
		if (is_over(s, k, now))
			client_end(s, i);
	}
	if (s->open < s->most && s->pause_until == 0)
		clients_listen(s, true);
}
