/* SPDX-License-Identifier: ISC */
/* field.c: does a line begin a header field? A person in one. */
#include "field.h"

#include <sodium.h>

static bool
is_name_octet(int c)
{
	return is_graph(c) && c != ':';
}

size_t
field_name(struct span line)
{
	struct cur c = cur_over(span_head(line, FIELD_COLON_MAX));
	struct span name = cur_while(&c, is_name_octet);

	(void)cur_while(&c, is_wsp);
	return cur_peek(&c) == ':' ? name.len : 0;
}

bool
field_is_missing(struct span content)
{
	return content.len > 0 && !span_has_prefix(content, "\r\n") &&
	    field_name(content) == 0;
}

/* ---- names ---- */

static bool
is_phrase_octet(int c)
{
	return c == ' ' || (is_graph(c) && is_atext(c));
}

static bool
is_printable(int c)
{
	return c == ' ' || is_graph(c);
}

/* RFC 5322 3.2.4 */
static void
put_quoted(struct buf *b, struct span name)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, name.p[i]);
	}
	buf_addc(b, '"');
}

/* As much of it as one word takes, whole characters; at least an octet. */
static size_t
word_length(struct span name)
{
	size_t n = 0, next;

	for (;;) {
		next = utf8_printable(span_from(name, n));
		if (next == 0)
			next = 1;
		if (n == name.len || n + next > FIELD_WORD_OCTETS)
			return n;
		n += next;
	}
}

/* RFC 2047 2: words of at most 75 octets. */
static void
put_encoded(struct buf *b, struct span name)
{
	char text[sodium_base64_ENCODED_LEN(
	    FIELD_WORD_OCTETS, sodium_base64_VARIANT_ORIGINAL)];
	const char *between = "";

	while (name.len > 0) {
		size_t n = word_length(name);

		(void)sodium_bin2base64(text, sizeof(text),
		    (const unsigned char *)name.p, n,
		    sodium_base64_VARIANT_ORIGINAL);
		buf_addf(b, "%s=?UTF-8?B?%s?=", between, text);
		between = "\r\n ";
		name = span_from(name, n);
	}
}

void
field_put_mailbox(struct buf *b, struct span name, struct span address)
{
	if (name.len == 0) {
		buf_add(b, address);
		return;
	}
	if (span_is_all(name, is_phrase_octet))
		buf_add(b, name);
	else if (span_is_all(name, is_printable))
		put_quoted(b, name);
	else
		put_encoded(b, name);
	buf_adds(b, " <");
	buf_add(b, address);
	buf_adds(b, ">");
}
