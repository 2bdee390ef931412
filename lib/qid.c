/* SPDX-License-Identifier: ISC */
/* qid.c: queue ids, ULIDs. */
#include "qid.h"

#include <sodium.h>
#include <string.h>

#include "clock.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define QID_TIME_LEN   10 /* characters of 48 bits of milliseconds */
#define QID_RANDOM_LEN 10 /* octets: 80 bits */

/* 5 bits a character, most significant first; 5 octets are 8 characters. */
static void
put_random(struct qid *q, const unsigned char random[QID_RANDOM_LEN])
{
	char *out = q->text + QID_TIME_LEN;

	for (size_t i = 0; i < QID_RANDOM_LEN; i += 5) {
		uint64_t v = 0;

		for (size_t j = 0; j < 5; j++)
			v = v << 8 | random[i + j];
		for (size_t j = 0; j < 8; j++)
			*out++ = alphabet[v >> (35 - 5 * j) & 31];
	}
	*out = '\0';
}

void
qid_first(uint64_t ms, struct qid *q)
{
	static const unsigned char zeros[QID_RANDOM_LEN];

	for (size_t i = QID_TIME_LEN; i-- > 0; ms >>= 5)
		q->text[i] = alphabet[ms & 31];
	put_random(q, zeros);
}

void
qid_draw(struct qid *q)
{
	unsigned char random[QID_RANDOM_LEN];

	qid_first(clock_wall_ms(), q);
	randombytes_buf(random, sizeof(random));
	put_random(q, random);
}

void
qid_derive(const struct qid *of, uint64_t n, struct qid *out)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	unsigned char in[QID_LEN + sizeof(n)];

	memcpy(in, of->text, QID_LEN);
	for (size_t i = 0; i < sizeof(n); i++)
		in[QID_LEN + i] = (unsigned char)(n >> (8 * i));
	(void)crypto_generichash(hash, sizeof(hash), in, sizeof(in), NULL, 0);
	memcpy(out->text, of->text, QID_TIME_LEN);
	put_random(out, hash);
}

bool
qid_parse(struct span s, struct qid *q)
{
	if (s.len != QID_LEN || s.p[0] > '7')
		return false;
	for (size_t i = 0; i < QID_LEN; i++)
		if (s.p[i] == '\0' || strchr(alphabet, s.p[i]) == NULL)
			return false;
	return span_copy(s, q->text, sizeof(q->text));
}

bool
qid_parse_typed(const char *typed, struct qid *q)
{
	char text[QID_LEN + 1];

	if (!span_copy(span_of(typed), text, sizeof(text)))
		return false;
	for (char *p = text; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return qid_parse(span_of(text), q);
}

uint64_t
qid_time_ms(const struct qid *q)
{
	uint64_t ms = 0;

	for (size_t i = 0; i < QID_TIME_LEN; i++)
		ms = ms << 5 |
		    (uint64_t)(strchr(alphabet, q->text[i]) - alphabet);
	return ms;
}

int
qid_compare(const void *a, const void *b)
{
	return strcmp(
	    ((const struct qid *)a)->text, ((const struct qid *)b)->text);
}

struct span
qid_span(const struct qid *q)
{
	return (struct span){ q->text, QID_LEN };
}
