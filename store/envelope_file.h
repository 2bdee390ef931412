/* SPDX-License-Identifier: ISC */
/*
 * envelope_file.h: an envelope on disk, in its two shapes, and what queue-add
 * tells queue-run of it.
 *
 * One codec for all: `Pneu: one ...` CRLF before the content in one file, or
 * a file of records of its own beside message/<shard>/<qid>. Source:
 * doc/PROTOCOL.md.
 */
#ifndef STORE_ENVELOPE_FILE_H
#define STORE_ENVELOPE_FILE_H

#include "envelope.h"

#define ENVELOPE_VERSION 1 /* a newer one is refused with a clear word */
#define ENVELOPE_ONE_MAX 998 /* octets of the one line, RFC 5322 2.1.1 */

/* Recipients that still wait. */
size_t envelope_waiting(const struct envelope *);

/*
 * `Pneu: one ... ` CRLF appended to b; sets e->start and the shape. PERM
 * 5.3.0: does not fit into one line; b is as before.
 */
enum outcome envelope_put_one(
    struct buf *b, struct envelope *, struct fault *) MUST_USE;
/*
 * The notice to queue-run. One file: the same record with LF, without `Pneu: `.
 * Apart: `apart qid= time=`, for the envelope file has the rest.
 */
enum outcome envelope_put_notice(
    struct buf *b, const struct envelope *, struct fault *) MUST_USE;
/* envelope, client, from, to..., end check=, LF ends; then, for recipients
   that no longer wait, nothing: their `done` lines are the caller's. */
enum outcome envelope_put_apart(
    struct buf *b, struct envelope *, struct fault *) MUST_USE;

/* How an envelope that is one file begins: a header field. */
#define ENVELOPE_ONE_PREFIX "Pneu: "
/* Its first line ends within so many octets of the file. */
#define ENVELOPE_ONE_LINE (ENVELOPE_ONE_MAX + 2)

/*
 * Read. e is begun already; it is emptied first. in: the start of the file
 * (one: its first line at least) or the whole of an envelope file. `done`, `try` and `parked` lines after `end` are applied; one
 * without this qid, and a torn last line, do not count.
 *
 * OK	*e is set; free it
 * PERM	5.3.0 corrupt: aside
 * TEMP	4.3.0 a newer version than ENVELOPE_VERSION
 */
enum outcome envelope_get(
    struct span in, struct envelope *e, struct fault *) MUST_USE;
/* The same for a notice line; apart: without addresses and recipients. */
enum outcome envelope_get_notice(
    struct span line, struct envelope *e, struct fault *) MUST_USE;

/* A line appended to an envelope file as things happen: `try` of a TEMP, but
   `parked` of what was not tried, else `done`. */
struct envelope_event {
	uint32_t n;
	uint64_t time_ms;
	enum outcome outcome;
	struct span code; /* enhanced code */
	struct span how,
	    path; /* done: mailbox, copy, ..., and where; or empty */
	bool died; /* a try that killed its stage */
	bool parked; /* of a TEMP: there was no room; only text is told */
	uint64_t next_ms; /* try: the next one not before, wall time */
	struct span
	    notice; /* qid of the report (try: of the delay), or empty */
	struct span text; /* why; or empty */
};
enum outcome envelope_put_event(struct buf *b, const struct qid *,
    const struct envelope_event *, struct fault *) MUST_USE;

#endif
