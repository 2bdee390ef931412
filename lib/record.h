/* SPDX-License-Identifier: ISC */
/*
 * record.h: one line of text, `word SP key=value SP key=value ... LF`.
 *
 * All that passes between programs, and all that is kept on disk except mail
 * content, is a record. A word is 1*(ALPHA / DIGIT / "-"), a key the same in
 * lower case. In a value every octet outside 0x21-0x7E and '%' becomes %XX
 * (upper-case hex); UTF-8 from U+00A0 on may stand as it is, except what
 * utf8_printable() refuses. There is no other escape. The decoder refuses
 * control octets, unknown syntax, a repeated key and a long line, and the
 * encoder cannot produce them: nobody injects a line. Source:
 * doc/PROTOCOL.md.
 */
#ifndef LIB_RECORD_H
#define LIB_RECORD_H

#include "buf.h"

#define RECORD_MAX        4096 /* octets with LF: PIPE_BUF, atomic on a pipe */
#define RECORD_FIELDS_MAX 32 /* a bit each in `taken` */

struct record_field {
	struct span key, value; /* value decoded */
};

/* Holds its own decoded text: spans live as long as the record does. */
struct record {
	struct span word;
	struct record_field field[RECORD_FIELDS_MAX];
	size_t fields;
	uint32_t taken;
	char text[RECORD_MAX];
};

/*
 * Write. record_begin() notes where the record starts in b; keys must be
 * literals; record_end() adds LF. PERM 5.3.0: the record is over RECORD_MAX;
 * TEMP 4.3.0: it is not, but did not fit into b.
 * Then the whole of it is taken back: b has no half record, ever, and is usable
 * as before.
 */
struct record_out {
	struct buf *b;
	size_t start, missed; /* of b, before the record */
};

struct record_out record_begin(struct buf *b, const char *word);
void record_put(struct record_out, const char *key, struct span value);
/* Nothing when it is empty. */
void record_put_optional(struct record_out, const char *key, struct span value);
void record_puts(struct record_out, const char *key, const char *value);
void record_put_num(struct record_out, const char *key, uint64_t value);
/* code= and text=, as record_outcome() reads them. */
void record_put_fault(struct record_out, const struct fault *);
enum outcome record_end(struct record_out, struct fault *) MUST_USE;

/*
 * Read one line, with or without its LF.
 * OK	r is set
 * TEMP	4.3.0: raw control octet, bad escape, repeated key, too
 *	long, too many fields; the text says which
 */
enum outcome record_parse(
    struct span line, struct record *r, struct fault *) MUST_USE;

bool record_is(const struct record *, const char *word);
/* Where the field is, or NULL; it is not taken. */
const struct record_field *record_find(const struct record *, struct span key);
/* Its value, or SPAN_EMPTY. */
struct span record_value(const struct record *, const char *key);
/* Take a field: false when it is missing or longer than max octets. */
bool record_take(
    struct record *, const char *key, size_t max, struct span *out);
/* The same, but a missing one is SPAN_EMPTY and true. */
bool record_take_optional(
    struct record *, const char *key, size_t max, struct span *out);
/* A number in min..max. */
bool record_take_num(struct record *, const char *key, uint64_t min,
    uint64_t max, uint64_t *out);
bool record_all_taken(const struct record *);
/* code=, or `other` where it is no enhanced status code of that class ('5');
   false: it is longer than any. */
bool record_take_code(
    struct record *, char class, const char *other, char out[FAULT_CODE_MAX]);

/*
 * A reply's outcome from its word: ok is OK, perm is PERM, all else is TEMP (a
 * caller that knows more words looks at them first). For perm and temp the
 * fault gets the fields code= and text=; an unknown word is TEMP 4.3.0 with
 * EPROTO: it is no answer.
 */
enum outcome record_outcome(struct record *, struct fault *) MUST_USE;

#endif
