/* SPDX-License-Identifier: ISC */
/*
 * scram_keys.h: what is kept of a password for SCRAM-SHA-256, and the proofs of
 * clients who know it. Whoever has the keys can check a proof, and try guesses
 * at the price of the iterations; to log in with them he would have to find the
 * password. Source: RFC 5802 3, RFC 7677, as text RFC 5803 3.
 *
 *	SCRAM-SHA-256$10000:SALT$STOREDKEY:SERVERKEY
 */
#ifndef RESOLVE_SCRAM_KEYS_H
#define RESOLVE_SCRAM_KEYS_H

#include "scram.h"

#define SCRAM_SALT_LEN 16 /* octets of one that is drawn here. RFC 7677: 16 */
/* Octets of the text: the salt's and the keys' base64, and what is between. */
#define SCRAM_TEXT_MAX 224

struct scram_keys {
	uint64_t iterations;
	unsigned char salt[SCRAM_SALT_MAX];
	size_t salt_len;
	unsigned char stored[SCRAM_HASH_LEN], server[SCRAM_HASH_LEN];
};

/*
 * Of a password, which is prepared as clients do: NFKC, other spaces are a
 * space, what SASLprep maps to nothing is gone (RFC 4013 2.1, 2.2). Where that
 * leaves nothing, or is not possible, it is taken as it is.
 */
void scram_keys_make(struct span password, uint64_t iterations,
    const unsigned char *salt, size_t salt_len, struct scram_keys *);
/* The text with a salt drawn here. */
void scram_keys_text(
    struct span password, uint64_t iterations, char out[SCRAM_TEXT_MAX]);
/* False: it is no such text. */
bool scram_keys_parse(struct span text, struct scram_keys *);
/* Does the proof show that the client has the password? *signature shows it that
   we have its keys; in constant time, and set in any case. */
bool scram_keys_verify(const struct scram_keys *, struct span message,
    const unsigned char proof[SCRAM_HASH_LEN],
    unsigned char signature[SCRAM_HASH_LEN]);

#endif
