/* SPDX-License-Identifier: ISC */
/*
 * scram.h: the messages of a SCRAM exchange, as a server reads and writes them.
 *
 *	client	n,,n=bob,r=NONCE
 *	server	r=NONCE...,s=SALT,i=10000
 *	client	c=biws,r=NONCE...,p=PROOF
 *	server	v=SIGNATURE
 *
 * Only their text is known here: keys and proofs are auth's. Everything is
 * bounded, and what the grammar does not allow is refused. Source: RFC 5802 5
 * to 7, RFC 7677.
 */
#ifndef LIB_SCRAM_H
#define LIB_SCRAM_H

#include "buf.h"
#include "path.h"

#define SCRAM_HASH_LEN    32 /* octets of SHA-256. RFC 7677 */
#define SCRAM_NONCE_MAX   128 /* octets of a client's nonce. Ours */
#define SCRAM_NONCE_OURS  24 /* characters: 18 octets at random. Ours */
#define SCRAM_SALT_MAX    64 /* octets. Ours */
#define SCRAM_USER_MAX    PATH_TEXT_MAX /* octets of a name */
#define SCRAM_MESSAGE_MAX 1024 /* octets of a client's message. Ours */
/* Least iterations: RFC 7677 4. Most: a minute of a slow phone. Ours */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 1000000
/* Octets of the data that bind an exchange to its channel: of a certificate's
   hash, SHA-512 at most (RFC 5929 4.1), of an exporter 32 (RFC 9266 2). */
#define SCRAM_BINDING_MAX 64

/* What a client says of channel binding. RFC 5802 6. */
enum scram_flag {
	SCRAM_NOT, /* n: it cannot bind */
	SCRAM_COULD, /* y: it could, and thinks that we cannot */
	SCRAM_BINDS /* p=: it does, by the type of that name */
};

struct scram_first {
	enum scram_flag flag;
	struct span type; /* of SCRAM_BINDS */
	struct span header; /* as it stands, with its last comma: `n,,` */
	struct span bare; /* all after it */
	struct span nonce; /* these all borrow from the message */
	char authzid[SCRAM_USER_MAX + 1]; /* "": none was said */
	char user[SCRAM_USER_MAX + 1];
};

struct scram_final {
	unsigned char binding[512]; /* what c= says, decoded */
	size_t binding_len;
	struct span nonce, bare; /* bare: without the proof */
	unsigned char proof[SCRAM_HASH_LEN];
};

/*
 * The message of a client, decoded from base64.
 *
 * OK	its fields; names have no =2C and =3D in them any more
 * PERM	5.5.2 it is none; 5.5.4 it has an extension that must be understood (m=)
 */
enum outcome scram_first_parse(
    struct span message, struct scram_first *, struct fault *) MUST_USE;
enum outcome scram_final_parse(
    struct span message, struct scram_final *, struct fault *) MUST_USE;

/* Append a nonce's second half, drawn here; SCRAM_NONCE_OURS characters. */
void scram_draw_nonce(struct buf *);
/* Append `r=...,s=...,i=...`; salt is in base64 already. */
void scram_put_first(
    struct buf *, struct span nonce, struct span salt, uint64_t iterations);

/*
 * Base64 as RFC 4648 4 has it and not otherwise: no white space, the padding
 * whole, the bits over 0. False: it is something else, or over max octets.
 */
bool scram_decode(
    struct span text, unsigned char *out, size_t max, size_t *len);
/* Append it. */
void scram_encode(struct buf *, const void *octets, size_t len);

#endif
