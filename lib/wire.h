/* SPDX-License-Identifier: ISC */
/*
 * wire.h: the fields of a record as a table: which member of a struct each of
 * them fills, and what it may be. Both ends of a wire use the same table, so
 * that what one writes the other reads.
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include <stddef.h>

#include "qid.h"
#include "record.h"

#define WIRE_HASH_LEN 32 /* octets; 64 lower-case hex digits in a record */

enum wire_type {
	WIRE_TEXT, /* char[max + 1], without an octet 0 */
	WIRE_SPAN, /* struct span, max octets; borrows from the record */
	WIRE_NUMBER, /* uint64_t, 0..max */
	WIRE_N, /* uint32_t, from 1: the number of a recipient */
	WIRE_FLAG, /* bool: written when it is `max`, 0 or 1, else missing */
	WIRE_ONE, /* no member: it is there, and 1 */
	WIRE_QID, /* struct qid */
	WIRE_TIME, /* uint64_t: wall milliseconds */
	WIRE_HASH, /* unsigned char[WIRE_HASH_LEN] */
};

/* Of a text or a span; the first also of a number. */
#define WIRE_OPTIONAL                                                          \
	1U /* missing when empty, of a number 0; a text else is
			    not empty */
#define WIRE_GRAPH 2U /* 0x21-0x7E: a word of a command */
#define WIRE_CLEAN 4U /* no control octet: part of a line */

struct wire_field {
	const char *key; /* NULL: the table's end */
	enum wire_type type;
	size_t offset; /* of the member */
	uint64_t max;
	unsigned form;
};

void wire_put(struct record_out, const struct wire_field *, const void *from);
/* False: one is missing, or is not what it may be. */
bool wire_take(struct record *, const struct wire_field *, void *to);

/* The same of a whole record: it has that word, these fields and no other. *to is
   changed in any case. */
bool wire_take_all(
    struct record *, const char *word, const struct wire_field *, void *to);

/* A whole record of that word. */
enum outcome wire_write(struct buf *, const char *word,
    const struct wire_field *, const void *from, struct fault *) MUST_USE;
/* r keeps what spans borrow. TEMP 4.3.0: another word, other fields. */
enum outcome wire_read(struct span line, const char *word,
    const struct wire_field *, struct record *r, void *to,
    struct fault *) MUST_USE;

#endif
