/* SPDX-License-Identifier: ISC */
/*
 * envelope.h: what is known of a message: facts and addresses, never commands
 * or configuration. How it crosses to queue-add is wire_add's affair, how it
 * lies on disk the queue's.
 */
#ifndef LIB_ENVELOPE_H
#define LIB_ENVELOPE_H

#include "buf.h"
#include "path.h"
#include "qid.h"
#include "record.h"

#define ENVELOPE_DIGEST_LEN 32 /* BLAKE2b-256 */
#define ENVELOPE_RCPT_MAX   100000

/* In one file with its content, or a file of its own. */
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
	uint64_t next_ms; /* not tried before; wall time, 0: at once */
	bool warned; /* its sender was told of the delay */
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
/* What both keep of a recipient: its path under that key, notify, orcpt. */
void envelope_put_recipient(
    struct record_out, const char *key, const struct recipient *);
/* 64 lower-case hex digits. */
void envelope_put_hash(struct record_out, const char *key,
    const unsigned char hash[ENVELOPE_DIGEST_LEN]);
bool envelope_take_hash(
    struct record *, const char *key, unsigned char hash[ENVELOPE_DIGEST_LEN]);

#define ENVELOPE_ENVID_MAX  100 /* octets. RFC 3461 4.4 */
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
