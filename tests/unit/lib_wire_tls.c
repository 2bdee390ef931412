/* SPDX-License-Identifier: ISC */
#include "wire_tls.h"

#include <string.h>

#include "tap.h"

#define HEX64                                                                  \
	"000102030405060708090a0b0c0d0e0f"                                     \
	"101112131415161718191a1b1c1d1e1f"
#define HEX96 HEX64 "202122232425262728292a2b2c2d2e2f"

static const struct {
	const char *title, *line;
	enum outcome want;
} requests[] = {
	{ "chains are asked for", "chains", OK },
	{ "a word behind it is refused", "chains all=1", TEMP },
	{ "a signature by ECDSA",
	    "sign key=7 scheme=ecdsa digest=SHA2-256 value=" HEX64, OK },
	{ "by RSA-PSS", "sign key=7 scheme=pss digest=SHA2-384 value=" HEX96,
	    OK },
	{ "a bare RSA operation is refused",
	    "sign key=7 scheme=none digest=SHA2-256 value=" HEX64, TEMP },
	{ "a digest of another length is refused",
	    "sign key=7 scheme=pss digest=SHA2-256 value=" HEX96, TEMP },
	{ "so is MD5", "sign key=7 scheme=pkcs1 digest=MD5 value=" HEX64,
	    TEMP },
	{ "key 0 is none", "sign key=0 scheme=pss digest=SHA2-256 value=" HEX64,
	    TEMP },
	{ "half an octet is refused",
	    "sign key=7 scheme=pss digest=SHA2-256 value=" HEX64 "0", TEMP },
	{ "what is not hex is refused",
	    "sign key=7 scheme=pss digest=SHA2-256 value=zz", TEMP },
	{ "no value is refused", "sign key=7 scheme=pss digest=SHA2-256",
	    TEMP },
	{ "a field more is refused",
	    "sign key=7 scheme=pss digest=SHA2-256 value=" HEX64 " x=1", TEMP },
	{ "another word is refused", "decrypt key=7", TEMP },
};

static void
test_requests(void)
{
	struct tls_sign_req req;
	struct fault f;
	bool chains;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		tap_ok(wire_tls_get_req(span_of(requests[i].line), &chains,
		           &req, &f) == requests[i].want,
		    "%s", requests[i].title);
}

static void
test_truncations(void)
{
	struct span whole = span_of(requests[2].line);
	struct tls_sign_req req;
	struct fault f;
	size_t taken = 0;
	bool chains;

	for (size_t n = 0; n < whole.len; n++)
		taken += wire_tls_get_req(
		             span_head(whole, n), &chains, &req, &f) == OK;
	tap_ok(taken == 0, "no truncation of it is taken");
}

static void
test_round_trip(void)
{
	unsigned char digest[64], out[TLS_SIGNATURE_MAX], big[512];
	struct tls_to_sign t = { UINT64_MAX - 2, TLS_SIGN_PKCS1, "SHA2-512",
		digest, sizeof(digest) };
	struct buf b = BUF_INIT(8192);
	struct tls_sign_req req;
	struct fault f;
	size_t len;
	bool chains;

	memset(digest, 0xA5, sizeof(digest));
	memset(big, 0x5A, sizeof(big));
	tap_ok(wire_tls_put_sign(&b, &t, &f) == OK &&
	        wire_tls_get_req(span_head(buf_span(&b), b.len - 1), &chains,
	            &req, &f) == OK &&
	        !chains && req.key == t.key && req.scheme == TLS_SIGN_PKCS1 &&
	        req.digest_len == 64 && memcmp(req.digest, digest, 64) == 0,
	    "a request is read as it was written");
	buf_reset(&b);
	tap_ok(wire_tls_put_signature(&b, big, sizeof(big), &f) == OK &&
	        wire_tls_get_signature(
	            span_head(buf_span(&b), b.len - 1), out, &len, &f) == OK &&
	        len == sizeof(big) && memcmp(out, big, len) == 0,
	    "so is a signature");
	tap_ok(wire_tls_get_signature(
	           span_of("perm code=5.7.0 text=no"), out, &len, &f) == PERM,
	    "and a refusal");
	buf_free(&b);
}

static void
test_chains(void)
{
	struct tls_chain one = { "own", 5, SPAN_LIT("PEM\nPEM\n") }, got;
	struct buf b = BUF_INIT(8192);
	struct fault f;
	struct span rest;
	size_t taken = 0;

	tap_ok(wire_tls_put_chain(&b, &one, &f) == OK &&
	        wire_tls_put_chain(&b, &one, &f) == OK,
	    "two chains are written");
	rest = buf_span(&b);
	tap_ok(wire_tls_get_chain(&rest, &got, &f) == OK &&
	        wire_tls_get_chain(&rest, &got, &f) == OK && rest.len == 0 &&
	        got.key == 5 && strcmp(got.label, "own") == 0 &&
	        span_eq(got.pem, "PEM\nPEM\n"),
	    "and read");
	for (size_t n = 0; n < b.len / 2; n++) {
		rest = span_head(buf_span(&b), n);
		taken += wire_tls_get_chain(&rest, &got, &f) == OK;
	}
	tap_ok(taken == 0, "no truncation of one is taken");
	rest = SPAN_LIT("chain label=x key=1 size=99999999\n");
	tap_ok(wire_tls_get_chain(&rest, &got, &f) == TEMP,
	    "nor one that is too large");
	buf_free(&b);
}

static void
test_tickets(void)
{
	static struct tls_shared shared;
	struct tls_ticket_key key[2], got[2];

	memset(key, 0, sizeof(key));
	key[0].name[0] = 1;
	key[0].until_ms = 10;
	key[1].mac[31] = 2;
	tls_shared_put_tickets(&shared, key);
	tls_shared_get_tickets(&shared, got);
	tap_ok(memcmp(key, got, sizeof(key)) == 0,
	    "ticket keys are read as they were written");
	atomic_store(&shared.turn, 7);
	tls_shared_get_tickets(&shared, got);
	tap_ok(got[0].until_ms == 0 && got[1].until_ms == 0,
	    "while they are written for ever there are none");
	tls_shared_put_tickets(&shared, key);
	tls_shared_get_tickets(&shared, got);
	tap_ok(got[0].until_ms == 10, "the next writer mends that");
}

int
main(void)
{
	test_requests();
	test_truncations();
	test_round_trip();
	test_chains();
	test_tickets();
	return tap_done();
}
