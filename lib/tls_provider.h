/* SPDX-License-Identifier: ISC */
/*
 * tls_provider.h: private keys that are not here. An OpenSSL provider with
 * key management and signatures for RSA and EC: the public half of a key lies
 * in this process, and for each signature a function is asked, which reaches
 * whoever has the other half.
 *
 * What is asked for is a signature of a digest by a named scheme, never a bare
 * RSA operation: the padding is made where the key is.
 */
#ifndef LIB_TLS_PROVIDER_H
#define LIB_TLS_PROVIDER_H

#include <openssl/evp.h>
#include <openssl/types.h>

#include "fault.h"

#define TLS_SIGNATURE_MAX 1024 /* octets: RSA of 8192 bits. Ours */
#define TLS_DIGEST_MAX    64 /* octets: SHA-512 */

/* How a digest is signed. RFC 8446 4.2.3, RFC 5246 7.4.1.4.1. */
enum tls_scheme {
	TLS_SIGN_ECDSA,
	TLS_SIGN_PKCS1, /* RSASSA-PKCS1-v1_5 */
	TLS_SIGN_PSS, /* RSASSA-PSS, salt as long as the digest */
	TLS_SCHEMES
};

struct tls_to_sign {
	uint64_t key; /* which one: whoever signs gave it that number */
	enum tls_scheme scheme;
	const char *digest_name; /* OpenSSL's: "SHA2-256" */
	const unsigned char *digest;
	size_t digest_len;
};

/* OK: out has *len octets. Else the handshake fails. */
typedef enum outcome (*tls_sign_function)(void *arg, const struct tls_to_sign *,
    unsigned char out[TLS_SIGNATURE_MAX], size_t *len, struct fault *);

/*
 * Load it into a library context that has the default provider: one for each
 * process, whose keys all ask `sign` (with arg).
 */
enum outcome tls_provider_load(
    OSSL_LIB_CTX *, tls_sign_function sign, void *arg, struct fault *) MUST_USE;
/*
 * A private key that is elsewhere, for the public one. NULL: its kind is
 * neither RSA nor EC. Caller frees with EVP_PKEY_free().
 */
EVP_PKEY *tls_provider_key(OSSL_LIB_CTX *, EVP_PKEY *pub, uint64_t number);
/* What stands for this in "?property" queries: keys and all else not ours. */
#define TLS_PROVIDER_OTHERS "?provider=default"

#endif
