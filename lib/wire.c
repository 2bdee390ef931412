/* SPDX-License-Identifier: ISC */
/* wire.c: the fields of a record by a table. */
#include "wire.h"

#include <sodium.h>

#include "clock.h"

#define HEX_LEN (2 * WIRE_HASH_LEN)

static void
put_octets(struct record_out out, const struct wire_field *w, struct span value)
{
	if (value.len > 0 || (w->form & WIRE_OPTIONAL) == 0)
		record_put(out, w->key, value);
}

static void
put_field(struct record_out out, const struct wire_field *w, const void *at)
{
	char time[CLOCK_TEXT_MAX], hex[HEX_LEN + 1];

	switch (w->type) {
	case WIRE_TEXT:
		put_octets(out, w, span_of(at));
		break;
	case WIRE_SPAN:
		put_octets(out, w, *(const struct span *)at);
		break;
	case WIRE_NUMBER:
		if (*(const uint64_t *)at != 0 ||
		    (w->form & WIRE_OPTIONAL) == 0)
			record_put_num(out, w->key, *(const uint64_t *)at);
		break;
	case WIRE_N:
		record_put_num(out, w->key, *(const uint32_t *)at);
		break;
	case WIRE_FLAG:
		if (*(const bool *)at == (w->max == 1))
			record_put_num(out, w->key, w->max);
		break;
	case WIRE_ONE:
		record_put_num(out, w->key, 1);
		break;
	case WIRE_QID:
		record_put(out, w->key, qid_span(at));
		break;
	case WIRE_TIME:
		clock_text_ms(*(const uint64_t *)at, time);
		record_puts(out, w->key, time);
		break;
	case WIRE_HASH:
		(void)sodium_bin2hex(hex, sizeof(hex), at, WIRE_HASH_LEN);
		record_puts(out, w->key, hex);
		break;
	}
}

/* A text's or a span's. */
static bool
take_octets(struct record *r, const struct wire_field *w, struct span *out)
{
	bool optional = (w->form & WIRE_OPTIONAL) != 0;

	return (optional ? record_take_optional(r, w->key, w->max, out)
	                 : record_take(r, w->key, w->max, out)) &&
	    ((w->form & WIRE_GRAPH) == 0 || span_is_all(*out, is_graph)) &&
	    ((w->form & WIRE_CLEAN) == 0 || !span_has_control(*out));
}

static bool
take_text(struct record *r, const struct wire_field *w, char *out)
{
	struct span text;

	/* With an octet 0 in it, it would be a shorter one. */
	return take_octets(r, w, &text) &&
	    (text.len > 0 || (w->form & WIRE_OPTIONAL) != 0) &&
	    span_find(text, '\0') == text.len &&
	    span_copy(text, out, (size_t)w->max + 1);
}

/* Lower case only, so that there is one text of a hash. */
static bool
parse_hash(struct span hex, unsigned char *out)
{
	char again[HEX_LEN + 1];

	return sodium_hex2bin(
	           out, WIRE_HASH_LEN, hex.p, hex.len, NULL, NULL, NULL) == 0 &&
	    span_eq(
	        hex, sodium_bin2hex(again, sizeof(again), out, WIRE_HASH_LEN));
}

static bool
take_number(struct record *r, const struct wire_field *w, uint64_t *out)
{
	if ((w->form & WIRE_OPTIONAL) != 0 &&
	    record_find(r, span_of(w->key)) == NULL) {
		*out = 0;
		return true;
	}
	return record_take_num(r, w->key, 0, w->max, out);
}

static bool
take_field(struct record *r, const struct wire_field *w, void *at)
{
	struct span text;
	uint64_t n = w->type == WIRE_FLAG ? 1 - w->max : 0;

	switch (w->type) {
	case WIRE_TEXT:
		return take_text(r, w, at);
	case WIRE_SPAN:
		return take_octets(r, w, at);
	case WIRE_NUMBER:
		return take_number(r, w, at);
	case WIRE_N:
		if (!record_take_num(r, w->key, 1, UINT32_MAX, &n))
			return false;
		*(uint32_t *)at = (uint32_t)n;
		return true;
	case WIRE_FLAG:
		if (record_find(r, span_of(w->key)) != NULL &&
		    !record_take_num(r, w->key, w->max, w->max, &n))
			return false;
		*(bool *)at = n == 1;
		return true;
	case WIRE_ONE:
		return record_take_num(r, w->key, 1, 1, &n);
	case WIRE_QID:
		return record_take(r, w->key, QID_LEN, &text) &&
		    qid_parse(text, at);
	case WIRE_TIME:
		return record_take(r, w->key, CLOCK_TEXT_MAX, &text) &&
		    clock_parse_ms(text, at);
	case WIRE_HASH:
		return record_take(r, w->key, HEX_LEN, &text) &&
		    parse_hash(text, at);
	}
	return false;
}

void
wire_put(
    struct record_out out, const struct wire_field *fields, const void *from)
{
	for (const struct wire_field *w = fields; w->key != NULL; w++)
		put_field(out, w, (const char *)from + w->offset);
}

bool
wire_take(struct record *r, const struct wire_field *fields, void *to)
{
	for (const struct wire_field *w = fields; w->key != NULL; w++)
		if (!take_field(r, w, (char *)to + w->offset))
			return false;
	return true;
}

bool
wire_take_all(struct record *r, const char *word,
    const struct wire_field *fields, void *to)
{
	r->taken = 0; /* by a try at another kind */
	return record_is(r, word) && wire_take(r, fields, to) &&
	    record_all_taken(r);
}

enum outcome
wire_write(struct buf *b, const char *word, const struct wire_field *fields,
    const void *from, struct fault *f)
{
	struct record_out out = record_begin(b, word);

	wire_put(out, fields, from);
	return record_end(out, f);
}

enum outcome
wire_read(struct span line, const char *word, const struct wire_field *fields,
    struct record *r, void *to, struct fault *f)
{
	if (record_parse(line, r, f) != OK)
		return fault_context(f, "%s", word);
	if (!wire_take_all(r, word, fields, to))
		return fault_set(f, TEMP, "4.3.0", 0, "%s: malformed", word);
	return OK;
}
