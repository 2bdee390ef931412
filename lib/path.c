/* SPDX-License-Identifier: ISC */
/*
 * path.c: reverse-path and forward-path of RFC 5321 4.1.2.
 *
 * Stricter than many: what the grammar does not know is refused here, so that
 * no later stage meets two readings of one address.
 */
#include "path.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX   63 /* octets. RFC 1035 2.3.4 */
#define LITERAL_MAX 64 /* octets between [ and ]; IPv6 with IPv4 is 50 */

/* What a parse may take and what it met. */
struct reader {
	struct cur c;
	bool utf8; /* RFC 6531 was asked for */
	bool has_8bit; /* met an octet over 127 where it was not */
};

/* Step over one character that is not ASCII, if it is allowed here. */
static bool
eat_non_ascii(struct reader *r)
{
	size_t n;

	if (cur_peek(&r->c) < 0x80)
		return false;
	if (!r->utf8) {
		r->has_8bit = true;
		return false;
	}
	n = utf8_printable(cur_rest(&r->c));
	r->c.p += n;
	return n > 0;
}

static bool
is_ascii_atext(int c)
{
	return c < 0x80 && is_atext(c);
}

/* Atom of 4.1.2, with the UTF-8 of RFC 6531 3.3. */
static bool
eat_atom(struct reader *r)
{
	const char *from = r->c.p;

	do
		(void)cur_while(&r->c, is_ascii_atext);
	while (eat_non_ascii(r));
	return r->c.p > from;
}

static bool
eat_dot_string(struct reader *r)
{
	do
		if (!eat_atom(r))
			return false;
	while (cur_eat(&r->c, '.'));
	return true;
}

static bool
is_qtext(int c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool
is_quotable(int c)
{
	return c >= ' ' && c <= '~';
}

/* Quoted-string; the empty one is one, by the grammar. */
static bool
eat_quoted_string(struct reader *r)
{
	if (!cur_eat(&r->c, '"'))
		return false;
	while (!cur_eat(&r->c, '"')) {
		if (cur_eat(&r->c, '\\')) {
			if (!is_quotable(cur_take(&r->c)))
				return false;
		} else if (is_qtext(cur_peek(&r->c))) {
			(void)cur_take(&r->c);
		} else if (!eat_non_ascii(r)) {
			return false;
		}
	}
	return true;
}

static bool
is_let_dig_hyphen(int c)
{
	return is_alnum(c) || c == '-';
}

/* sub-domain: no hyphen at either end; U-labels as RFC 6531 3.3 has them. */
static bool
eat_label(struct reader *r)
{
	const char *from = r->c.p;
	size_t len;

	do
		(void)cur_while(&r->c, is_let_dig_hyphen);
	while (eat_non_ascii(r));
	len = (size_t)(r->c.p - from);
	return len > 0 && from[0] != '-' && from[len - 1] != '-' &&
	    len <= LABEL_MAX;
}

/* [192.0.2.7] or [IPv6:2001:db8::7]; other tags name nothing that can be reached. */
static bool
eat_literal(struct reader *r)
{
	static const char tag[] = "IPv6:";
	char text[LITERAL_MAX + 1];
	unsigned char address[sizeof(struct in6_addr)];
	struct span inner = cur_rest(&r->c);

	if (!cur_eat(&r->c, '['))
		return false;
	inner = span_from(inner, 1);
	inner = span_head(inner, span_find(inner, ']'));
	/* an octet 0 would end the text early for inet_pton() */
	if (span_find(inner, '\0') < inner.len)
		return false;
	r->c.p += inner.len;
	if (!cur_eat(&r->c, ']'))
		return false;
	if (span_has_prefix_nocase(inner, tag))
		return span_copy(span_from(inner, sizeof(tag) - 1), text,
		           sizeof(text)) &&
		    inet_pton(AF_INET6, text, address) == 1;
	return span_copy(inner, text, sizeof(text)) &&
	    inet_pton(AF_INET, text, address) == 1;
}

static bool
eat_domain(struct reader *r)
{
	if (cur_peek(&r->c) == '[')
		return eat_literal(r);
	do
		if (!eat_label(r))
			return false;
	while (cur_eat(&r->c, '.'));
	return true;
}

/* A-d-l ":"; read for its syntax and left behind. RFC 5321 appendix C. */
static bool
skip_source_route(struct reader *r)
{
	if (cur_peek(&r->c) != '@')
		return true;
	do
		if (!cur_eat(&r->c, '@') || !eat_domain(r))
			return false;
	while (cur_eat(&r->c, ','));
	return cur_eat(&r->c, ':');
}

/* local-part "@" domain at the cursor, into out. */
static bool
take_mailbox(struct reader *r, struct path *out)
{
	const char *from = r->c.p, *at;
	size_t len;

	if (cur_peek(&r->c) == '"' ? !eat_quoted_string(r) : !eat_dot_string(r))
		return false;
	at = r->c.p;
	if (at - from > LOCAL_PART_MAX || !cur_eat(&r->c, '@') ||
	    !eat_domain(r) || r->c.p - at - 1 > DOMAIN_MAX)
		return false;
	len = (size_t)(r->c.p - from);
	out->local_len = (size_t)(at - from);
	out->len = len;
	return span_copy(
	    (struct span){ from, len }, out->text, sizeof(out->text));
}

/* `Postmaster` alone, in any case, followed by `end`. RFC 5321 4.1.1.3. */
static bool
take_postmaster(struct reader *r, int end, struct path *out)
{
	struct cur before = r->c;
	struct span name = { before.p, sizeof("postmaster") - 1 };

	if (!cur_eat_nocase(&r->c, "postmaster") || cur_peek(&r->c) != end) {
		r->c = before;
		return false;
	}
	out->len = out->local_len = name.len;
	return span_copy(name, out->text, sizeof(out->text));
}

static enum outcome
refuse(const struct reader *r, const char *which, const char *code,
    struct path *out, struct fault *f)
{
	*out = (struct path){ .len = 0 };
	if (r->has_8bit)
		return fault_set(f, PERM, FAULT_NOT_ASCII, 0,
		    "%s: not ASCII, and SMTPUTF8 was not asked for", which);
	return fault_set(f, PERM, code, 0, "%s: bad address syntax", which);
}

/* What stands between < and >. */
static bool
take_path(struct reader *r, enum path_kind kind, struct path *out)
{
	if (kind == PATH_REVERSE && cur_peek(&r->c) == '>')
		return true;
	if (kind == PATH_FORWARD && take_postmaster(r, '>', out))
		return true;
	return skip_source_route(r) && take_mailbox(r, out);
}

enum outcome
path_parse(enum path_kind kind, struct span in, bool utf8, struct path *out,
    struct span *rest, struct fault *f)
{
	struct reader r = { cur_over(in), utf8, false };

	*out = (struct path){ .len = 0 };
	if (!cur_eat(&r.c, '<') || !take_path(&r, kind, out) ||
	    !cur_eat(&r.c, '>'))
		return kind == PATH_REVERSE
		    ? refuse(&r, "reverse-path", "5.1.7", out, f)
		    : refuse(&r, "forward-path", "5.1.3", out, f);
	*rest = cur_rest(&r.c);
	return OK;
}

enum outcome
path_parse_bare(struct span in, struct path *out, struct fault *f)
{
	struct reader r = { cur_over(in), true, false };

	*out = (struct path){ .len = 0 };
	if (!take_postmaster(&r, -1, out) &&
	    (!take_mailbox(&r, out) || cur_peek(&r.c) != -1))
		return refuse(&r, "address", "5.1.3", out, f);
	return OK;
}

bool
path_is_domain(struct span text, bool utf8)
{
	struct reader r = { cur_over(text), utf8, false };

	return text.len <= DOMAIN_MAX && eat_domain(&r) && cur_peek(&r.c) == -1;
}
