/* SPDX-License-Identifier: ISC */
/*
 * The vector of RFC 7677 3. That of RFC 5802 5 is for SHA-1, which is not offered
 * here: the same password, salt and messages with SHA-256, whose proof and
 * signature are of another implementation (Python's hashlib and hmac).
 */
#include "../../resolve/scram_keys.h"

#include <sodium.h>
#include <string.h>

#include "tap.h"

static const char salt_7677[] = "W22ZaJ0SNY7soEsUEjb6gQ==";
static const char message_7677[] =
    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
static const char proof_7677[] = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
static const char signature_7677[] =
    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

static const char salt_5802[] = "QSXCR+Q6sek8bf92";
static const char message_5802[] =
    "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
static const char proof_5802[] = "qQRLRHGPDGjB+7iVAE7NNi5xEoHKHuLCHPNQ8BTmvds=";
static const char signature_5802[] =
    "XKW6VuW1FANROQabnJBz1KaeCnQL/HZByQtX/iU+o30=";

static struct scram_keys
keys_of(const char *password, const char *salt, uint64_t iterations)
{
	unsigned char octets[SCRAM_SALT_MAX];
	struct scram_keys k;
	size_t len;

	(void)scram_decode(span_of(salt), octets, sizeof(octets), &len);
	scram_keys_make(span_of(password), iterations, octets, len, &k);
	return k;
}

static void
test_vector(void)
{
	struct scram_keys k = keys_of("pencil", salt_7677, 4096);
	unsigned char proof[32], want[32], got[32];
	size_t len;

	(void)scram_decode(span_of(proof_7677), proof, sizeof(proof), &len);
	(void)scram_decode(span_of(signature_7677), want, sizeof(want), &len);
	tap_ok(scram_keys_verify(&k, span_of(message_7677), proof, got) &&
	        memcmp(got, want, sizeof(got)) == 0,
	    "RFC 7677 3: the proof is right, and the signature is that");
	proof[31] ^= 1;
	tap_ok(!scram_keys_verify(&k, span_of(message_7677), proof, got),
	    "one bit of the proof is another, and it is wrong");
	proof[31] ^= 1;
	k = keys_of("pencil", salt_5802, 4096);
	(void)scram_decode(span_of(proof_5802), proof, sizeof(proof), &len);
	(void)scram_decode(span_of(signature_5802), want, sizeof(want), &len);
	tap_ok(scram_keys_verify(&k, span_of(message_5802), proof, got) &&
	        memcmp(got, want, sizeof(got)) == 0,
	    "RFC 5802 5 with SHA-256: so they are there");
	(void)scram_decode(span_of(proof_7677), proof, sizeof(proof), &len);
	k = keys_of("pencil ", salt_7677, 4096);
	tap_ok(!scram_keys_verify(&k, span_of(message_7677), proof, got),
	    "so it is for another password");
	k = keys_of("pencil", salt_7677, 4097);
	tap_ok(!scram_keys_verify(&k, span_of(message_7677), proof, got),
	    "and with other iterations");
}

static void
test_text(void)
{
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	static const char *const wrong[] = { "", "SCRAM-SHA-256$",
		"SCRAM-SHA-1$4096:c2FsdA==$AA==:AA==",
		("SCRAM-SHA-256$4095:c2FsdA==$" KEY ":" KEY),
		("SCRAM-SHA-256$4096:$" KEY ":" KEY),
		("SCRAM-SHA-256$4096:c2FsdA==$AA==:" KEY) };
	char text[SCRAM_TEXT_MAX];
	struct scram_keys k, again;
	bool good = true;

	scram_keys_text(SPAN_LIT("pencil"), SCRAM_ITERATIONS_MAX / 100, text);
	tap_ok(scram_keys_parse(span_of(text), &k) &&
	        k.salt_len == SCRAM_SALT_LEN &&
	        k.iterations == SCRAM_ITERATIONS_MAX / 100,
	    "a text is read as it was written: %s", text);
	scram_keys_make(
	    SPAN_LIT("pencil"), k.iterations, k.salt, k.salt_len, &again);
	tap_ok(memcmp(again.stored, k.stored, 32) == 0 &&
	        memcmp(again.server, k.server, 32) == 0,
	    "and has the keys of its password");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		good = good && !scram_keys_parse(span_of(wrong[i]), &k);
	for (size_t n = 0; n < strlen(text); n++)
		good =
		    good && !scram_keys_parse(span_head(span_of(text), n), &k);
	tap_ok(good, "another text, or a part of one, is none");
}

/* RFC 4013 3: what is prepared alike has one key. */
static void
test_preparation(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "I\xC2\xADX", "IX", true }, /* soft hyphen: nothing */
		{ "\xC2\xAA", "a", true }, /* ordinal a: NFKC */
		{ "\xE2\x85\xA8", "IX", true }, /* Roman nine: NFKC */
		{ "a\xC2\xA0z", "a z", true }, /* no-break space: a space */
		{ "e\xCC\x81", "\xC3\xA9", true }, /* e and its accent */
		{ "USER", "user", false }, /* case stays */
		{ "\xC2\xAD", "\xC2\xAD\xC2\xAD", false }, /* nothing left */
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct scram_keys a = keys_of(pairs[i].a, salt_7677, 4096);
		struct scram_keys b = keys_of(pairs[i].b, salt_7677, 4096);

		if ((memcmp(a.stored, b.stored, 32) == 0) != pairs[i].same) {
			printf("# pair %zu\n", i);
			good = false;
		}
	}
	tap_ok(good, "passwords are prepared as SASLprep has it");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_vector();
	test_text();
	test_preparation();
	return tap_done();
}
