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
	struct recipient *recipient;
	size_t recipients;
};

void envelope_begin(struct envelope *);
void envelope_free(struct envelope *);
enum outcome envelope_add_recipient(struct envelope *, const struct path *,
    struct span notify, struct span orcpt, struct fault *) MUST_USE;

/* Fits the facts into one line? (one recipient, record short enough) */
bool envelope_fits_one(const struct envelope *);

/* `Pneu: one ... ` CRLF appended to b; sets e->start and the shape. */
enum outcome envelope_put_one(
    struct buf *b, struct envelope *, struct fault *) MUST_USE;
/* The notice: the same record with LF, without `Pneu: `. */
enum outcome envelope_put_notice(
    struct buf *b, const struct envelope *, struct fault *) MUST_USE;
/* envelope, client, from, to..., end check=, LF ends. */
enum outcome envelope_put_apart(
    struct buf *b, struct envelope *, struct fault *) MUST_USE;

/*
 * Read. in: the start of the file (one: its first line at least) or the whole
 * of an envelope file. `done` and `try` lines after `end` are applied; one
 * without this qid, and a torn last line, do not count.
 *
 * OK	*e is set; free it
 * PERM	5.3.0 cannot be believed: aside
 * TEMP	4.3.0 a newer version than ENVELOPE_VERSION, or no memory
 */
enum outcome envelope_get(
    struct span in, struct envelope *e, struct fault *) MUST_USE;
/* The same for a notice line. */
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
	struct span notice; /* done: qid of the report, or empty */
	struct span text; /* try: why */
};
enum outcome envelope_put_done(struct buf *b, const struct qid *,
    const struct envelope_event *, struct fault *) MUST_USE;
enum outcome envelope_put_try(struct buf *b, const struct qid *,
    const struct envelope_event *, struct fault *) MUST_USE;

/* Digest of content as it passes; libsodium's BLAKE2b-256. */
struct envelope_digest {
	unsigned char state[384]; /* crypto_generichash_state, aligned */
} __attribute__((aligned(64)));
void envelope_digest_begin(struct envelope_digest *);
void envelope_digest_add(struct envelope_digest *, struct span);
void envelope_digest_end(
    struct envelope_digest *, unsigned char out[ENVELOPE_DIGEST_LEN]);

#endif
