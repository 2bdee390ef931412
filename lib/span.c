/* SPDX-License-Identifier: ISC */
/* span.c: borrowed octets, a cursor over them, and numbers in text. */
#include "span.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span
span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

struct span
span_from(struct span s, size_t skip)
{
	if (skip > s.len)
		skip = s.len;
	return (struct span){ s.p + skip, s.len - skip };
}

struct span
span_head(struct span s, size_t len)
{
	return (struct span){ s.p, len < s.len ? len : s.len };
}

bool
span_eq(struct span s, const char *literal)
{
	return span_same(s, span_of(literal));
}

bool
span_same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

bool
span_same_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (to_lower((unsigned char)a.p[i]) !=
		    to_lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool
span_is_word(struct span s, const char *words)
{
	struct span rest = span_of(words), word;

	while (span_next(&rest, ' ', &word))
		if (span_same_nocase(s, word))
			return true;
	return false;
}

bool
span_has_prefix(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && memcmp(s.p, prefix, n) == 0;
}

bool
span_has_prefix_nocase(struct span s, const char *prefix)
{
	struct span p = span_of(prefix);

	return s.len >= p.len && span_same_nocase(span_head(s, p.len), p);
}

bool
span_is_all(struct span s, bool (*is)(int))
{
	struct cur c = cur_over(s);

	return cur_while(&c, is).len == s.len;
}

static bool
is_ascii(int c)
{
	return c >= 0 && c <= 127;
}

bool
span_is_ascii(struct span s)
{
	return span_is_all(s, is_ascii);
}

static bool
is_no_control(int c)
{
	return c >= ' ' && c != 0x7F;
}

bool
span_has_control(struct span s)
{
	return !span_is_all(s, is_no_control);
}

size_t
span_find(struct span s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.p);
}

uint64_t
span_count_lines(struct span s)
{
	uint64_t n = 0;

	while (s.len > 0) {
		s = span_from(s, span_find(s, '\n') + 1);
		n++;
	}
	return n;
}

struct span
span_whole_lines(struct span s)
{
	const char *at = s.len == 0 ? NULL : memrchr(s.p, '\n', s.len);

	return span_head(s, at == NULL ? 0 : (size_t)(at - s.p) + 1);
}

bool
span_next(struct span *rest, char by, struct span *part)
{
	size_t n;

	if (rest->len == 0)
		return false;
	n = span_find(*rest, by);
	*part = span_head(*rest, n);
	*rest = span_from(*rest, n + 1);
	return true;
}

bool
span_copy(struct span s, char *out, size_t size)
{
	if (s.len >= size) {
		if (size > 0)
			out[0] = '\0';
		return false;
	}
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

bool
cur_eat_nocase(struct cur *c, const char *word)
{
	if (!span_has_prefix_nocase(cur_rest(c), word))
		return false;
	c->p += strlen(word);
	return true;
}

struct span
cur_while(struct cur *c, bool (*is)(int))
{
	const char *from = c->p;

	while (is(cur_peek(c)))
		c->p++;
	return (struct span){ from, (size_t)(c->p - from) };
}

bool
is_atext(int c)
{
	return is_alnum(c) || c > 127 ||
	    (c > 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

int
hex_digit(int c)
{
	if (is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Length of the UTF-8 sequence at the start of s and its code point, or 0. */
static size_t
utf8_decode(struct span s, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	struct cur c = cur_over(s);
	int first = cur_take(&c);
	size_t len = first < 0       ? 0
	    : first < 0x80           ? 1
	    : (first & 0xE0) == 0xC0 ? 2
	    : (first & 0xF0) == 0xE0 ? 3
	    : (first & 0xF8) == 0xF0 ? 4
	                             : 0;
	uint32_t v;

	if (len < 2) {
		*point = len == 1 ? (uint32_t)first : 0;
		return len;
	}
	v = (uint32_t)first & (0x7FU >> len);
	for (size_t i = 1; i < len; i++) {
		int next = cur_take(&c);

		if (next < 0 || (next & 0xC0) != 0x80)
			return 0;
		v = v << 6 | ((uint32_t)next & 0x3F);
	}
	if (v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
		return 0;
	*point = v;
	return len;
}

/* What looks like something else than it is, or moves what stands near it. */
static bool
is_deceptive(uint32_t v)
{
	return v < 0x20 || (v >= 0x7F && v < 0xA0) || v == 0x061C ||
	    v == 0x200E || v == 0x200F || (v >= 0x2028 && v <= 0x202E) ||
	    (v >= 0x2066 && v <= 0x2069) || v == 0xFEFF;
}

size_t
utf8_printable(struct span s)
{
	uint32_t v;
	size_t n = utf8_decode(s, &v);

	return n == 0 || is_deceptive(v) ? 0 : n;
}

bool
utf8_is_valid(struct span s)
{
	uint32_t v;

	while (s.len > 0) {
		size_t n = utf8_decode(s, &v);

		if (n == 0)
			return false;
		s = span_from(s, n);
	}
	return true;
}

bool
num_parse(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit((unsigned char)s.p[i]) ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool
num_from_env(const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *text = getenv(name);

	return text != NULL && num_parse(span_of(text), min, max, out);
}

bool
size_add(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}
