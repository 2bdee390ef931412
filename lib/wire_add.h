/* SPDX-License-Identifier: ISC */
/*
 * wire_add.h: a message into the queue, both ends.
 *
 *	add qid=... from=... [body=] [smtputf8=1] [ret=] [envid=] [ip=] [name=]
 *	    [helo=] [proto=] [user=]
 *	to path=... [notify=] [orcpt=]			one for each recipient
 *	data size=N					at most ADD_INLINE_MAX
 *	N octets
 *	end
 *
 * answered `ok qid=`, `exists qid=`, `temp qid= code= text=` or `perm ...`.
 * Larger, over a socket: `data fd=1` ; queue-add creates the file and answers
 * `write qid= offset=` with its descriptor (SCM_RIGHTS), positioned behind what
 * queue-add wrote itself; the client writes the content, syncs, closes and
 * sends `written size= digest= [dots=0]` (of what the client wrote), then `end`;
 * or `drop [text=]`, which is not answered: the message is taken back. text: the
 * disk failed it, and this is how.
 * Larger, over a pipe: `data chunked=1`, then `chunk size=N` LF N octets each
 * at most ADD_INLINE_MAX, then `end`.
 *
 * Content has CRLF ends only, ends with one, and begins with the trace field.
 * queue-add puts Return-Path: and, for one recipient, Delivered-To: before it.
 */
#ifndef LIB_WIRE_ADD_H
#define LIB_WIRE_ADD_H

#include "envelope.h"
#include "record.h"

#define ADD_INLINE_MAX 65536 /* octets: a round's share of one message */

/* `add` and its `to` lines from an envelope (its facts, not its sizes). */
enum outcome wire_add_put(
    struct buf *, const struct envelope *, struct fault *) MUST_USE;
void wire_add_put_end(struct buf *);

/* The lines one at a time, in any state. */
enum add_word {
	ADD_ADD, /* e (begun by the caller) is emptied and filled */
	ADD_TO, /* e: has one recipient more */
	ADD_DATA, /* size: octets that follow */
	ADD_DATA_FD,
	ADD_DATA_CHUNKED,
	ADD_CHUNK, /* size */
	ADD_WRITTEN, /* size, digest, dots */
	ADD_DROP, /* text */
	ADD_END
};
struct add_line {
	enum add_word word;
	uint64_t size;
	unsigned char digest[ENVELOPE_DIGEST_LEN];
	bool dots;
	char text[FAULT_TEXT_MAX]; /* "": none */
};
/* All but ADD_ADD and ADD_TO. `data size=N` is followed by the octets. */
enum outcome wire_add_put_line(
    struct buf *, const struct add_line *, struct fault *) MUST_USE;
/*
 * TEMP: malformed; the peer is ended (f->code 4.3.0), or too many recipients
 * (4.5.3). PERM: a bad address, 5.1.x; out->word is set.
 */
enum outcome wire_add_get(struct span line, struct envelope *e,
    struct add_line *, struct fault *) MUST_USE;

enum add_answer { ADD_OK, ADD_EXISTS, ADD_WRITE, ADD_FAILED };
enum outcome wire_add_put_answer(struct buf *, enum add_answer,
    const struct qid *, uint64_t offset, const struct fault *why,
    struct fault *) MUST_USE;
/*
 * OK: *answer is ADD_OK, ADD_EXISTS or ADD_WRITE (offset set). TEMP, PERM: the
 * fault is the answer. TEMP with EPROTO: it is none, or for another qid.
 */
enum outcome wire_add_get_answer(struct span line, const struct qid *,
    enum add_answer *answer, uint64_t *offset, struct fault *) MUST_USE;

#endif
