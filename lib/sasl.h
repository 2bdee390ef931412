/* SPDX-License-Identifier: ISC */
/*
 * sasl.h: one authentication exchange, for SMTP (RFC 4954) and POP3 (RFC 5034):
 * PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and -PLUS (RFC 5802, 7677).
 *
 * The session reads lines and says what the exchange answers; names, passwords
 * and proofs are judged by auth, and paid for, through lib/logins.
 */
#ifndef LIB_SASL_H
#define LIB_SASL_H

#include "logins.h"
#include "scram.h"
#include "settings.h"

/* Octets of base64 in a line of an exchange: RFC 4954 4. Of the line: with the
   command and CRLF. */
#define SASL_TEXT_MAX 12288
#define SASL_LINE_MAX (SASL_TEXT_MAX + 64)

enum sasl_mechanism {
	SASL_SCRAM_PLUS, /* the best first: so they are announced */
	SASL_SCRAM,
	SASL_PLAIN,
	SASL_LOGIN, /* draft-murchison-sasl-login-00; many clients of SMTP */
	SASL_MECHANISMS
};
#define SASL_HAS(mechanism) (1U << (mechanism))
#define SASL_NAMES_MAX      64 /* octets of all their names, with a 0 */

/* Something that both ends of one TLS connection know and nobody else. */
struct sasl_binding {
	const char *type; /* one of those below; NULL: not to be had */
	unsigned char octets[SCRAM_BINDING_MAX];
	size_t len;
};
#define SASL_BINDINGS  2
#define SASL_EXPORTER  "tls-exporter" /* RFC 9266 */
#define SASL_END_POINT "tls-server-end-point" /* RFC 5929 4 */

struct sasl_offer {
	unsigned mechanisms; /* bits: SASL_HAS() */
	struct sasl_binding binding[SASL_BINDINGS];
};

/* What comes of a line of the client. */
enum sasl_result {
	SASL_MORE, /* send `text` as a challenge, then take a line more */
	SASL_DONE, /* `who` it is */
	SASL_FAILED, /* why: as of logins_try(), paid for */
	SASL_MALFORMED, /* 5.5.2: no base64, or not what it should be; 5.5.4 */
	SASL_CANCELLED /* by the client */
};

/*
 * What [auth] lets us offer: PLAIN, and where auth has keys for it SCRAM. LOGIN
 * and what binds to a channel are the caller's to add.
 */
void sasl_offer_make(struct sasl_offer *, const struct settings *);
/* May any of it be used, as [auth] plaintext says? */
bool sasl_is_open(const struct settings *, bool is_encrypted, bool is_loopback);
/* -PLUS too, where SCRAM is offered. type as above; octets: at most
   SCRAM_BINDING_MAX; 0 of them: it is not to be had. */
void sasl_offer_binding(
    struct sasl_offer *, const char *type, const void *octets, size_t len);

struct sasl {
	struct logins *logins;
	const struct sasl_offer *offer;
	enum sasl_mechanism mechanism;
	unsigned step;
	struct buf text; /* of a challenge, in base64 */
	struct auth_ans who;
	char user[AUTH_USER_MAX + 1], authzid[AUTH_USER_MAX + 1];
	struct buf nonce, message; /* of SCRAM: both halves; AuthMessage */
	struct buf binding; /* what c= must say */
};

/* The mechanisms as they are announced, a space between two. */
void sasl_names(unsigned mechanisms, char out[SASL_NAMES_MAX]);
const char *sasl_name(enum sasl_mechanism);
/* By name, in any case; false: there is none of that name. */
bool sasl_find(struct span name, enum sasl_mechanism *);

/*
 * Begin with one that is offered; logins and offer must live as long.
 * initial: what stood behind the mechanism's name, in base64, "=" if it is
 * empty; SPAN_EMPTY: nothing did.
 */
enum sasl_result sasl_begin(struct sasl *, struct logins *,
    const struct sasl_offer *, enum sasl_mechanism, struct span initial,
    struct fault *why);
/* After SASL_MORE: the client's next line. */
enum sasl_result sasl_next(struct sasl *, struct span line, struct fault *why);
void sasl_end(struct sasl *); /* wipes; after any result but SASL_MORE too */

#endif
