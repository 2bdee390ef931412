/* SPDX-License-Identifier: ISC */
/* record.c: the one line format, both ways. */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char hex[] = "0123456789ABCDEF";

static bool
is_word_octet(int c)
{
	return is_alnum(c) || c == '-';
}

static bool
is_key_octet(int c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

struct record_out
record_begin(struct buf *b, const char *word)
{
	struct record_out out = { b, b->len, b->missed };

	buf_adds(b, word);
	return out;
}

/* How many octets at the start of s may stand as they are. */
static size_t
plain_octets(struct span s)
{
	size_t n = 0;

	while (n < s.len) {
		int c = (unsigned char)s.p[n];
		size_t step = is_graph(c) ? 1
		    : c > 0x7F            ? utf8_printable(span_from(s, n))
		                          : 0;

		if (step == 0 || c == '%')
			break;
		n += step;
	}
	return n;
}

void
record_put(struct record_out out, const char *key, struct span value)
{
	buf_addc(out.b, ' ');
	buf_adds(out.b, key);
	buf_addc(out.b, '=');
	while (value.len > 0) {
		size_t n = plain_octets(value);

		buf_add(out.b, span_head(value, n));
		value = span_from(value, n);
		if (value.len > 0) {
			int c = (unsigned char)value.p[0];
			char code[3] = { '%', hex[c >> 4], hex[c & 15] };

			buf_add(out.b, (struct span){ code, sizeof(code) });
			value = span_from(value, 1);
		}
	}
}

void
record_put_optional(struct record_out out, const char *key, struct span value)
{
	if (value.len > 0)
		record_put(out, key, value);
}

void
record_puts(struct record_out out, const char *key, const char *value)
{
	record_put(out, key, span_of(value));
}

void
record_put_num(struct record_out out, const char *key, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	record_put(out, key,
	    (struct span){ p, (size_t)(digits + sizeof(digits) - p) });
}

void
record_put_fault(struct record_out out, const struct fault *f)
{
	record_puts(out, "code", f->code);
	record_puts(out, "text", f->text);
}

enum outcome
record_end(struct record_out out, struct fault *f)
{
	struct buf *b = out.b;
	size_t len, missed;

	buf_addc(b, '\n');
	len = b->len - out.start;
	missed = b->missed - out.missed;
	if (b->missed == 0 && len <= RECORD_MAX)
		return OK;
	buf_undo(b, out.start);
	b->missed = out.missed;
	/* Not too long: b is full, which passes. */
	if (missed <= RECORD_MAX && len + missed <= RECORD_MAX)
		return fault_set(f, TEMP, "4.3.0", ENOBUFS, "record");
	return fault_set(f, PERM, "5.3.0", 0, "record too long");
}

/* Decode one value to *to; its span, or false at a bad octet. */
static bool
take_value(struct cur *c, char **to, struct span *out)
{
	char *from = *to;

	for (;;) {
		struct span rest = cur_rest(c);
		size_t n = plain_octets(rest);
		int high, low;

		memcpy(*to, rest.p, n);
		*to += n;
		c->p += n;
		if (!cur_eat(c, '%'))
			break;
		high = hex_digit(cur_take(c));
		low = hex_digit(cur_take(c));
		if (high < 0 || low < 0)
			return false;
		*(*to)++ = (char)(high << 4 | low);
	}
	*out = (struct span){ from, (size_t)(*to - from) };
	return cur_peek(c) == -1 || cur_peek(c) == ' ';
}

const struct record_field *
record_find(const struct record *r, struct span key)
{
	for (size_t i = 0; i < r->fields; i++)
		if (span_same(r->field[i].key, key))
			return &r->field[i];
	return NULL;
}

struct span
record_value(const struct record *r, const char *key)
{
	const struct record_field *field = record_find(r, span_of(key));

	return field == NULL ? SPAN_EMPTY : field->value;
}

static bool
take_field(struct cur *c, struct record *r, char **to)
{
	struct record_field *field = &r->field[r->fields];
	struct span key = cur_while(c, is_key_octet);

	if (key.len == 0 || record_find(r, key) != NULL)
		return false;
	memcpy(*to, key.p, key.len);
	field->key = (struct span){ *to, key.len };
	*to += key.len;
	if (!cur_eat(c, '=') || !take_value(c, to, &field->value))
		return false;
	r->fields++;
	return true;
}

enum outcome
record_parse(struct span line, struct record *r, struct fault *f)
{
	struct cur c;
	struct span word;
	char *to = r->text;

	r->fields = 0;
	r->taken = 0;
	r->word = SPAN_EMPTY;
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > RECORD_MAX - 1)
		return fault_set(f, TEMP, "4.3.0", 0, "record: too long");
	c = cur_over(line);
	word = cur_while(&c, is_word_octet);
	if (word.len == 0)
		return fault_set(f, TEMP, "4.3.0", 0, "record: no word");
	memcpy(to, word.p, word.len);
	r->word = (struct span){ to, word.len };
	to += word.len;
	while (cur_eat(&c, ' ')) {
		if (r->fields == RECORD_FIELDS_MAX)
			return fault_set(
			    f, TEMP, "4.3.0", 0, "record: too many fields");
		if (!take_field(&c, r, &to))
			return fault_set(f, TEMP, "4.3.0", 0,
			    "record: bad field %zu", r->fields + 1);
	}
	if (cur_peek(&c) != -1)
		return fault_set(f, TEMP, "4.3.0", 0, "record: bad octet");
	return OK;
}

bool
record_is(const struct record *r, const char *word)
{
	return span_eq(r->word, word);
}

static const struct record_field *
take(struct record *r, const char *key)
{
	const struct record_field *field = record_find(r, span_of(key));

	if (field != NULL)
		r->taken |= 1U << (field - r->field);
	return field;
}

bool
record_take(struct record *r, const char *key, size_t max, struct span *out)
{
	const struct record_field *field = take(r, key);

	if (field == NULL || field->value.len > max)
		return false;
	*out = field->value;
	return true;
}

bool
record_take_optional(
    struct record *r, const char *key, size_t max, struct span *out)
{
	const struct record_field *field = take(r, key);

	*out = SPAN_EMPTY;
	if (field == NULL)
		return true;
	if (field->value.len > max)
		return false;
	*out = field->value;
	return true;
}

bool
record_take_num(struct record *r, const char *key, uint64_t min, uint64_t max,
    uint64_t *out)
{
	const struct record_field *field = take(r, key);

	return field != NULL && num_parse(field->value, min, max, out);
}

bool
record_all_taken(const struct record *r)
{
	return r->fields == RECORD_FIELDS_MAX
	    ? r->taken == UINT32_MAX
	    : r->taken == (1U << r->fields) - 1;
}

/* 1*3DIGIT at the cursor. */
static bool
take_part(struct cur *c)
{
	size_t n = cur_while(c, is_digit).len;

	return n >= 1 && n <= 3;
}

/* RFC 3463 2 */
static bool
is_code(struct span s, char class)
{
	struct cur c = cur_over(s);

	return cur_eat(&c, class) && cur_eat(&c, '.') && take_part(&c) &&
	    cur_eat(&c, '.') && take_part(&c) && cur_peek(&c) == -1;
}

bool
record_take_code(
    struct record *r, char class, const char *other, char out[FAULT_CODE_MAX])
{
	struct span code;

	if (!record_take_optional(r, "code", FAULT_CODE_MAX - 1, &code))
		return false;
	return span_copy(
	    is_code(code, class) ? code : span_of(other), out, FAULT_CODE_MAX);
}

enum outcome
record_outcome(struct record *r, struct fault *f)
{
	bool is_perm = record_is(r, "perm");
	char code[FAULT_CODE_MAX];
	struct span text;

	if (record_is(r, "ok"))
		return OK;
	if (!record_take_code(
	        r, is_perm ? '5' : '4', is_perm ? "5.0.0" : "4.3.0", code) ||
	    !record_take_optional(r, "text", FAULT_TEXT_MAX, &text) ||
	    (!is_perm && !record_is(r, "temp")))
		return fault_set(f, TEMP, "4.3.0", EPROTO, "unknown answer");
	return fault_set(
	    f, is_perm ? PERM : TEMP, code, 0, SPAN_FMT, SPAN_ARG(text));
}
