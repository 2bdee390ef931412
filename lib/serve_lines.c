/* SPDX-License-Identifier: ISC */
/*
 * serve_lines.c: records from many clients, in rounds. A round reads every
 * connection that has something, hands all of it to the service, lets it do
 * once what the whole round needs, and only then sends the answers: under load
 * batching comes by itself, without timers.
 *
 * Reading, all of it, comes before handling, so what arrived while the round
 * before was synced is one round. Nothing here waits for a client: sockets are
 * read and written with MSG_DONTWAIT, and who does not read his answers is not
 * asked again. Only on fds 0 and 1 of a shell may a write wait: there is one
 * client.
 *
 * epoll, because idle clients are many (each worker of smtpd keeps its
 * connection): with one of 20 ready a wait costs 0.4 us against 1.0 of poll(),
 * with one of 256 0.5 against 12 (measured).
 */
#include "serve.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

#define READ_FIRST   65535 /* octets asked of a recv(); buf keeps one */
#define EVENTS_MAX   256 /* readable connections a round. Ours */
#define ACCEPTS_MAX  64 /* new connections a round. Ours */
#define CLIENTS_MOST 65535 /* index part of a serial */
#define PAUSE_MIN_MS 10 /* after accept() lacked descriptors. Ours */
#define PAUSE_MAX_MS 1000
#define FAREWELL_MS  2000 /* at SIGTERM for answers that are unread. Ours */
#define TAG_LISTENER UINT64_MAX
#define ANSWERS_ROOM (CLIENT_OUT_MAX + ROUND_REQUESTS_MAX * 4096UL)

/* A client and what only the loop knows of it. */
struct conn {
	struct client c; /* first: serve_client() hands it out */
	size_t at; /* octets of inbuf that the service has used */
	bool open; /* this slot is in use */
	bool readable; /* said so by the kernel in this round */
	bool always; /* a file or /dev/null: poll knows nothing of it */
	bool gone; /* both directions closed, or an error: no answers */
	bool blocked; /* EPOLLOUT is asked for */
	bool hungry; /* take() wants more octets than there are */
	bool queued; /* in the round's list */
};

struct server {
	const struct line_service *service;
	void *arg;
	int epoll;
	bool listens, paused; /* fd 0 is a listener; and is not asked now */
	struct conn **conn; /* by index */
	size_t conns, open, most;
	size_t *list; /* who has requests, in order of arrival */
	size_t listed;
	uint64_t next; /* counting part of a serial */
	uint64_t idle_ms; /* for half a request, or answers unread */
	int pause_ms;
	uint64_t pause_until; /* 0: not lacking descriptors */
	sigset_t waiting; /* signals that may come, while we wait only */
	size_t round_octets, round_requests;
};

/* Of this process, for serve_client(); NULL outside serve_lines(). */
static struct server *running;

struct client *
serve_client(uint64_t serial)
{
	size_t i = serial & 0xffff;
	struct conn *k;

	if (running == NULL || i >= running->conns)
		return NULL;
	k = running->conn[i];
	if (k == NULL || !k->open || k->c.serial != serial || k->gone)
		return NULL;
	return &k->c;
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

static void
watch_listener(struct server *s, bool on)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = TAG_LISTENER };

	if (!s->listens || s->paused == !on)
		return;
	if (on) /* processes that share it shall not all wake */
		e.events |= EPOLLEXCLUSIVE;
	if (epoll_ctl(
	        s->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, FD_IN, &e) == 0)
		s->paused = !on;
}

static enum outcome
grow(struct server *s)
{
	size_t n = s->conns == 0 ? 16 : s->conns * 2;
	struct conn **conn = realloc(s->conn, n * sizeof(*conn));
	size_t *list;

	if (conn == NULL)
		return TEMP;
	s->conn = conn;
	list = realloc(s->list, n * sizeof(*list));
	if (list == NULL)
		return TEMP;
	s->list = list;
	for (size_t i = s->conns; i < n; i++)
		conn[i] = NULL;
	s->conns = n;
	return OK;
}

/* A slot for one client more; its buffers are those of the last one there. */
static struct conn *
slot_for_client(struct server *s, size_t *index)
{
	struct conn *k;
	size_t i = 0;

	while (i < s->conns && s->conn[i] != NULL && s->conn[i]->open)
		i++;
	if (i == s->conns && grow(s) != OK)
		return NULL;
	if (s->conn[i] == NULL) {
		k = calloc(1, sizeof(*k));
		if (k == NULL)
			return NULL;
		k->c.inbuf = BUF_INIT(CLIENT_IN_MAX);
		k->c.outbuf = BUF_INIT(ANSWERS_ROOM);
		s->conn[i] = k;
	}
	*index = i;
	return s->conn[i];
}

/* in and out are ours from here, whatever happens. */
static enum outcome
client_begin(struct server *s, int in, int out, bool is_socket)
{
	size_t i;
	struct conn *k = slot_for_client(s, &i);
	struct buf inbuf, outbuf;

	if (k == NULL) {
		(void)close(in);
		if (out != in)
			(void)close(out);
		return TEMP;
	}
	inbuf = k->c.inbuf;
	outbuf = k->c.outbuf;
	*k = (struct conn){ .open = true };
	k->c.in = in;
	k->c.out = out;
	k->c.inbuf = inbuf;
	k->c.outbuf = outbuf;
	k->c.pass_fd = -1;
	k->c.is_socket = is_socket;
	k->c.serial = ++s->next << 16 | i;
	s->open++;
	watch(s, i, EPOLL_CTL_ADD);
	return OK;
}

static void
client_end(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];

	if (s->service->gone != NULL)
		s->service->gone(s->arg, &k->c);
	if (k->c.pass_fd != -1)
		(void)close(k->c.pass_fd);
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

/* Room behind what waits; 0: as much waits as may. */
static size_t
make_room(struct conn *k)
{
	struct buf *b = &k->c.inbuf;
	size_t room;

	if (k->at == b->len) {
		buf_cut(b, 0);
		k->at = 0;
	}
	room = b->cap > b->len ? b->cap - b->len - 1 : 0;
	if (room >= READ_FIRST / 2)
		return room;
	if (k->at > 0) {
		buf_drop(b, k->at);
		k->at = 0;
	}
	room = b->max - b->len;
	if (room > READ_FIRST)
		room = READ_FIRST;
	if (room > 0 && !buf_reserve(b, room)) {
		b->failed = false;
		return 0;
	}
	return room;
}

/* What there is on one connection, until a short read says it is all. */
static void
client_read(struct server *s, size_t i)
{
	struct conn *k = s->conn[i];
	struct client *c = &k->c;
	size_t room;
	ssize_t n;

	while (!c->ended && !k->gone && s->round_octets < ROUND_OCTETS_MAX &&
	    (room = make_room(k)) > 0) {
		char *p = c->inbuf.p + c->inbuf.len;

		n = c->is_socket ? recv(c->in, p, room, MSG_DONTWAIT)
		                 : read(c->in, p, room);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			c->ended = true;
			k->gone = n < 0;
			k->hungry = false;
			watch(s, i, EPOLL_CTL_MOD);
			break;
		}
		c->inbuf.len += (size_t)n;
		c->inbuf.p[c->inbuf.len] = '\0';
		s->round_octets += (size_t)n;
		k->hungry = false;
		if ((size_t)n < room || !c->is_socket)
			break;
	}
	enlist(s, i);
}

/* It is no listener any more: who is here is served until he leaves. */
static void
stop_listening(struct server *s)
{
	watch_listener(s, false);
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
		watch_listener(s, false);
		break;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
		stop_listening(s);
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
	if (client_begin(s, fd, fd, true) != OK) {
		accept_failed(s, ENOMEM);
		return false;
	}
	return true;
}

/*
 * Of several processes that share the listener the kernel wakes the one that
 * has waited longest in its list; whoever it woke takes one client and goes to
 * the list's end, so that clients who stay are spread over all of them.
 */
static void
accept_clients(struct server *s)
{
	size_t most = s->service->shared ? 1 : ACCEPTS_MAX;
	size_t n = 0;

	while (n < most && s->open < s->most && accept_client(s))
		n++;
	if (s->open >= s->most || (s->service->shared && n > 0))
		watch_listener(s, false); /* more wait in the backlog */
	if (s->open < s->most && s->pause_until == 0)
		watch_listener(s, true);
}

/* ---- Handling ---- */

/* May this client's requests be handled now? */
static bool
is_served(const struct conn *k)
{
	return k->open && !k->gone && !k->c.end &&
	    k->c.outbuf.len <= CLIENT_OUT_MAX;
}

/* Hand over what waits, at most `most` requests. */
static void
client_take(struct server *s, struct conn *k, size_t most)
{
	struct client *c = &k->c;
	struct fault f = FAULT_NONE;

	while (most > 0 && is_served(k) && !k->hungry) {
		struct span in = span_from(buf_span(&c->inbuf), k->at);
		size_t used = 0, requests = 0;

		if (in.len == 0 && !c->ended)
			break;
		if (s->service->take(
		        s->arg, c, in, most, &used, &requests, &f) != OK) {
			c->end =
			    true; /* malformed: what he says now is noise */
			break;
		}
		k->at += used < in.len ? used : in.len;
		s->round_requests += requests;
		most -= requests < most ? requests : most;
		if (used > 0)
			c->since_ms = 0; /* what is left began only now */
		k->hungry = used == 0;
		if (used == 0 && !c->ended && in.len >= CLIENT_IN_MAX - 1)
			c->end = true; /* a request larger than any may be */
	}
}

static bool
has_requests(const struct conn *k)
{
	return is_served(k) && !k->hungry &&
	    (k->at < k->c.inbuf.len || k->c.ended);
}

/*
 * Everybody in the list gets an equal share of the round, then what is left is
 * shared again. Who still has requests stays in the list for the next round,
 * behind nobody: the order is that of arrival.
 */
static void
take_round(struct server *s)
{
	size_t left = 0, kept = 0;

	s->round_requests = 0;
	for (;;) {
		size_t room = ROUND_REQUESTS_MAX > s->round_requests
		    ? ROUND_REQUESTS_MAX - s->round_requests
		    : 0;
		size_t wanting = 0, share;

		for (size_t n = 0; n < s->listed; n++)
			wanting += has_requests(s->conn[s->list[n]]) ? 1 : 0;
		if (room == 0 || wanting == 0)
			break;
		share = room / wanting > 0 ? room / wanting : 1;
		for (size_t n = 0; n < s->listed; n++) {
			if (s->round_requests >= ROUND_REQUESTS_MAX)
				break;
			left = ROUND_REQUESTS_MAX - s->round_requests;
			client_take(s, s->conn[s->list[n]],
			    share < left ? share : left);
		}
	}
	for (size_t n = 0; n < s->listed; n++) {
		size_t i = s->list[n];

		s->conn[i]->queued = has_requests(s->conn[i]);
		if (s->conn[i]->queued)
			s->list[kept++] = i;
	}
	s->listed = kept;
}

/* ---- Answering ---- */

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
static void
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
	if (n > 0 && c->pass_fd != -1) {
		(void)close(c->pass_fd);
		c->pass_fd = -1;
	}
	if (n > 0)
		buf_drop(&c->outbuf, (size_t)n);
	if (c->outbuf.len == 0)
		buf_reset(&c->outbuf);
	k->blocked = c->outbuf.len > 0;
	if (n > 0 || !k->blocked)
		c->since_ms = 0;
	if (k->blocked != was_blocked ||
	    was_full != (c->outbuf.len > CLIENT_OUT_MAX))
		watch(s, i, EPOLL_CTL_MOD);
	/* It reads again: what it had asked is handled in the next round. */
	if (!k->blocked && has_requests(k))
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
	if (c->outbuf.len > 0)
		return false;
	return c->end || (c->ended && !has_requests(k));
}

/* The end of a round: answers leave, who is done goes. */
static void
settle_clients(struct server *s)
{
	uint64_t now = 0;

	for (size_t i = 0; i < s->conns; i++) {
		struct conn *k = s->conn[i];

		if (k == NULL || !k->open)
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

static void
sweep_clients(struct server *s)
{
	uint64_t now = 0;

	for (size_t i = 0; i < s->conns; i++) {
		struct conn *k = s->conn[i];

		if (k == NULL || !k->open || k->queued)
			continue;
		if (k->c.since_ms != 0 && now == 0)
			now = clock_mono_ms();
		if (is_over(s, k, now))
			client_end(s, i);
	}
	if (s->open < s->most && s->pause_until == 0)
		watch_listener(s, true);
}

/* ---- Waiting ---- */

static void
sooner(int *wait_ms, uint64_t left)
{
	if (left > INT_MAX)
		left = INT_MAX;
	if (*wait_ms < 0 || left < (uint64_t)*wait_ms)
		*wait_ms = (int)left;
}

/* Milliseconds until a deadline of the loop's own; -1: none. */
static int
next_deadline(struct server *s)
{
	uint64_t now = 0;
	int wait_ms = -1;

	if (s->listed > 0)
		return 0;
	if (s->pause_until != 0) {
		now = clock_mono_ms();
		if (now >= s->pause_until) {
			s->pause_until = 0;
			watch_listener(s, s->open < s->most);
		} else {
			sooner(&wait_ms, s->pause_until - now);
		}
	}
	for (size_t i = 0; i < s->conns; i++) {
		const struct conn *k = s->conn[i];
		uint64_t end;

		if (k == NULL || !k->open)
			continue;
		if (k->always && !k->c.ended && !k->c.end)
			return 0;
		if (k->c.since_ms == 0)
			continue;
		if (now == 0)
			now = clock_mono_ms();
		end = k->c.since_ms + s->idle_ms;
		sooner(&wait_ms, end > now ? end - now : 0);
	}
	return wait_ms;
}

/* The service's own descriptors beside our epoll set. */
static size_t
wait_beside(struct server *s, struct pollfd *p, int wait_ms, bool *ours)
{
	int own_ms = -1;
	struct timespec t;
	size_t n = s->service->prepare(s->arg, p + 1, SERVE_EXTRA_MAX, &own_ms);

	if (own_ms >= 0)
		sooner(&wait_ms, (uint64_t)own_ms);
	p[0] = (struct pollfd){ s->epoll, POLLIN, 0 };
	t = (struct timespec){ wait_ms / 1000,
		(long)(wait_ms % 1000) * 1000000 };
	if (ppoll(p, (nfds_t)(n + 1), wait_ms < 0 ? NULL : &t, &s->waiting) <
	    0) {
		for (size_t i = 0; i <= n; i++)
			p[i].revents = 0;
	}
	*ours = p[0].revents != 0;
	return n;
}

static int
wait_for_clients(struct server *s, struct epoll_event *events,
    struct pollfd *extra, size_t *extras)
{
	int wait_ms = next_deadline(s);
	bool ours = true;

	*extras = 0;
	if (s->service->prepare != NULL) {
		*extras = wait_beside(s, extra, wait_ms, &ours);
		wait_ms = 0;
	}
	if (!ours)
		return 0;
	return epoll_pwait(s->epoll, events, EVENTS_MAX, wait_ms, &s->waiting);
}

/* What the kernel told: new clients, octets, room for answers, ends. */
static void
read_round(struct server *s, const struct epoll_event *events, int n)
{
	bool accepts = false, closed = false;
	size_t before;

	s->round_octets = 0;
	for (int e = 0; e < n; e++) {
		size_t i = (size_t)events[e].data.u64;
		struct conn *k;

		if (events[e].data.u64 == TAG_LISTENER) {
			accepts = true;
			closed = (events[e].events & EPOLLHUP) != 0;
			continue;
		}
		k = s->conn[i];
		if ((events[e].events & (EPOLLHUP | EPOLLERR)) != 0 &&
		    k->c.is_socket &&
		    (!s->service->hints ||
		        (!k->c.ended && (events[e].events & EPOLLIN) == 0))) {
			k->gone = true; /* nobody waits for an answer */
			continue;
		}
		if ((events[e].events & EPOLLOUT) != 0)
			client_send(s, i);
		if ((events[e].events & (EPOLLIN | EPOLLHUP)) != 0)
			client_read(s, i);
	}
	for (size_t i = 0; i < s->conns; i++)
		if (s->conn[i] != NULL && s->conn[i]->open &&
		    s->conn[i]->always && !s->conn[i]->queued)
			client_read(s, i);
	if (!accepts)
		return;
	before = s->open;
	accept_clients(s);
	/* Shut down by the supervisor: accept() says only EAGAIN then. */
	if (closed && s->open == before)
		stop_listening(s);
}

static void
finish_round(struct server *s)
{
	const struct line_service *v = s->service;
	bool worked = s->round_requests > 0 || v->prepare != NULL;

	if (worked && v->finish != NULL)
		v->finish(s->arg);
	settle_clients(s);
	if (worked && v->after != NULL)
		v->after(s->arg);
	sweep_clients(s);
}

/*
 * SIGTERM: one last read of each connection without waiting, and everything
 * that has arrived is handled, answered and sent.
 */
static void
serve_the_rest(struct server *s)
{
	uint64_t end = clock_mono_ms() + FAREWELL_MS;
	struct epoll_event events[EVENTS_MAX];

	s->round_octets = 0;
	for (size_t i = 0; i < s->conns; i++)
		if (s->conn[i] != NULL && s->conn[i]->open &&
		    s->conn[i]->c.is_socket)
			client_read(s, i);
	do {
		take_round(s);
		finish_round(s);
	} while (s->listed > 0);
	for (;;) { /* who is slow to read gets a moment */
		uint64_t now = clock_mono_ms();
		bool owing = false;
		int n;

		for (size_t i = 0; i < s->conns; i++)
			owing = owing ||
			    (s->conn[i] != NULL && s->conn[i]->open &&
			        s->conn[i]->blocked);
		if (!owing || now >= end)
			return;
		n = epoll_wait(s->epoll, events, EVENTS_MAX, (int)(end - now));
		for (int e = 0; e < n; e++) {
			struct conn *k;

			if (events[e].data.u64 == TAG_LISTENER)
				continue;
			k = s->conn[events[e].data.u64];
			if ((events[e].events & (EPOLLHUP | EPOLLERR)) != 0)
				k->gone = true;
			else if ((events[e].events & EPOLLOUT) != 0)
				client_send(s, (size_t)events[e].data.u64);
		}
		watch_listener(s, false);
		sweep_clients(s);
	}
}

static void
serve_rounds(struct server *s)
{
	struct epoll_event events[EVENTS_MAX];
	struct pollfd extra[SERVE_EXTRA_MAX + 1];
	size_t extras;

	while (!serve_stopping && (s->listens || s->open > 0)) {
		int n = wait_for_clients(s, events, extra, &extras);

		if (serve_reloading) {
			serve_reloading = 0;
			if (s->service->reload != NULL)
				s->service->reload(s->arg);
		}
		if (n > 0 || s->listed == 0)
			read_round(s, events, n > 0 ? n : 0);
		take_round(s);
		if (s->service->ready != NULL)
			s->service->ready(s->arg, extra + 1, extras);
		finish_round(s);
	}
	if (serve_stopping)
		serve_the_rest(s);
}

/* Signals come while we wait, and never between a check and a wait. */
static void
hold_signals(struct server *s, sigset_t *before)
{
	sigset_t held;

	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, before);
	s->waiting = *before;
	(void)sigdelset(&s->waiting, SIGTERM);
	(void)sigdelset(&s->waiting, SIGHUP);
}

static enum outcome
begin_serving(struct server *s, enum fds_kind kind, struct fault *f)
{
	int type;
	socklen_t len = sizeof(type);
	bool is_socket;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "epoll");
	if (kind == FDS_LISTENER) {
		/* Who shares it may take what made us wake. */
		fds_set_nonblock(FD_IN, true);
		s->listens = s->paused = true;
		watch_listener(s, true);
		return OK;
	}
	is_socket = getsockopt(FD_IN, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    getsockopt(FD_OUT, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	if (client_begin(s, FD_IN, FD_OUT, is_socket) != OK)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "serve");
	return OK;
}

static void
end_serving(struct server *s)
{
	for (size_t i = 0; i < s->conns; i++) {
		if (s->conn[i] == NULL)
			continue;
		if (s->conn[i]->open)
			client_end(s, i);
		buf_free(&s->conn[i]->c.inbuf);
		buf_free(&s->conn[i]->c.outbuf);
		free(s->conn[i]);
	}
	free(s->conn);
	free(s->list);
	if (s->epoll != -1)
		(void)close(s->epoll);
}

enum outcome
serve_lines(const struct line_service *service, void *arg, struct fault *f)
{
	struct server s = { .service = service, .arg = arg, .epoll = -1 };
	enum fds_kind kind = fds_kind(FD_IN);
	sigset_t before;
	enum outcome result;

	if (kind == FDS_CLOSED)
		return fault_set(f, PERM, "5.3.5", 0,
		    "fd 0 is closed: it must be a session or a listening "
		    "socket");
	s.most =
	    service->clients_max == 0 || service->clients_max > CLIENTS_MOST
	    ? CLIENTS_MOST
	    : service->clients_max;
	s.idle_ms = service->idle_ms == 0 ? CLIENT_IDLE_MS : service->idle_ms;
	serve_signals();
	hold_signals(&s, &before);
	running = &s;
	result = begin_serving(&s, kind, f);
	if (result == OK)
		serve_rounds(&s);
	end_serving(&s);
	running = NULL;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}
