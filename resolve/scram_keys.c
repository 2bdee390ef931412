/* SPDX-License-Identifier: ISC */
/* scram_keys.c: the keys of SCRAM-SHA-256, and proofs of them. */
#include "scram_keys.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>
#include <unistr.h>

#define NAME         "SCRAM-SHA-256$"
#define PREPARED_MAX 4096 /* octets of a password after NFKC. Ours */

static void
hmac(const unsigned char *key, size_t len, struct span message,
    unsigned char out[SCRAM_HASH_LEN])
{
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, key, len);
	(void)crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)message.p, message.len);
	(void)crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

/* ---- The password ---- */

/* RFC 3454 B.1: commonly mapped to nothing. */
static bool
is_nothing(ucs4_t c)
{
	return c == 0xAD || c == 0x34F || c == 0x1806 ||
	    (c >= 0x180B && c <= 0x180D) || (c >= 0x200B && c <= 0x200D) ||
	    c == 0x2060 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

/* RFC 3454 C.1.2: spaces that are not ASCII. U+200B is above. */
static bool
is_other_space(ucs4_t c)
{
	return c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
	    c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool
map(struct span password, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)password.p;
	size_t left = password.len;
	uint8_t octets[6];

	while (left > 0) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, p, left);

		if (n <= 0)
			return false;
		p += n;
		left -= (size_t)n;
		if (is_nothing(c))
			continue;
		n = u8_uctomb(octets, is_other_space(c) ? ' ' : c,
		    (ptrdiff_t)sizeof(octets));
		buf_add(out, (struct span){ (const char *)octets, (size_t)n });
	}
	return !buf_failed(out);
}

/* Append the password as clients prepare it. */
static void
prepare(struct span password, struct buf *out)
{
	struct buf mapped = BUF_INIT(PREPARED_MAX);
	uint8_t *normal = NULL;
	size_t len = 0;

	(void)buf_reserve(&mapped, PREPARED_MAX / 2);
	if (map(password, &mapped))
		normal = u8_normalize(UNINORM_NFKC, (const uint8_t *)mapped.p,
		    mapped.len, NULL, &len);
	if (normal != NULL && len > 0)
		buf_add(out, (struct span){ (const char *)normal, len });
	if (out->len == 0)
		buf_add(out, password);
	if (normal != NULL)
		sodium_memzero(normal, len);
	free(normal);
	sodium_memzero(mapped.p, mapped.len);
	buf_free(&mapped);
}

/* ---- The keys ---- */

/* Hi(): PBKDF2 of one block. The keyed state is made once and copied. */
static void
stretch(struct span password, const unsigned char *salt, size_t salt_len,
    uint64_t iterations, unsigned char out[SCRAM_HASH_LEN])
{
	static const unsigned char one[4] = { 0, 0, 0, 1 };
	crypto_auth_hmacsha256_state keyed, state;
	unsigned char u[SCRAM_HASH_LEN];

	(void)crypto_auth_hmacsha256_init(
	    &keyed, (const unsigned char *)password.p, password.len);
	state = keyed;
	(void)crypto_auth_hmacsha256_update(&state, salt, salt_len);
	(void)crypto_auth_hmacsha256_update(&state, one, sizeof(one));
	(void)crypto_auth_hmacsha256_final(&state, u);
	memcpy(out, u, sizeof(u));
	for (uint64_t i = 1; i < iterations; i++) {
		state = keyed;
		(void)crypto_auth_hmacsha256_update(&state, u, sizeof(u));
		(void)crypto_auth_hmacsha256_final(&state, u);
		for (size_t j = 0; j < sizeof(u); j++)
			out[j] ^= u[j];
	}
	sodium_memzero(&keyed, sizeof(keyed));
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(u, sizeof(u));
}

void
scram_keys_make(struct span password, uint64_t iterations,
    const unsigned char *salt, size_t salt_len, struct scram_keys *k)
{
	unsigned char salted[SCRAM_HASH_LEN], client[SCRAM_HASH_LEN];
	struct buf prepared = BUF_INIT(PREPARED_MAX);

	(void)buf_reserve(&prepared, PREPARED_MAX / 2);
	prepare(password, &prepared);
	*k = (struct scram_keys){ .iterations = iterations,
		.salt_len = salt_len };
	memcpy(k->salt, salt, salt_len);
	stretch(buf_span(&prepared), salt, salt_len, iterations, salted);
	hmac(salted, sizeof(salted), SPAN_LIT("Client Key"), client);
	(void)crypto_hash_sha256(k->stored, client, sizeof(client));
	hmac(salted, sizeof(salted), SPAN_LIT("Server Key"), k->server);
	sodium_memzero(prepared.p, prepared.len);
	buf_free(&prepared);
	sodium_memzero(salted, sizeof(salted));
	sodium_memzero(client, sizeof(client));
}

void
scram_keys_text(
    struct span password, uint64_t iterations, char out[SCRAM_TEXT_MAX])
{
	struct buf b = BUF_INIT(SCRAM_TEXT_MAX);
	unsigned char salt[SCRAM_SALT_LEN];
	struct scram_keys k;

	randombytes_buf(salt, sizeof(salt));
	scram_keys_make(password, iterations, salt, sizeof(salt), &k);
	buf_addf(&b, NAME "%" PRIu64 ":", k.iterations);
	scram_encode(&b, k.salt, k.salt_len);
	buf_addc(&b, '$');
	scram_encode(&b, k.stored, sizeof(k.stored));
	buf_addc(&b, ':');
	scram_encode(&b, k.server, sizeof(k.server));
	(void)span_copy(buf_span(&b), out, SCRAM_TEXT_MAX);
	buf_free(&b);
	sodium_memzero(&k, sizeof(k));
}

/* All up to `by`, which is stepped over. */
static bool
take_part(struct span *text, char by, struct span *part)
{
	*part = span_head(*text, span_find(*text, by));
	if (part->len == text->len)
		return false;
	*text = span_from(*text, part->len + 1);
	return true;
}

static bool
decode_key(struct span text, unsigned char key[SCRAM_HASH_LEN])
{
	size_t len;

	return scram_decode(text, key, SCRAM_HASH_LEN, &len) &&
	    len == SCRAM_HASH_LEN;
}

bool
scram_keys_parse(struct span text, struct scram_keys *k)
{
	struct span iterations, salt, stored;

	*k = (struct scram_keys){ .iterations = 0 };
	if (!span_has_prefix(text, NAME))
		return false;
	text = span_from(text, sizeof(NAME) - 1);
	return take_part(&text, ':', &iterations) &&
	    take_part(&text, '$', &salt) && take_part(&text, ':', &stored) &&
	    num_parse(iterations, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX,
	        &k->iterations) &&
	    scram_decode(salt, k->salt, sizeof(k->salt), &k->salt_len) &&
	    k->salt_len > 0 && decode_key(stored, k->stored) &&
	    decode_key(text, k->server);
}

bool
scram_keys_verify(const struct scram_keys *k, struct span message,
    const unsigned char proof[SCRAM_HASH_LEN],
    unsigned char signature[SCRAM_HASH_LEN])
{
	unsigned char client[SCRAM_HASH_LEN], stored[SCRAM_HASH_LEN];
	bool same;

	hmac(k->stored, sizeof(k->stored), message, client);
	for (size_t i = 0; i < sizeof(client); i++)
		client[i] ^= proof[i];
	(void)crypto_hash_sha256(stored, client, sizeof(client));
	hmac(k->server, sizeof(k->server), message, signature);
	same = sodium_memcmp(stored, k->stored, sizeof(stored)) == 0;
	sodium_memzero(client, sizeof(client)); /* it would open the account */
	return same;
}
