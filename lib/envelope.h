/* SPDX-License-Identifier: ISC */
/*
 * envelope.h: what is known of a message: facts and addresses, never commands
 * or configuration. How it crosses to queue-add is wire_add's affair, how it
 * lies on disk the queue's.
 */
#ifndef LIB_ENVELOPE_H
#define LIB_ENVELOPE_H

#include <sodium.h>

#include "path.h"
#include "wire.h"

#define ENVELOPE_DIGEST_LEN WIRE_HASH_LEN /* BLAKE2b-256 */
#define ENVELOPE_RCPT_MAX   100000

/* Octets of its texts. */
#define ENVELOPE_BODY_MAX   16 /* "BINARYMIME" with room. RFC 3030 */
#define ENVELOPE_RET_MAX    8 /* "FULL", "HDRS". RFC 3461 4.3 */
#define ENVELOPE_ENVID_MAX  100 /* RFC 3461 4.4 */
#define ENVELOPE_NOTIFY_MAX 40 /* "SUCCESS,FAILURE,DELAY" with room */
#define ENVELOPE_ORCPT_MAX  500 /* RFC 3461 4.2 */
#define ENVELOPE_IP_MAX     64 /* of IPv6 with its scope, with room */
#define ENVELOPE_PROTO_MAX  32 /* "UTF8SMTPSA". RFC 6531, with room */

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
	/* What its lifetime counts from: the first try after it was parked, for
	   our lack of room is not its age. 0: the acceptance. */
	uint64_t since_ms;
#define RECIPIENT_PARKED UINT64_MAX /* not tried since */
	bool warned; /* its sender was told of the delay */
	struct path forward_path;
	char *notify; /* RFC 3461 4.1 as given, or NULL; owned */
	char *orcpt; /* RFC 3461 4.2 as given, or NULL; owned */
	char *address; /* of an attempt: where an alias leads; NULL; owned */
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
	/* Parameters of MAIL; "": not given. RFC 6152, RFC 3461 4.3, 4.4 */
	char body[ENVELOPE_BODY_MAX + 1];
	char ret[ENVELOPE_RET_MAX + 1], envid[ENVELOPE_ENVID_MAX + 1];
	bool smtputf8;
	/* Facts of the client; "": not known. */
	char ip[ENVELOPE_IP_MAX + 1], name[DOMAIN_MAX + 1];
	char helo[DOMAIN_MAX + 1], proto[ENVELOPE_PROTO_MAX + 1];
	char user[PATH_TEXT_MAX + 1];
	struct recipient *recipient; /* in order of n */
	size_t recipients, recipients_cap;
};

void envelope_begin(struct envelope *);
void envelope_free(struct envelope *); /* empty, usable again */
void envelope_reset(struct envelope *); /* empty, keeps its memory */
/* TEMP 4.5.3: too many */
enum outcome envelope_add_recipient(struct envelope *, const struct path *,
    struct span notify, struct span orcpt, struct fault *) MUST_USE;
void envelope_drop_recipients(struct envelope *); /* all of them */

/* ---- Fields that several records have. ---- */

extern const struct wire_field envelope_parameters[]; /* of MAIL */
extern const struct wire_field envelope_client[]; /* its facts */

/* A path with its < >. PERM 5.1.x: a bad one */
void envelope_put_path(struct record_out, const char *key, const struct path *);
enum outcome envelope_take_path(struct record *, const char *key,
    enum path_kind, struct path *, struct fault *) MUST_USE;

/* Its path under that key, notify, orcpt. */
void envelope_put_recipient(
    struct record_out, const char *key, const struct recipient *);
/*
 * The rest of a record is one recipient more.
 * PERM 5.1.x: a bad address. TEMP 4.3.0: another field is wrong, or one more is
 * there; 4.5.3: too many
 */
enum outcome envelope_take_recipient(struct record *, const char *key,
    struct envelope *, struct fault *) MUST_USE;

/* Digest of content as it passes; libsodium's BLAKE2b-256. */
struct envelope_digest {
	crypto_generichash_state state;
};
void envelope_digest_begin(struct envelope_digest *);
void envelope_digest_add(struct envelope_digest *, struct span);
void envelope_digest_end(
    struct envelope_digest *, unsigned char out[ENVELOPE_DIGEST_LEN]);

#endif
