/* SPDX-License-Identifier: ISC */
/*
 * trace.h: the dialogue of sessions, for `pneu trace`, who reads the FIFO
 * run/trace. The supervisor makes it and gives its end for writing to smtpd,
 * pop3d and pop3-session: they can say something there, and read nothing.
 *
 * Whether somebody reads is asked once a session (a FIFO without a reader is
 * POLLERR to poll(2)); while nobody does, that is all it costs. Nobody waits for
 * a reader: what has no room is lost, and counted.
 *
 * What a client says is shown only where it is a command that we know: of AUTH
 * the mechanism, of PASS nothing, and a line that is no command may be half a
 * password. Content is not shown.
 */
#ifndef LIB_TRACE_H
#define LIB_TRACE_H

#include "buf.h"

#define TRACE_PATH     "run/trace"
#define TRACE_ENV      "PNEU_TRACE" /* its descriptor */
#define TRACE_LINE_MAX 1000 /* octets of a line that are shown. Chosen */

struct trace {
	int fd; /* -1: nobody can ask */
	bool on; /* of the session in hand */
	bool answers; /* the client's lines are answers to AUTH */
	const char *program;
	unsigned long pid;
	uint64_t session, lost;
	const char *ip; /* these two the session's, or NULL */
	const char *user; /* "": not known yet */
	uint16_t port;
};

/* By the descriptor that TRACE_ENV names; before the sandbox. */
void trace_open(struct trace *, const char *program);
/* A session begins; user may change while it lasts. */
void trace_begin(
    struct trace *, const char *ip, uint16_t port, const char *user);
/* A line of it, with or without its end. t NULL: nothing. */
void trace_line(struct trace *t, bool by_client, struct span line);

/*
 * What may be shown of a client's line: all of it, its first words, or how long
 * it is. Appended to out. answers: as of the line before, and of this one.
 */
void trace_redact(struct span line, bool *answers, struct buf *out);

#endif
