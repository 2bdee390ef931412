/* SPDX-License-Identifier: ISC */
/*
 * stream.c: one session's octets. One recv() a fill into a kept buffer; lines
 * are handed out where they lie, and octets move only when the end of the
 * buffer is reached.
 *
 * Whether fd 0 is a socket is learnt from the first call that says ENOTSOCK,
 * not asked for: a question would cost every session a system call.
 */
#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "serve.h"

#define READ_ROOM  (STREAM_IN_MAX - 1) /* octets; buf keeps one for its 0 */
#define READ_LEAST 4096 /* octets of room worth a recv(); less: compact */

void
stream_begin(struct stream *s, int in, int out, uint64_t timeout_ms)
{
	*s = (struct stream){ .rbuf = BUF_INIT(READ_ROOM),
		.wbuf = BUF_INIT(STREAM_OUT_MAX) };
	stream_again(s, in, out, timeout_ms);
}

void
stream_again(struct stream *s, int in, int out, uint64_t timeout_ms)
{
	s->in = in;
	s->out = out;
	s->timeout_ms = timeout_ms;
	s->is_socket = true; /* until ENOTSOCK */
	s->at = s->passed = 0;
	s->ended = s->closes = s->broken = false;
	s->layer = NULL;
	buf_reset(&s->rbuf);
	buf_reset(&s->wbuf);
}

void
stream_free(struct stream *s)
{
	buf_free(&s->rbuf);
	buf_free(&s->wbuf);
	s->at = 0;
}

struct span
stream_waiting(const struct stream *s)
{
	return span_from(buf_span(&s->rbuf), s->at);
}

void
stream_consume(struct stream *s, size_t n)
{
	size_t left = s->rbuf.len - s->at;

	s->at += n < left ? n : left;
}

void
stream_drop_input(struct stream *s)
{
	s->at = s->rbuf.len;
	s->passed = 0;
}

/*
 * What is no socket has no deadline of its own. SIGTERM shortens the wait to
 * what the drain allows, as its handler does for a socket.
 */
static enum outcome
wait_for(const struct stream *s, int fd, short events, struct fault *f)
{
	struct pollfd p = { fd, events, 0 };
	uint64_t end = clock_mono_ms() + s->timeout_ms;

	for (;;) {
		uint64_t now = clock_mono_ms();
		uint64_t left = end > now ? end - now : 0;
		int n;

		if (serve_stopping && left > SERVE_DRAIN_MS)
			left = SERVE_DRAIN_MS;
		n = poll(&p, 1,
		    s->timeout_ms == 0   ? -1
		        : left > INT_MAX ? INT_MAX
		                         : (int)left);
		if (n > 0)
			return OK;
		if (n == 0)
			return fault_set(f, TEMP, "4.4.2", ETIMEDOUT,
			    "the peer was silent for too long");
		if (errno != EINTR)
			return fault_set(f, TEMP, "4.4.2", errno, "poll");
	}
}

void
stream_set_layer(struct stream *s, const struct stream_layer *layer, void *arg)
{
	stream_drop_input(s);
	s->layer = layer;
	s->layer_arg = arg;
}

ssize_t
stream_raw_read(struct stream *s, char *p, size_t room, struct fault *f)
{
	ssize_t n;

	for (;;) {
		if (s->is_socket) {
			n = recv(s->in, p, room, 0);
		} else {
			if (wait_for(s, s->in, POLLIN, f) != OK)
				return -1;
			n = read(s->in, p, room);
		}
		if (n >= 0)
			return n;
		if (errno == ENOTSOCK && s->is_socket)
			s->is_socket = false;
		else if (errno == EAGAIN && s->is_socket)
			break;
		else if (errno != EINTR && errno != EAGAIN) {
			(void)fault_set(f, TEMP, "4.4.2", errno, "read");
			return -1;
		}
	}
	(void)fault_set(
	    f, TEMP, "4.4.2", ETIMEDOUT, "the peer was silent for too long");
	return -1;
}

enum outcome
stream_fill(struct stream *s, struct fault *f)
{
	size_t room;
	ssize_t n;
	bool ended = false;

	/* It may have to wait: the peer gets its answers first. */
	if (s->wbuf.len > 0 && stream_flush(s, f) != OK)
		return f->outcome;
	if (s->ended)
		return OK;
	room = buf_room(&s->rbuf, &s->at, READ_ROOM, READ_LEAST);
	if (room == 0)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "%d octets wait unread", READ_ROOM);
	if (s->layer == NULL) {
		n = stream_raw_read(s, s->rbuf.p + s->rbuf.len, room, f);
		ended = n == 0;
	} else {
		n = s->layer->read(
		    s->layer_arg, s, s->rbuf.p + s->rbuf.len, room, &ended, f);
	}
	if (n < 0)
		return f->outcome;
	s->ended = ended;
	buf_extend(&s->rbuf, (size_t)n);
	return OK;
}

bool
stream_take_line(
    struct stream *s, size_t max, struct span *line, enum line_ending *ending)
{
	struct span w = stream_waiting(s);
	size_t n = span_find(w, '\n');

	*line = span_head(w, n < max ? n : max);
	if (n < w.len) {
		*ending = n >= max ? LINE_LONG : LINE_LF;
		if (n > 0 && n < max && line->p[n - 1] == '\r') {
			*ending = LINE_CRLF;
			line->len--;
		}
		s->passed = 0;
		stream_consume(s, n + 1);
		return true;
	}
	if (w.len <= max)
		return false;
	/* Its start stays, so that the next octets are met by the same look. */
	s->passed += w.len - max;
	buf_cut(&s->rbuf, s->at + max);
	*ending = LINE_ENDLESS;
	return s->passed > STREAM_LINE_MAX;
}

enum outcome
stream_put(struct stream *s, struct span octets, struct fault *f)
{
	while (octets.len > 0) {
		size_t room = STREAM_OUT_MAX - 1 - s->wbuf.len;
		size_t n = octets.len < room ? octets.len : room;

		buf_add(&s->wbuf, span_head(octets, n));
		octets = span_from(octets, n);
		if (octets.len > 0 && stream_flush(s, f) != OK)
			return f->outcome;
	}
	return OK;
}

/* One write to whatever out is; a full pipe is waited for, a portion a time. */
static ssize_t
write_once(struct stream *s, struct span w, struct fault *f)
{
	if (s->is_socket)
		return send(s->out, w.p, w.len,
		    MSG_NOSIGNAL | (s->closes ? MSG_MORE : 0));
	if (s->timeout_ms != 0 && wait_for(s, s->out, POLLOUT, f) != OK) {
		errno = f->error;
		return -1;
	}
	/* A writable pipe takes PIPE_BUF octets without waiting. pipe(7) */
	return write(s->out, w.p,
	    s->timeout_ms != 0 && w.len > PIPE_BUF ? PIPE_BUF : w.len);
}

ssize_t
stream_raw_write(struct stream *s, struct span w, struct fault *f)
{
	for (;;) {
		ssize_t n = write_once(s, w, f);

		if (n >= 0)
			return n;
		if (errno == ENOTSOCK && s->is_socket)
			s->is_socket = false;
		else if (errno != EINTR)
			break;
	}
	(void)fault_set(
	    f, TEMP, "4.4.2", errno == EAGAIN ? ETIMEDOUT : errno, "reply");
	return -1;
}

enum outcome
stream_flush(struct stream *s, struct fault *f)
{
	struct span w = buf_span(&s->wbuf);

	if (s->broken) {
		buf_reset(&s->wbuf);
		return fault_set(f, TEMP, "4.4.2", EPIPE, "reply");
	}
	while (w.len > 0) {
		ssize_t n = s->layer == NULL
		    ? stream_raw_write(s, w, f)
		    : s->layer->write(s->layer_arg, s, w, f);

		if (n < 0) {
			s->broken = true;
			buf_reset(&s->wbuf); /* nobody will ever read it */
			return f->outcome;
		}
		w = span_from(w, (size_t)n);
	}
	buf_reset(&s->wbuf);
	return OK;
}
