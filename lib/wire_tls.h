/* SPDX-License-Identifier: ISC */
/*
 * wire_tls.h: what smtpd and pop3d say to tls-keys, both ends, and the memory
 * that they share.
 *
 *	chains
 *	ok size=N generation=G		with a descriptor: N octets of chains
 *	sign key=K scheme=pss digest=SHA2-256 value=HEX
 *	ok signature=HEX
 *
 * The chains, in memory that nobody can change any more:
 *
 *	chain label=L key=K size=N	N octets of PEM, the server's own first
 */
#ifndef LIB_WIRE_TLS_H
#define LIB_WIRE_TLS_H

#include <stdatomic.h>

#include "record.h"
#include "tls_provider.h"

#define TLS_SOCKET     "run/tls-keys"
#define TLS_LABEL_MAX  64 /* octets of a label. Ours */
#define TLS_CHAINS_MAX 64 /* chains in force. Ours */
#define TLS_CHAIN_MAX  65536 /* octets of PEM: some twenty certificates. Ours */

struct tls_chain {
	char label[TLS_LABEL_MAX + 1];
	uint64_t key; /* tls_key_number() */
	struct span pem;
};

enum outcome wire_tls_put_chain(
    struct buf *, const struct tls_chain *, struct fault *) MUST_USE;
/* The next of all that is in *rest; pem borrows from it. TEMP: it is none. */
enum outcome wire_tls_get_chain(
    struct span *rest, struct tls_chain *, struct fault *) MUST_USE;

/* What names a key: a hash of its public half, so that it is the same after
   a restart. Never 0. */
enum outcome tls_key_number(
    EVP_PKEY *pub, uint64_t *number, struct fault *) MUST_USE;

#define WIRE_TLS_CHAINS SPAN_LIT("chains\n")
enum outcome wire_tls_put_sign(
    struct buf *, const struct tls_to_sign *, struct fault *) MUST_USE;
struct tls_sign_req {
	uint64_t key;
	enum tls_scheme scheme;
	char digest_name[16]; /* one of SHA2-256, SHA2-384, SHA2-512 */
	unsigned char digest[TLS_DIGEST_MAX];
	size_t digest_len;
};
/* Either of both: *chains says which. */
enum outcome wire_tls_get_req(struct span line, bool *chains,
    struct tls_sign_req *, struct fault *) MUST_USE;

/* Generation: of the shared memory, when these chains were taken; 0: none. */
enum outcome wire_tls_put_size(
    struct buf *, uint64_t size, uint64_t generation, struct fault *) MUST_USE;
enum outcome wire_tls_get_size(struct span line, uint64_t *size,
    uint64_t *generation, struct fault *) MUST_USE;
enum outcome wire_tls_put_signature(
    struct buf *, const unsigned char *, size_t len, struct fault *) MUST_USE;
enum outcome wire_tls_get_signature(struct span line,
    unsigned char out[TLS_SIGNATURE_MAX], size_t *len, struct fault *) MUST_USE;

/* ---- The memory. ---- */

#define TLS_SHARED_ENV "PNEU_TLS" /* a descriptor: it */

/* Of session tickets. RFC 5077 4: a name, and a key for each of two uses. */
#define TLS_TICKET_NAME 16
#define TLS_TICKET_KEY  32
struct tls_ticket_key {
	unsigned char name[TLS_TICKET_NAME];
	unsigned char cipher[TLS_TICKET_KEY], mac[TLS_TICKET_KEY];
	uint64_t
	    until_ms; /* monotonic: from then on it opens nothing; 0: none */
};
#define TLS_TICKET_WORDS (sizeof(struct tls_ticket_key) / 8)

/*
 * Written by tls-keys, read by the workers of all pools, who cannot write it,
 * without a system call.
 */
struct tls_shared {
	_Atomic uint64_t
	    generation; /* of the chains: ask when it has changed */
	_Atomic uint64_t turn; /* of the tickets; odd while they are written */
	_Atomic uint64_t ticket[2][TLS_TICKET_WORDS]; /* in use, and before */
};

/* The descriptor that the environment names, closed then; NULL: none is there. */
struct tls_shared *tls_shared_map(bool writes);
void tls_shared_put_tickets(
    struct tls_shared *, const struct tls_ticket_key key[2]);
void tls_shared_get_tickets(struct tls_shared *, struct tls_ticket_key key[2]);

#endif
