/* SPDX-License-Identifier: ISC */
/*
 * tls_server.c: chains from tls-keys become contexts of OpenSSL, with the rules
 * that all of them share: versions, ciphers, tickets, certificates of clients.
 */
#include "tls_server.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "clock.h"
#include "fds.h"
#include "mem.h"

/* RFC 9325 4.2: forward secrecy and AEAD; the cheaper first. */
#define CIPHERS_12                                                             \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"           \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"           \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13                                                             \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                       \
	"TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"
/* At least 112 bits: RSA of 2048. SSL_CTX_set_security_level(3) */
#define LEVEL      2
#define RETRY_MS   1000 /* tls-keys is asked again so often at most. Ours */
#define SYSTEM_CA  "/etc/ssl/certs/ca-certificates.crt"
#define OWN_CA     "ca" /* of the home; certs import-ca puts them there */
#define OWN_CA_MAX 256 /* files in it */

struct tls_context {
	char label[TLS_LABEL_MAX + 1];
	SSL_CTX *ctx;
	const struct tls_server *server;
};

static enum outcome
openssl_fault(const char *what, struct fault *f)
{
	unsigned long error = ERR_get_error();
	const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

	ERR_clear_error();
	return fault_set(f, TEMP, "4.7.0", 0, "%s: %s", what,
	    reason == NULL ? "OpenSSL failed" : reason);
}

SSL_CTX *
tls_server_context(const struct tls_server *server)
{
	return server->context[0]->ctx;
}

/* ---- Which certificate: the name that the client asks for. ---- */

bool
tls_name_is_plain(const char *name)
{
	size_t n = 0;

	for (; n <= TLS_NAME_MAX && name[n] != '\0'; n++)
		if (!is_alnum((unsigned char)name[n]) && name[n] != '-' &&
		    name[n] != '.')
			return false;
	return n > 0 && n <= TLS_NAME_MAX;
}

static bool
has_name(const struct tls_context *c, const char *name)
{
	return X509_check_host(SSL_CTX_get0_certificate(c->ctx), name, 0,
	           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

/* An unknown or odd name gets the default: it is no reason to refuse mail. */
static int
choose_by_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *server = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL || !tls_name_is_plain(name))
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < server->contexts; i++) {
		if (!has_name(server->context[i], name))
			continue;
		return SSL_set_SSL_CTX(ssl, server->context[i]->ctx) == NULL
		    ? SSL_TLSEXT_ERR_NOACK
		    : SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* ---- Tickets: keys of the pool, drawn and forgotten by tls-keys. ---- */

static bool
set_ticket_keys(const struct tls_server *server, const struct tls_ticket_key *k,
    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    bool seal)
{
	EVP_CIPHER *aes = EVP_CIPHER_fetch(server->lib, "AES-256-CBC", NULL);
	OSSL_PARAM sha256[] = { OSSL_PARAM_construct_utf8_string(
		                    "digest", (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end() };
	bool ok = aes != NULL &&
	    EVP_MAC_init(mac, k->mac, sizeof(k->mac), sha256) == 1 &&
	    EVP_CipherInit_ex2(cipher, aes, k->cipher, iv, seal, NULL) == 1;

	EVP_CIPHER_free(aes);
	return ok;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0: none; 1; 2: and a new one; -1 */
static int
use_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	const struct tls_server *server =
	    SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	uint64_t now = clock_mono_ms();
	struct tls_ticket_key key[2];
	int got = 0;

	tls_shared_get_tickets(server->shared, key);
	if (seal == 1 && key[0].until_ms > now &&
	    RAND_bytes_ex(server->lib, iv, 16, 0) == 1) {
		memcpy(name, key[0].name, TLS_TICKET_NAME);
		got = set_ticket_keys(server, &key[0], iv, cipher, mac, true)
		    ? 1
		    : -1;
	}
	for (int i = 0; seal == 0 && i < 2 && got == 0; i++)
		if (key[i].until_ms > now &&
		    memcmp(name, key[i].name, TLS_TICKET_NAME) == 0)
			got = set_ticket_keys(
			          server, &key[i], iv, cipher, mac, false)
			    ? 1 + i /* a ticket of the key before is renewed */
			    : -1;
	OPENSSL_cleanse(key, sizeof(key));
	return got;
}

/* ---- The certificate that a client was shown. ---- */

/* By the hash of the certificate's signature; SHA-256 for MD5 and SHA-1. RFC
   5929 4.1. */
static size_t
hash_certificate(X509 *x, unsigned char out[TLS_BINDING_MAX])
{
	int digest = NID_undef;
	const EVP_MD *md;
	unsigned int len = 0;

	if (x == NULL ||
	    X509_get_signature_info(x, &digest, NULL, NULL, NULL) != 1)
		return 0;
	if (digest == NID_md5 || digest == NID_sha1)
		digest = NID_sha256;
	md = EVP_get_digestbynid(digest);
	if (md == NULL || EVP_MD_get_size(md) > TLS_BINDING_MAX ||
	    X509_digest(x, md, out, &len) != 1)
		return 0;
	return len;
}

/* In a ticket: who resumes is shown no certificate, and ours may be another by
   then; and of each resumption there is a new ticket, with a time of its own. */
struct kept {
	uint64_t since_ms; /* the handshake with certificates; monotonic */
	size_t len;
	unsigned char end_point[TLS_BINDING_MAX];
};

static bool
get_kept(SSL_SESSION *session, struct kept *kept)
{
	void *data = NULL;
	size_t len = 0;

	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 ||
	    data == NULL || len != sizeof(*kept))
		return false;
	memcpy(kept, data, sizeof(*kept));
	return kept->len <= TLS_BINDING_MAX;
}

size_t
tls_server_end_point(SSL *ssl, unsigned char out[TLS_BINDING_MAX])
{
	struct kept kept;

	if (SSL_session_reused(ssl) != 1)
		return hash_certificate(SSL_get_certificate(ssl), out);
	if (!get_kept(SSL_get_session(ssl), &kept))
		return 0;
	memcpy(out, kept.end_point, kept.len);
	return kept.len;
}

/* SSL_CTX_set_session_ticket_cb(3): 0 would end the handshake. */
static int
keep(SSL *ssl, void *unused)
{
	struct kept kept = { .since_ms = clock_mono_ms() };

	(void)unused;
	if (SSL_session_reused(ssl) != 1)
		kept.len =
		    hash_certificate(SSL_get_certificate(ssl), kept.end_point);
	else if (!get_kept(SSL_get_session(ssl), &kept))
		return 0;
	return SSL_SESSION_set1_ticket_appdata(
	    SSL_get_session(ssl), &kept, sizeof(kept));
}

/* Else a client that comes often enough would never be asked for a certificate
   again, nor see ours. */
static SSL_TICKET_RETURN
judge_age(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t len,
    SSL_TICKET_STATUS status, void *unused)
{
	const struct tls_server *server =
	    SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct kept kept;

	(void)name, (void)len, (void)unused;
	if ((status != SSL_TICKET_SUCCESS &&
	        status != SSL_TICKET_SUCCESS_RENEW) ||
	    !get_kept(session, &kept) ||
	    clock_mono_ms() - kept.since_ms >
	        2 * server->set->tls.ticket_time_ms)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
	                                    : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- Certificates of clients. ---- */

/* With `ask` a bad one is none: tls->client stays empty. */
static int
take_any(int is_good, X509_STORE_CTX *c)
{
	(void)is_good, (void)c;
	return 1;
}

static enum outcome
add_own_roots(X509_STORE *store, struct fault *f)
{
	DIR *d = opendir(OWN_CA);
	struct dirent *e;
	size_t n = 0;
	char path[sizeof(OWN_CA) + sizeof(e->d_name) + 1];

	while (d != NULL && f->outcome == OK && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), OWN_CA "/%s", e->d_name);
		if (++n > OWN_CA_MAX)
			(void)fault_set(f, PERM, "5.3.5", 0,
			    OWN_CA " has more than %d files", OWN_CA_MAX);
		else if (X509_STORE_load_file(store, path) != 1)
			(void)openssl_fault(path, f);
	}
	if (d != NULL)
		(void)closedir(d);
	return f->outcome;
}

static enum outcome
load_roots(struct tls_server *server, struct fault *f)
{
	const struct tls_settings *set = &server->set->tls;
	X509_STORE *store;

	*f = FAULT_NONE;
	if (set->client_certificates == CLIENT_CERTIFICATES_NO)
		return OK;
	server->roots = store = X509_STORE_new();
	if (store == NULL)
		return openssl_fault("roots", f);
	if (set->ca != CA_OWN && X509_STORE_load_file(store, SYSTEM_CA) != 1)
		return openssl_fault(SYSTEM_CA, f);
	return set->ca == CA_SYSTEM ? OK : add_own_roots(store, f);
}

static void
ask_clients(const struct tls_server *server, SSL_CTX *ctx)
{
	uint64_t rule = server->set->tls.client_certificates;

	if (rule == CLIENT_CERTIFICATES_NO)
		return;
	SSL_CTX_set1_cert_store(ctx, server->roots);
	if (rule == CLIENT_CERTIFICATES_ASK)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
	else
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* ---- Contexts. ---- */

static void
context_free(struct tls_context *c)
{
	if (c != NULL)
		SSL_CTX_free(c->ctx);
	free(c);
}

/*
 * The end of a connection without close_notify is an end as any other: SMTP and
 * POP3 say themselves what is whole.
 */
static bool
set_rules(struct tls_server *server, SSL_CTX *ctx)
{
	bool tickets =
	    server->shared != NULL && server->set->tls.ticket_time_ms > 0;

	SSL_CTX_set_options(ctx,
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
	        SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
	        SSL_OP_CLEANSE_PLAINTEXT | /* passwords were in it */
	        (tickets ? 0 : SSL_OP_NO_TICKET));
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
	        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY); /* see tls.c, may_wait */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(ctx, LEVEL);
	SSL_CTX_set_app_data(ctx, server);
	ask_clients(server, ctx);
	(void)SSL_CTX_set_num_tickets(ctx, tickets ? 1 : 0);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, choose_by_name);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, server);
	if (tickets) {
		(void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_ticket_key);
		(void)SSL_CTX_set_session_ticket_cb(ctx, keep, judge_age, NULL);
	}
	SSL_CTX_set_timeout(
	    ctx, (long)(server->set->tls.ticket_time_ms / 1000));
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1 &&
	    SSL_CTX_set_ciphersuites(ctx, CIPHERS_13) == 1 &&
	    SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 &&
	    SSL_CTX_set_session_id_context(ctx,
	        (const unsigned char *)server->role,
	        (unsigned)strlen(server->role)) == 1;
}

/* The context of a label: one has an RSA and an EC chain at most. */
static struct tls_context *
context_of(struct tls_server *server, struct tls_context *made[], size_t *n,
    const char *label)
{
	struct tls_context *c;

	for (size_t i = 0; i < *n; i++)
		if (strcmp(made[i]->label, label) == 0)
			return made[i];
	if (*n == TLS_CHAINS_MAX)
		return NULL;
	c = mem_new(1, sizeof(*c));
	(void)span_copy(span_of(label), c->label, sizeof(c->label));
	c->ctx = SSL_CTX_new_ex(
	    server->lib, TLS_PROVIDER_OTHERS, TLS_server_method());
	made[(*n)++] = c;
	return c->ctx != NULL && set_rules(server, c->ctx) ? c : NULL;
}

static X509 *
read_certificate(struct tls_server *server, BIO *b)
{
	X509 *x = X509_new_ex(server->lib, NULL);

	if (x != NULL && PEM_read_bio_X509(b, &x, NULL, NULL) == NULL) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static bool
add_rest_of_chain(struct tls_server *server, SSL_CTX *ctx, BIO *b)
{
	X509 *x;
	bool ok = true;

	while (ok && (x = read_certificate(server, b)) != NULL) {
		ok = SSL_CTX_add1_chain_cert(ctx, x) == 1;
		X509_free(x);
	}
	ERR_clear_error(); /* the end of the text */
	return ok;
}

static bool
add_chain(
    struct tls_server *server, SSL_CTX *ctx, const struct tls_chain *chain)
{
	BIO *b = BIO_new_mem_buf(chain->pem.p, (int)chain->pem.len);
	X509 *leaf = b == NULL ? NULL : read_certificate(server, b);
	EVP_PKEY *key = leaf == NULL
	    ? NULL
	    : tls_provider_key(server->lib, X509_get0_pubkey(leaf), chain->key);
	bool ok = key != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	    add_rest_of_chain(server, ctx, b);

	EVP_PKEY_free(key);
	X509_free(leaf);
	BIO_free(b);
	return ok;
}

static enum outcome
make_contexts(struct tls_server *server, struct span chains,
    struct tls_context *made[TLS_CHAINS_MAX], size_t *n, struct fault *f)
{
	while (chains.len > 0) {
		struct tls_context *c;
		struct tls_chain chain;

		if (wire_tls_get_chain(&chains, &chain, f) != OK)
			return f->outcome;
		c = context_of(server, made, n, chain.label);
		if (c == NULL || !add_chain(server, c->ctx, &chain))
			return openssl_fault(chain.label, f);
	}
	if (*n == 0)
		return fault_set(
		    f, TEMP, "4.7.0", 0, "tls-keys has no certificate");
	return OK;
}

static void
free_contexts(struct tls_context *c[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		context_free(c[i]);
}

/* Instead of those before; a session that has one of them keeps it. */
static enum outcome
take_chains(struct tls_server *server, struct span chains, struct fault *f)
{
	struct tls_context *made[TLS_CHAINS_MAX];
	size_t n = 0;

	if (make_contexts(server, chains, made, &n, f) != OK) {
		free_contexts(made, n);
		return f->outcome;
	}
	free_contexts(server->context, server->contexts);
	memcpy(server->context, made, n * sizeof(*made));
	server->contexts = n;
	return OK;
}

/* ---- From tls-keys. ---- */

static enum outcome
read_chains(struct tls_server *server, int fd, uint64_t size, struct fault *f)
{
	enum outcome got;
	struct stat st;
	void *p;

	if (fd == -1 || fstat(fd, &st) != 0 || (uint64_t)st.st_size < size ||
	    size == 0)
		return fault_set(
		    f, TEMP, "4.7.0", 0, "tls-keys has no certificate");
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, "chains");
	got = take_chains(server, (struct span){ p, (size_t)size }, f);
	(void)munmap(p, (size_t)size);
	return got;
}

static enum outcome
ask_chains(struct tls_server *server, struct fault *f)
{
	struct service *keys = &server->keys;
	struct span line;
	uint64_t size, generation;
	enum outcome got;

	keys->takes_fd = true;
	got = service_ask(keys, WIRE_TLS_CHAINS, true, &line, f);
	if (got == OK)
		got = wire_tls_get_size(line, &size, &generation, f);
	if (got == OK)
		got = read_chains(server, keys->received_fd, size, f);
	/* During a reload those of the tls-keys of before may come: then the
	   memory says another one, and they are asked for again. */
	if (got == OK)
		server->generation = generation;
	if (got == TEMP && f->error == EPROTO)
		service_close(keys);
	fds_close(&keys->received_fd);
	keys->takes_fd = false;
	return got;
}

enum outcome
tls_server_look(struct tls_server *server, struct fault *f)
{
	uint64_t now,
	    generation = server->shared == NULL
	    ? 0
	    : atomic_load(&server->shared->generation);

	if (server->contexts > 0 && server->generation == generation)
		return OK;
	now = clock_mono_ms();
	*f = FAULT_NONE;
	if (server->failed_ms == 0 || now - server->failed_ms >= RETRY_MS) {
		server->failed_ms = 0;
		if (ask_chains(server, f) == OK)
			return OK;
		server->failed_ms = now;
	}
	/* The chains before are better than none: their keys are kept there. */
	if (server->contexts > 0)
		return OK;
	if (f->outcome == OK)
		(void)fault_set(f, TEMP, "4.7.0", 0, "tls-keys failed");
	return f->outcome;
}

/* Called by OpenSSL, in a handshake. */
static enum outcome
sign(void *arg, const struct tls_to_sign *to_sign,
    unsigned char out[TLS_SIGNATURE_MAX], size_t *len, struct fault *f)
{
	struct tls_server *server = arg;
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct span line;
	enum outcome got = wire_tls_put_sign(&b, to_sign, f);

	if (got == OK)
		got = service_ask(&server->keys, buf_span(&b), true, &line, f);
	if (got == OK)
		got = wire_tls_get_signature(line, out, len, f);
	if (got == TEMP && f->error == EPROTO)
		service_close(&server->keys);
	buf_free(&b);
	return got;
}

/* ---- Begin and end. ---- */

bool
tls_server_is_set(const struct tls_server *server)
{
	return server->lib != NULL;
}

static enum outcome
begin_openssl(struct tls_server *server, struct fault *f)
{
	/* Nothing of the environment, and no file: neither is for us. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    (server->lib = OSSL_LIB_CTX_new()) == NULL ||
	    OSSL_PROVIDER_load(server->lib, "default") == NULL)
		return openssl_fault("OpenSSL", f);
	return tls_provider_load(server->lib, sign, server, f);
}

enum outcome
tls_server_begin(struct tls_server *server, const struct settings *set,
    const char *role, bool wanted, struct fault *f)
{
	*server = (struct tls_server){ .set = set, .role = role };
	service_begin(&server->keys, "tls-keys", SERVICE_TIMEOUT_MS);
	server->shared = tls_shared_map(false);
	if (!wanted || set->tls.certificate.n == 0)
		return OK;
	if (begin_openssl(server, f) != OK || load_roots(server, f) != OK)
		return f->outcome;
	/* That it is not there now is said to who asks for TLS. */
	(void)!tls_server_look(server, f);
	/* Each worker of a leader opens one of its own, when it needs it. */
	if (server->keys.child == 0)
		service_close(&server->keys);
	*f = FAULT_NONE;
	return OK;
}

void
tls_server_free(struct tls_server *server)
{
	free_contexts(server->context, server->contexts);
	server->contexts = 0;
	X509_STORE_free(server->roots);
	service_free(&server->keys);
	/* The library context stays: OpenSSL's own exit frees what it can. */
}
