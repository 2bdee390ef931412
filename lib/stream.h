/* SPDX-License-Identifier: ISC */
/*
 * stream.h: one session's octets, in and out, with its buffers inside, plain
 * today and TLS tomorrow: dropping what was buffered is one call.
 *
 * Deadlines are the sockets' own (SO_RCVTIMEO, SO_SNDTIMEO, set on the
 * listener and inherited); on a pipe or a terminal poll() keeps the same
 * time. Output is collected and written by stream_flush(), which
 * stream_fill() calls first when it would have to wait: replies of pipelined
 * commands leave in one write. SIGTERM shortens a wait to SERVE_DRAIN_MS.
 */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include "buf.h"

#define STREAM_IN_MAX  65536 /* octets that wait unread */
#define STREAM_OUT_MAX 65536 /* octets that wait to be written */

struct stream {
	int in, out;
	uint64_t timeout_ms; /* for pipes; sockets have their own */
	bool is_socket;
	struct buf rbuf;
	size_t at; /* consumed octets of rbuf */
	size_t passed; /* octets of the line in hand that were too many */
	struct buf wbuf;
	bool ended; /* the peer closed */
	bool broken; /* a flush failed, perhaps half way: nothing may follow */
	bool closes; /* we do, next: what is flushed leaves with the FIN */
};

void stream_begin(struct stream *, int in, int out, uint64_t timeout_ms);
/* The next session of a worker: as begun, but the memory is kept. */
void stream_again(struct stream *, int in, int out, uint64_t timeout_ms);
void stream_free(struct stream *); /* does not close in and out */

/* What has been read and not consumed; dead at the next call. */
struct span stream_waiting(const struct stream *);
void stream_consume(struct stream *, size_t);
/* Forget what waits. RFC 3207 4.2, and after errors. */
void stream_drop_input(struct stream *);

/*
 * Read more. OK: at least one octet came, or ended is set (end of input).
 * TEMP 4.4.2: the deadline passed (error ETIMEDOUT), or the connection broke.
 */
enum outcome stream_fill(struct stream *, struct fault *) MUST_USE;

/*
 * The next line of what waits, without its end; dead at the next call. false:
 * more must come first. With its end it has at most max octets: of a longer one
 * these are told, once, when its end is there; what is between is passed over.
 */
enum line_ending {
	LINE_CRLF,
	LINE_LF,
	LINE_LONG,
	LINE_ENDLESS /* over STREAM_LINE_MAX octets were passed over */
};
#define STREAM_LINE_MAX (1024UL * 1024)
bool stream_take_line(struct stream *, size_t max, struct span *line,
    enum line_ending *) MUST_USE;

/*
 * Output. Flushes by itself when STREAM_OUT_MAX would be passed. TEMP 4.4.2: as
 * of stream_fill(); after one, each later flush fails at once, with EPIPE.
 */
enum outcome stream_put(struct stream *, struct span, struct fault *) MUST_USE;
enum outcome stream_flush(struct stream *, struct fault *) MUST_USE;

#endif
