/* SPDX-License-Identifier: ISC */
/*
 * qid.h: queue ids. A ULID: 48 bits of milliseconds and 80 random bits in 26
 * characters of Crockford's base 32, so that names sort by time.
 * Source: github.com/ulid/spec.
 */
#ifndef LIB_QID_H
#define LIB_QID_H

#include "span.h"

#define QID_LEN       26
#define QID_SHARD_LEN 6 /* first characters: about 17 minutes of mail */

struct qid {
	char text[QID_LEN + 1];
};

/* A new one: the wall clock and libsodium's random octets. */
void qid_draw(struct qid *);
/* The smallest of that time: what is drawn earlier sorts before it. */
void qid_first(uint64_t ms, struct qid *);
/*
 * The qid of what is made of another message, the same each time it is made:
 * the time of `of`, and a hash over (of, n) instead of random bits.
 */
void qid_derive(const struct qid *of, uint64_t n, struct qid *out);
/* Exactly 26 characters of the alphabet, upper case, first one 0..7. */
bool qid_parse(struct span, struct qid *);
/* The same as a person may type it: in lower case too. */
bool qid_parse_typed(const char *, struct qid *);
uint64_t qid_time_ms(const struct qid *);
/* Of two of them, for qsort(3): the older one first. */
int qid_compare(const void *, const void *);
struct span qid_span(const struct qid *);

#endif
