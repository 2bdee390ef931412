/* SPDX-License-Identifier: ISC */
/* wire_tls.c: what is said to tls-keys, both ends, and the memory it shares. */
#include "wire_tls.h"

#include <errno.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

#include "fds.h"
#include "wire.h"

#define HEX_MAX (2 * TLS_SIGNATURE_MAX)

static const char *const schemes[TLS_SCHEMES] = {
	[TLS_SIGN_ECDSA] = "ecdsa",
	[TLS_SIGN_PKCS1] = "pkcs1",
	[TLS_SIGN_PSS] = "pss",
};
static const struct {
	const char *name;
	size_t len;
} digests[] = {
	{ "SHA2-256", 32 },
	{ "SHA2-384", 48 },
	{ "SHA2-512", 64 },
};

static enum outcome
malformed(const char *what, struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "%s: malformed", what);
}

/* ---- chains ---- */

struct chain_line {
	char label[TLS_LABEL_MAX + 1];
	uint64_t key, size;
};
#define CHAIN(member) offsetof(struct chain_line, member)
static const struct wire_field chain_fields[] = {
	{ "label", WIRE_TEXT, CHAIN(label), TLS_LABEL_MAX, WIRE_GRAPH },
	{ "key", WIRE_NUMBER, CHAIN(key), UINT64_MAX - 1, 0 },
	{ "size", WIRE_NUMBER, CHAIN(size), TLS_CHAIN_MAX, 0 },
	{ .key = NULL },
};

enum outcome
wire_tls_put_chain(struct buf *b, const struct tls_chain *c, struct fault *f)
{
	struct chain_line line = { .key = c->key, .size = c->pem.len };

	(void)span_copy(span_of(c->label), line.label, sizeof(line.label));
	if (wire_write(b, "chain", chain_fields, &line, f) != OK)
		return f->outcome;
	buf_add(b, c->pem);
	return OK;
}

enum outcome
wire_tls_get_chain(struct span *rest, struct tls_chain *c, struct fault *f)
{
	size_t n = span_find(*rest, '\n');
	struct chain_line line;
	struct record r;

	if (n == rest->len)
		return malformed("chain", f);
	if (wire_read(
	        span_head(*rest, n), "chain", chain_fields, &r, &line, f) != OK)
		return f->outcome;
	*rest = span_from(*rest, n + 1);
	if (line.size > rest->len || line.key == 0)
		return malformed("chain", f);
	(void)span_copy(span_of(line.label), c->label, sizeof(c->label));
	c->key = line.key;
	c->pem = span_head(*rest, (size_t)line.size);
	*rest = span_from(*rest, (size_t)line.size);
	return OK;
}

enum outcome
tls_key_number(EVP_PKEY *pub, uint64_t *number, struct fault *f)
{
	unsigned char *der = NULL, hash[32];
	int len = i2d_PUBKEY(pub, &der);

	if (len <= 0)
		return fault_set(f, TEMP, "4.3.0", 0, "public key");
	(void)crypto_generichash(
	    hash, sizeof(hash), der, (unsigned long long)len, NULL, 0);
	OPENSSL_free(der);
	*number = 0;
	for (size_t i = 0; i < 7; i++)
		*number = *number << 8 | hash[i];
	*number = *number << 1 | 1; /* never 0 */
	return OK;
}

/* ---- requests ---- */

static void
put_hex(struct record_out out, const char *key, const unsigned char *octets,
    size_t len)
{
	char hex[HEX_MAX + 1];

	(void)sodium_bin2hex(hex, sizeof(hex), octets, len);
	record_puts(out, key, hex);
}

static bool
take_hex(struct record *r, const char *key, unsigned char *out, size_t max,
    size_t *len)
{
	struct span hex;

	return record_take(r, key, 2 * max, &hex) && hex.len % 2 == 0 &&
	    sodium_hex2bin(out, max, hex.p, hex.len, NULL, len, NULL) == 0 &&
	    *len == hex.len / 2;
}

enum outcome
wire_tls_put_sign(struct buf *b, const struct tls_to_sign *t, struct fault *f)
{
	struct record_out out = record_begin(b, "sign");

	record_put_num(out, "key", t->key);
	record_puts(out, "scheme", schemes[t->scheme]);
	record_puts(out, "digest", t->digest_name);
	put_hex(out, "value", t->digest, t->digest_len);
	return record_end(out, f);
}

static bool
take_scheme(struct record *r, struct tls_sign_req *req)
{
	struct span word;

	if (!record_take(r, "scheme", 16, &word))
		return false;
	for (req->scheme = 0; req->scheme < TLS_SCHEMES; req->scheme++)
		if (span_eq(word, schemes[req->scheme]))
			return true;
	return false;
}

/* Only digests that TLS 1.2 and 1.3 sign, of their own length. */
static bool
take_digest(struct record *r, struct tls_sign_req *req)
{
	struct span word;

	if (!record_take(r, "digest", sizeof(req->digest_name) - 1, &word) ||
	    !span_copy(word, req->digest_name, sizeof(req->digest_name)) ||
	    !take_hex(
	        r, "value", req->digest, sizeof(req->digest), &req->digest_len))
		return false;
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		if (strcmp(digests[i].name, req->digest_name) == 0)
			return req->digest_len == digests[i].len;
	return false;
}

enum outcome
wire_tls_get_req(
    struct span line, bool *chains, struct tls_sign_req *req, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	*req = (struct tls_sign_req){ .key = 0 };
	*chains = record_is(&r, "chains");
	if (*chains && record_all_taken(&r))
		return OK;
	if (record_is(&r, "sign") &&
	    record_take_num(&r, "key", 1, UINT64_MAX - 1, &req->key) &&
	    take_scheme(&r, req) && take_digest(&r, req) &&
	    record_all_taken(&r))
		return OK;
	return malformed("request to tls-keys", f);
}

/* ---- answers ---- */

enum outcome
wire_tls_put_size(
    struct buf *b, uint64_t size, uint64_t generation, struct fault *f)
{
	struct record_out out = record_begin(b, "ok");

	record_put_num(out, "size", size);
	record_put_num(out, "generation", generation);
	return record_end(out, f);
}

enum outcome
wire_tls_get_size(
    struct span line, uint64_t *size, uint64_t *generation, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) == OK) {
		if (record_outcome(&r, f) != OK)
			return f->outcome;
		if (record_take_num(&r, "size", 0,
		        TLS_CHAINS_MAX * (TLS_CHAIN_MAX + RECORD_MAX), size) &&
		    record_take_num(
		        &r, "generation", 0, UINT64_MAX, generation) &&
		    record_all_taken(&r))
			return OK;
	}
	return malformed("answer of tls-keys", f);
}

enum outcome
wire_tls_put_signature(
    struct buf *b, const unsigned char *signature, size_t len, struct fault *f)
{
	struct record_out out = record_begin(b, "ok");

	put_hex(out, "signature", signature, len);
	return record_end(out, f);
}

enum outcome
wire_tls_get_signature(struct span line, unsigned char out[TLS_SIGNATURE_MAX],
    size_t *len, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) == OK) {
		if (record_outcome(&r, f) != OK)
			return f->outcome;
		if (take_hex(&r, "signature", out, TLS_SIGNATURE_MAX, len) &&
		    record_all_taken(&r))
			return OK;
	}
	return malformed("answer of tls-keys", f);
}

/* ---- the memory ---- */

struct tls_shared *
tls_shared_map(bool writes)
{
	return fds_map_given(
	    TLS_SHARED_ENV, NULL, sizeof(struct tls_shared), writes);
}

/*
 * One writer. A reader that meets it while it writes reads once more: the turn
 * was odd, or is another afterwards.
 */
void
tls_shared_put_tickets(
    struct tls_shared *shared, const struct tls_ticket_key key[2])
{
	uint64_t word[2][TLS_TICKET_WORDS];
	uint64_t turn = atomic_load(&shared->turn) | 1;

	memcpy(word, key, sizeof(word));
	atomic_store(&shared->turn, turn);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < TLS_TICKET_WORDS; k++)
			atomic_store(&shared->ticket[i][k], word[i][k]);
	atomic_store(&shared->turn, turn + 1);
	sodium_memzero(word, sizeof(word));
}

#define READ_TRIES 1000 /* a writer that died in between leaves none. Ours */

void
tls_shared_get_tickets(struct tls_shared *shared, struct tls_ticket_key key[2])
{
	uint64_t word[2][TLS_TICKET_WORDS], turn;
	size_t tries = 0;

	do {
		turn = atomic_load(&shared->turn);
		for (size_t i = 0; i < 2; i++)
			for (size_t k = 0; k < TLS_TICKET_WORDS; k++)
				word[i][k] = atomic_load(&shared->ticket[i][k]);
	} while (((turn & 1) != 0 || turn != atomic_load(&shared->turn)) &&
	    ++tries < READ_TRIES);
	memcpy(key, word, sizeof(word));
	if (tries == READ_TRIES)
		key[0].until_ms = key[1].until_ms = 0;
	sodium_memzero(word, sizeof(word));
}
