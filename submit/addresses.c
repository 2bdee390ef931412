/* SPDX-License-Identifier: ISC */
/*
 * addresses.c: an address-list, in one pass, without recursion. What comes
 * before a '<' or a group's ':' is a phrase and goes; what comes else is an
 * address, joined of its parts.
 */
#include "addresses.h"

#include "path.h"

#define SHOWN_MAX   64 /* octets of what is wrong, in a message */
#define COMMENT_MAX 100 /* comments within each other. Ours */

/* One list on its way. */
struct reader {
	struct cur c;
	struct addresses *out;
	char spec[PATH_TEXT_MAX + 1];
	size_t len;
	bool is_long; /* spec could not take all of it */
	bool has_word; /* its last part is a word: another one makes a phrase */
	bool is_phrase; /* two words side by side: no address without < > */
	bool in_angle, in_group;
	bool is_done; /* this member had its < > */
};

static enum outcome
refuse(const struct reader *r, const char *why, struct fault *f)
{
	return fault_set(f, PERM, "5.1.3", 0, "%s: %.*s", why,
	    r->len < SHOWN_MAX ? (int)r->len : SHOWN_MAX, r->spec);
}

static void
forget(struct reader *r)
{
	r->len = 0;
	r->is_long = r->has_word = r->is_phrase = false;
}

static void
keep(struct reader *r, int c)
{
	if (r->len < sizeof(r->spec))
		r->spec[r->len++] = (char)c;
	else
		r->is_long = true;
}

static bool
is_space(int c)
{
	return is_wsp(c) || c == '\r' || c == '\n';
}

/* Behind its '('. RFC 5322 3.2.2 */
static bool
skip_comment(struct cur *c)
{
	size_t depth = 1;

	while (depth > 0) {
		int octet = cur_take(c);

		if (octet == -1 || depth > COMMENT_MAX)
			return false;
		if (octet == '\\')
			(void)cur_take(c);
		depth += octet == '(';
		depth -= octet == ')';
	}
	return true;
}

/* A word begins: right behind another one it makes a phrase of both. */
static void
begin_word(struct reader *r)
{
	r->is_phrase |= r->has_word;
	r->has_word = true;
}

/* Behind its '"', with it. RFC 5322 3.2.4 */
static bool
take_quoted(struct reader *r)
{
	int octet;

	begin_word(r);
	keep(r, '"');
	while ((octet = cur_take(&r->c)) != '"') {
		if (octet == '\r' || octet == '\n')
			continue; /* folded */
		if (octet == -1 || octet < ' ' || octet == 0x7F)
			return false;
		keep(r, octet);
		if (octet != '\\')
			continue;
		octet = cur_take(&r->c);
		if (octet < ' ' || octet == 0x7F)
			return false;
		keep(r, octet);
	}
	keep(r, '"');
	return true;
}

static bool
is_literal_octet(int c)
{
	return is_graph(c) && c != '[' && c != ']' && c != '\\';
}

/* A domain in brackets. RFC 5321 4.1.3 */
static bool
take_literal(struct reader *r)
{
	struct span text = cur_while(&r->c, is_literal_octet);

	begin_word(r);
	keep(r, '[');
	for (size_t i = 0; i < text.len; i++)
		keep(r, (unsigned char)text.p[i]);
	keep(r, ']');
	return cur_eat(&r->c, ']');
}

/* What was joined is an address, or a name of this machine. */
static enum outcome
add_one(struct reader *r, struct fault *f)
{
	struct span spec = { r->spec, r->len };
	struct addresses *out = r->out;
	struct path path;
	size_t at = 0;

	if (r->is_long)
		return refuse(r, "an address is too long", f);
	if (r->is_phrase)
		return refuse(r, "a name without an address in < >", f);
	while (at < spec.len &&
	    (is_atext((unsigned char)spec.p[at]) || spec.p[at] == '.'))
		at++;
	if (at == spec.len && at <= LOCAL_PART_MAX)
		buf_add(&out->text, spec);
	else if (path_parse_bare(spec, &path, f) == OK && path.len > 0)
		buf_add(&out->text, path_span(&path));
	else
		return refuse(r, "not an address", f);
	buf_addc(&out->text, '\n');
	if (++out->n > ADDRESSES_MAX || buf_failed(&out->text))
		return fault_set(f, PERM, "4.5.3", 0, "more than %d recipients",
		    ADDRESSES_MAX);
	forget(r);
	return OK;
}

/* A member ends at ',' ';' or the end: there may be none. */
static enum outcome
end_member(struct reader *r, struct fault *f)
{
	bool was_done = r->is_done;

	r->is_done = false;
	if (r->in_angle)
		return refuse(r, "a < without its >", f);
	if (was_done || r->len == 0) {
		forget(r); /* what follows a > is none of it */
		return OK;
	}
	return add_one(r, f);
}

/* What was joined up to here was its phrase. A route goes. RFC 5322 4.4 */
static enum outcome
begin_angle(struct reader *r, struct fault *f)
{
	if (r->in_angle || r->is_done)
		return refuse(r, "a second < in one address", f);
	forget(r);
	r->in_angle = true;
	return OK;
}

static enum outcome
end_angle(struct reader *r, struct fault *f)
{
	if (!r->in_angle)
		return refuse(r, "a > without its <", f);
	r->in_angle = false;
	r->is_done = true;
	return r->len == 0 ? refuse(r, "nothing in < >", f) : add_one(r, f);
}

/* Of a group's name; or, in < >, of a route, which is left out. */
static enum outcome
take_colon(struct reader *r, struct fault *f)
{
	if (r->in_angle) {
		if (r->len == 0 || r->spec[0] != '@')
			return refuse(r, "a : in an address", f);
	} else if (r->in_group || r->is_done || r->len == 0) {
		return refuse(r, "a : that begins no group", f);
	} else {
		r->in_group = true;
	}
	forget(r);
	return OK;
}

/* In < > the commas of a route. */
static enum outcome
take_comma(struct reader *r, struct fault *f)
{
	if (!r->in_angle)
		return end_member(r, f);
	if (r->len == 0 || r->spec[0] != '@')
		return refuse(r, "a , in an address", f);
	keep(r, ',');
	r->has_word = false;
	return OK;
}

static enum outcome
take_special(struct reader *r, int c, struct fault *f)
{
	switch (c) {
	case '<':
		return begin_angle(r, f);
	case '>':
		return end_angle(r, f);
	case ':':
		return take_colon(r, f);
	case ',':
		return take_comma(r, f);
	case ';':
		if (!r->in_group)
			return refuse(r, "a ; without its group", f);
		r->in_group = false;
		return end_member(r, f);
	case '@':
	case '.':
		keep(r, c);
		r->has_word = false;
		return OK;
	default:
		return refuse(r, "a character that no address has", f);
	}
}

static bool
is_word_octet(int c)
{
	return is_atext(c);
}

static enum outcome
take_next(struct reader *r, struct fault *f)
{
	struct span word = cur_while(&r->c, is_word_octet);
	int c;

	if (word.len > 0) {
		begin_word(r);
		for (size_t i = 0; i < word.len; i++)
			keep(r, (unsigned char)word.p[i]);
		return OK;
	}
	c = cur_take(&r->c);
	if (is_space(c))
		return OK;
	if (c == '(')
		return skip_comment(&r->c) ? OK
		                           : refuse(r, "a ( without its )", f);
	if (c == '"')
		return take_quoted(r) ? OK
		                      : refuse(r, "a \" without another", f);
	if (c == '[')
		return take_literal(r) ? OK : refuse(r, "a [ without its ]", f);
	return take_special(r, c, f);
}

enum outcome
addresses_add(struct addresses *out, struct span list, struct fault *f)
{
	struct reader r = { .c = cur_over(list), .out = out };

	while (cur_peek(&r.c) != -1)
		if (take_next(&r, f) != OK)
			return f->outcome;
	return end_member(&r, f);
}

void
addresses_free(struct addresses *a)
{
	buf_free(&a->text);
	a->n = 0;
}
