/* SPDX-License-Identifier: ISC */
/*
 * tls_server.h: what a process that serves TLS keeps from session to session:
 * chains, and the rules of all its sessions. Private keys are not here: tls-keys
 * signs. A change of certificates is noticed before the next handshake, in
 * memory that is shared, without a system call.
 *
 * Only ciphers with forward secrecy and AEAD, X25519, P-256 and P-384, in the
 * server's order. No renegotiation, no compression, no early data; neither the
 * environment nor openssl.cnf changes any of it.
 */
#ifndef LIB_TLS_SERVER_H
#define LIB_TLS_SERVER_H

#include <openssl/types.h>

#include "service.h"
#include "settings.h"
#include "wire_tls.h"

#define TLS_NAME_MAX 255 /* octets of a server name. RFC 6066 3, RFC 1035 */

#define TLS_BINDING_MAX 64 /* octets */

struct tls_context; /* one a label: a certificate, or one each of RSA and EC */

struct tls_server {
	const struct settings *set;
	const char *role; /* "smtpd mx": a ticket is good for this one alone */
	OSSL_LIB_CTX *lib; /* NULL: TLS is not set up */
	struct service keys;
	struct tls_shared *shared; /* NULL: none, in a shell */
	uint64_t generation; /* of what is loaded */
	uint64_t failed_ms; /* tls-keys could not say: monotonic; 0: it could */
	struct tls_context *context[TLS_CHAINS_MAX];
	size_t contexts;
	void
	    *roots; /* X509_STORE of client certificates; NULL: none is asked */
};

/*
 * Before the sandbox: OpenSSL, roots, and the way to tls-keys (lib/service starts
 * one where none listens). Nothing is done when it is not wanted, or no [tls]
 * certificate is set. role: static text. That tls-keys does not answer now is no
 * fault.
 *
 * TEMP	OpenSSL, no memory; roots of clients that cannot be read
 */
enum outcome tls_server_begin(struct tls_server *, const struct settings *,
    const char *role, bool wanted, struct fault *) MUST_USE;
void tls_server_free(struct tls_server *);
/* Can it be offered to clients? */
bool tls_server_is_set(const struct tls_server *);
/*
 * Have the chains that are in force now. TEMP 4.7.0: there are none, and TLS
 * cannot be had.
 */
enum outcome tls_server_look(struct tls_server *, struct fault *) MUST_USE;

/* For tls_accept(): the context of the first label, which is the default. */
SSL_CTX *tls_server_context(const struct tls_server *);
/* RFC 5929 4, of the certificate that this client was shown: for a session that
   was resumed, when it began. How many octets; 0: there is none. */
size_t tls_server_end_point(SSL *, unsigned char out[TLS_BINDING_MAX]);
/* Letters, digits, hyphens and dots, 1 to 255 of them. */
bool tls_name_is_plain(const char *name);

#endif
