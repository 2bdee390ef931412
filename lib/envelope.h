/* SPDX-License-Identifier: ISC */
/*
 * envelope.h: what the queue knows of a message, in its two shapes.
 *
 * One codec for both: `Pneu: one ...` CRLF before the content in one file, or
 * a file of records of its own beside message/<shard>/<qid>. Facts and
 * addresses, never commands or configuration. Source: ours, doc/PROTOCOL.md.
 */
#ifndef LIB_ENVELOPE_H
#define LIB_ENVELOPE_H

#include "buf.h"
#include "path.h"
#include "qid.h"
#include "record.h"

#define ENVELOPE_VERSION    1 /* a newer one is refused with a clear word */
#define ENVELOPE_ONE_MAX    998 /* octets of the one line, RFC 5322 2.1.1 */
#define ENVELOPE_DIGEST_LEN 32 /* BLAKE2b-256 */
#define ENVELOPE_RCPT_MAX   100000

enum envelope_shape { ENVELOPE_ONE, ENVELOPE_APART };

/* How one recipient stands. */
enum recipient_state {
	RECIPIENT_WAITS = 0,
	RECIPIENT_DONE, /* delivered, relayed or distributed */
	RECIPIENT_FAILED, /* perm; `notice` is the qid of the report, if any */
};

struct recipient {
	uint32_t n; /* 1, 2, ...; its number for life */
	enum recipient_state state;
	uint32_t deaths; /* `try` lines that say a stage died on it */
	uint32_t tries; /* all `try` lines */
	struct path forward_path;
	char *notify; /* RFC 3461 4.1 as given, or NULL; owned */
	char *orcpt; /* RFC 3461 4.2 as given, or NULL; owned */
};

struct envelope {
	enum envelope_shape shape;
	struct qid qid;
	uint64_t time_ms; /* of acceptance */
	uint64_t start; /* where size, digest and skip begin in the content's
			     file; for one file the length of its first line */
	uint64_t size;
	unsigned char digest[ENVELOPE_DIGEST_LEN];
	uint64_t skip; /* octets of Return-Path: and Delivered-To: */
	bool dots; /* some line begins with a dot (or: not known) */
	struct path reverse_path;
	struct buf body; /* "7BIT", "8BITMIME", "BINARYMIME" or empty */
	struct buf ret, envid; /* RFC 3461 4.3, 4.4 or empty */
	bool smtputf8;
	struct buf ip, name, helo, proto, user; /* facts of the client */
	struct recipient *recipient; /* in order of n */
	size_t recipients, recipients_cap;
};

void envelope_begin(struct envelope *);
void envelope_free(struct envelope *); /* empty, usable again */
void envelope_reset(struct envelope *); /* empty, keeps its memory */
enum outcome envelope_add_recipient(struct envelope *, const struct path *,
    struct span notify, struct span orcpt, struct fault *) MUST_USE;

void envelope_drop_recipients(struct envelope *); /* all of them */
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
 * Apart: `apart version= qid= time= start= size= digest= skip= [dots=0]`, and
 * who reads it reads the envelope file for the rest.
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
 * (one: its first line at least) or the whole of an envelope file. `done` and `try` lines after `end` are applied; one
 * without this qid, and a torn last line, do not count.
 *
 * OK	*e is set; free it
 * PERM	5.3.0 cannot be believed: aside
 * TEMP	4.3.0 a newer version than ENVELOPE_VERSION, or no memory
 */
enum outcome envelope_get(
    struct span in, struct envelope *e, struct fault *) MUST_USE;
/* The same for a notice line; apart: without addresses and recipients. */
enum outcome envelope_get_notice(
    struct span line, struct envelope *e, struct fault *) MUST_USE;

/* Lines appended to an envelope file as things happen. */
struct envelope_event {
	uint32_t n;
	uint64_t time_ms;
	enum outcome outcome;
	bool died; /* a try that killed its stage */
	struct span code; /* enhanced code */
	struct span how; /* done: mailbox, copy, ...; or empty */
	struct span path; /* done: where, or empty */
	struct span host; /* try: with whom, or empty */
	struct span notice; /* done: qid of the report, or empty */
	struct span text; /* try: why */
};
enum outcome envelope_put_done(struct buf *b, const struct qid *,
    const struct envelope_event *, struct fault *) MUST_USE;
enum outcome envelope_put_try(struct buf *b, const struct qid *,
    const struct envelope_event *, struct fault *) MUST_USE;

/* A path in a record, with its < >, both ways; wire_add speaks it too. */
void envelope_put_path(struct record_out, const char *key, const struct path *);
enum outcome envelope_take_reverse_path(
    struct record *, const char *key, struct path *, struct fault *) MUST_USE;
enum outcome envelope_take_forward_path(
    struct record *, const char *key, struct path *, struct fault *) MUST_USE;
/* The parameters of MAIL that both keep: body smtputf8 ret envid. */
void envelope_put_parameters(struct record_out, const struct envelope *);
bool envelope_take_parameters(struct record *, struct envelope *);
/* The facts of the client: ip name helo proto user. */
void envelope_put_client(struct record_out, const struct envelope *);
bool envelope_take_client(struct record *, struct envelope *);
/* 64 lower-case hex digits. */
void envelope_put_digest(
    struct record_out, const unsigned char digest[ENVELOPE_DIGEST_LEN]);
bool envelope_take_digest(
    struct record *, unsigned char digest[ENVELOPE_DIGEST_LEN]);

#define ENVELOPE_NOTIFY_MAX 40 /* "SUCCESS,FAILURE,DELAY" with room */
#define ENVELOPE_ORCPT_MAX  500 /* octets. RFC 3461 4.2 */

/* Digest of content as it passes; libsodium's BLAKE2b-256. */
struct envelope_digest {
	unsigned char state[384]; /* crypto_generichash_state, aligned */
} __attribute__((aligned(64)));
void envelope_digest_begin(struct envelope_digest *);
void envelope_digest_add(struct envelope_digest *, struct span);
void envelope_digest_end(
    struct envelope_digest *, unsigned char out[ENVELOPE_DIGEST_LEN]);

#endif
