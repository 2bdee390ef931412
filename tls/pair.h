/* SPDX-License-Identifier: ISC */
/* pair.h: a certificate with its chain, and the key that belongs to it. */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <openssl/x509.h>

#include "wire_tls.h"

#define PAIR_PATH_MAX 1023 /* octets of a file's name. Ours */

/* "LABEL CHAINFILE [KEYFILE]": without KEYFILE the key is in CHAINFILE, too. */
struct pair_names {
	char label[TLS_LABEL_MAX + 1];
	char chain[PAIR_PATH_MAX + 1], key[PAIR_PATH_MAX + 1];
};

struct pair {
	struct buf pem; /* the certificates alone, the server's own first */
	EVP_PKEY *key;
	uint64_t number; /* tls_key_number() */
};

/* PERM 5.3.5: it is no such line. */
enum outcome pair_parse(
    struct span line, struct pair_names *, struct fault *) MUST_USE;

/*
 * A file of at most TLS_CHAIN_MAX octets, appended to b. PERM 5.3.5: it is not
 * there, or not for us, too large, or damaged (pair_damage()).
 */
enum outcome pair_read_file(
    const char *path, struct buf *, struct fault *) MUST_USE;
/*
 * What is wrong with a file of certificates or keys as a whole; NULL: nothing.
 * Transfers in text mode are told: they cannot be mended, only done again.
 */
const char *pair_damage(struct span octets);

/*
 * Read and check both. PERM 5.3.5: a file is not right, or the key is not the
 * certificate's, or of a kind that cannot be used; *pair is empty then. Free
 * with pair_free().
 */
enum outcome pair_load(
    const struct pair_names *, struct pair *, struct fault *) MUST_USE;
void pair_free(struct pair *);
/* All certificates of a file, as a STACK_OF(X509); PERM: as pair_load(). */
enum outcome pair_read_certificates(
    const char *path, STACK_OF(X509) * *out, struct fault *) MUST_USE;

#endif
