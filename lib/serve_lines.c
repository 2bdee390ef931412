/* SPDX-License-Identifier: ISC */
/*
 * serve_lines.c: records from many clients, in rounds. A round reads every
 * connection that has something, hands all of it to the service, lets it do
 * once what the whole round needs, and only then sends the answers: under load
 * batching comes by itself, without timers.
 *
 * Reading, all of it, comes before handling, so what arrived while the round
 * before was synced is one round.
 *
 * epoll, because idle clients are many (each worker of smtpd keeps its
 * connection): with one of 20 ready a wait costs 0.4 us against 1.0 of poll(),
 * with one of 256 0.5 against 12 (measured).
 */
#include "serve_clients.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "record.h"

#define EVENTS_MAX  256 /* readable connections a round. Ours */
#define FAREWELL_MS 2000 /* at SIGTERM for answers that are unread. Ours */

/* ---- Handling ---- */

/* A service of lines: one after the other, while there is room for answers. */
static enum outcome
take_lines(const struct server *s, struct client *c, struct span in,
    size_t most, size_t *used, size_t *requests, struct fault *f)
{
	*used = *requests = 0;
	do {
		struct span rest = span_from(in, *used);
		size_t n = span_find(rest, '\n');

		if (n == rest.len)
			return n < RECORD_MAX
			    ? OK
			    : fault_set(f, TEMP, "4.3.0", 0, "line too long");
		if (s->service->line(s->arg, c, span_head(rest, n), f) != OK)
			return f->outcome;
		*used += n + 1;
		(*requests)++;
	} while (
	    *requests < most && !c->end && c->outbuf.len <= CLIENT_OUT_MAX);
	return OK;
}

static enum outcome
take(const struct server *s, struct client *c, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	if (s->service->line != NULL)
		return take_lines(s, c, in, most, used, requests, f);
	return s->service->take(s->arg, c, in, most, used, requests, f);
}

/* Hand over what waits, at most `most` requests. */
static void
client_take(struct server *s, struct conn *k, size_t most)
{
	struct client *c = &k->c;
	struct fault f = FAULT_NONE;

	while (most > 0 && client_is_served(k) && !k->hungry) {
		struct span in = span_from(buf_span(&c->inbuf), k->at);
		size_t used = 0, requests = 0;

		if (in.len == 0 && !c->ended)
			break;
		if (take(s, c, in, most, &used, &requests, &f) != OK) {
			/* Malformed: all that he says now is noise. */
			c->end = true;
			s->malformed = f;
			break;
		}
		k->at += used < in.len ? used : in.len;
		s->round_requests += requests;
		most -= requests < most ? requests : most;
		if (used > 0)
			c->since_ms = 0; /* what is left began only now */
		k->hungry = used == 0;
		if (c->ended && span_find(in, '\n') == in.len && in.len > 0)
			fault_set(&s->malformed, TEMP, "4.3.0", 0,
			    "the input ends within a line");
		if (used == 0 && !c->ended && in.len >= CLIENT_IN_MAX - 1)
			c->end = true; /* a request larger than any may be */
	}
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
			wanting +=
			    client_has_requests(s->conn[s->list[n]]) ? 1 : 0;
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

		s->conn[i]->queued = client_has_requests(s->conn[i]);
		if (s->conn[i]->queued)
			s->list[kept++] = i;
	}
	s->listed = kept;
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
			clients_listen(s, s->open < s->most);
		} else {
			sooner(&wait_ms, s->pause_until - now);
		}
	}
	for (size_t i = 0; i < s->conns; i++) {
		const struct conn *k = s->conn[i];
		uint64_t end;

		if (!k->open)
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

/* What the kernel told of one client: room for answers, octets, its end. */
static void
on_event(struct server *s, size_t i, uint32_t events, bool reads)
{
	struct conn *k = s->conn[i];
	bool hung_up = (events & (EPOLLHUP | EPOLLERR)) != 0;
	bool said_more = k->c.ended || (events & EPOLLIN) != 0;

	if (hung_up && k->c.is_socket && !(s->service->hints && said_more)) {
		k->gone = true; /* nobody waits for an answer */
		return;
	}
	if ((events & EPOLLOUT) != 0)
		client_send(s, i);
	if (reads && (events & (EPOLLIN | EPOLLHUP)) != 0)
		client_read(s, i);
}

/* All that the kernel told, and new clients. */
static void
read_round(struct server *s, const struct epoll_event *events, int n)
{
	bool accepts = false, closed = false;
	size_t before;

	s->round_octets = 0;
	for (int e = 0; e < n; e++) {
		if (events[e].data.u64 == SERVE_TAG_LISTENER) {
			accepts = true;
			closed = (events[e].events & EPOLLHUP) != 0;
		} else {
			on_event(s, events[e].data.u64, events[e].events, true);
		}
	}
	for (size_t i = 0; i < s->conns; i++)
		if (s->conn[i]->open && s->conn[i]->always &&
		    !s->conn[i]->queued)
			client_read(s, i);
	if (!accepts)
		return;
	before = s->open;
	clients_accept(s);
	/* Shut down by the supervisor: accept() says only EAGAIN then. */
	if (closed && s->open == before)
		clients_listen_no_more(s);
}

static void
finish_round(struct server *s)
{
	const struct line_service *v = s->service;
	bool worked = s->round_requests > 0 || v->prepare != NULL;

	if (worked && v->finish != NULL)
		v->finish(s->arg);
	clients_settle(s);
	if (worked && v->after != NULL)
		v->after(s->arg);
	clients_sweep(s);
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
		if (s->conn[i]->open && s->conn[i]->c.is_socket)
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
			owing |= s->conn[i]->open && s->conn[i]->blocked;
		if (!owing || now >= end)
			return;
		n = epoll_wait(s->epoll, events, EVENTS_MAX, (int)(end - now));
		for (int e = 0; e < n; e++)
			if (events[e].data.u64 != SERVE_TAG_LISTENER)
				on_event(s, events[e].data.u64,
				    events[e].events, false);
		clients_listen(s, false);
		clients_sweep(s);
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
		clients_listen(s, true);
		return OK;
	}
	is_socket = getsockopt(FD_IN, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    getsockopt(FD_OUT, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	client_begin(s, FD_IN, FD_OUT, is_socket);
	return OK;
}

static void
end_serving(struct server *s)
{
	for (size_t i = 0; i < s->conns; i++) {
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
	s.most = service->clients_max == 0 ||
	        service->clients_max > SERVE_CLIENTS_MOST
	    ? SERVE_CLIENTS_MOST
	    : service->clients_max;
	s.idle_ms = service->idle_ms == 0 ? CLIENT_IDLE_MS : service->idle_ms;
	serve_signals();
	hold_signals(&s, &before);
	clients_use(&s);
	result = begin_serving(&s, kind, f);
	if (result == OK) {
		serve_say_ready();
		serve_rounds(&s);
	}
	/* The one client of a session reads our words and our exit status. */
	if (kind == FDS_SESSION && s.malformed.outcome != OK) {
		*f = s.malformed;
		result = f->outcome;
	}
	end_serving(&s);
	clients_use(NULL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}
