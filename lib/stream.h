/* SPDX-License-Identifier: ISC */
/*
 * stream.h: one session's octets, in and out, with its buffers inside, plain or
 * through a layer (TLS): dropping what was buffered is one call.
 *
 * Deadlines are the sockets' own (SO_RCVTIMEO, SO_SNDTIMEO, set on the
 * listener and inherited); on a pipe or a terminal poll() keeps the same
 * time. Output is collected and written by stream_flush(), which
 * stream_fill() calls first when it would have to wait: replies of pipelined
 * commands leave in one write. SIGTERM shortens a wait to SERVE_DRAIN_MS.
 */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include <sys/types.h>

#include "buf.h"

#define STREAM_IN_MAX  65536 /* octets that wait unread */
#define STREAM_OUT_MAX 65536 /* octets that wait to be written */

struct stream;

/*
 * What lies between the buffers and the descriptors, once stream_set_layer()
 * was called. It moves octets with stream_raw_read() and stream_raw_write().
 */
struct stream_layer {
	/*
	 * Octets for the session: how many; 0: nothing yet, or *ended. -1: the
	 * fault. It waits for the peer once at most, so that whoever calls can
	 * look at the clock.
	 */
	ssize_t (*read)(void *arg, struct stream *, char *p, size_t room,
	    bool *ended, struct fault *);
	/* Some of w, at least one octet; -1: the fault. */
	ssize_t (*write)(
	    void *arg, struct stream *, struct span w, struct fault *);
};

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
	const struct stream_layer *layer; /* NULL: plain */
	void *layer_arg;
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
 * From here to the end of the session all goes through the layer. What was read
 * before and not consumed is forgotten: it was not said through the layer.
 * RFC 3207 4.2.
 */
void stream_set_layer(struct stream *, const struct stream_layer *, void *arg);
/*
 * For a layer: one recv() and one send(), or what does the same to a pipe, with
 * the stream's deadlines. -1: the fault, as of stream_fill(); read: 0 at the end
 * of input.
 */
ssize_t stream_raw_read(struct stream *, char *p, size_t room, struct fault *);
ssize_t stream_raw_write(struct stream *, struct span, struct fault *);

/*
 * Read more. OK: octets came, or ended is set (end of input); through a layer
 * perhaps neither, only a part of what it needs. TEMP 4.4.2: the deadline passed (error ETIMEDOUT), or the connection broke.
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
