/* SPDX-License-Identifier: ISC */
/* parameters.c: MAIL and RCPT parameters, by one table. */
#include "parameters.h"

#include "envelope.h"

/* esmtp-value: %d33-60 / %d62-126, and UTF-8 (RFC 6531 3.3). */
static bool
is_value_octet(int c)
{
	return (is_graph(c) && c != '=') || c > 127;
}

static bool
is_keyword_octet(int c)
{
	return is_alnum(c) || c == '-';
}

/*
 * xtext that says printable ASCII: what it hides reaches reports and header
 * fields, where CR, LF and NUL have no place. RFC 3461 4 and 4.4.
 */
static bool
is_xtext(struct span s)
{
	struct cur c = cur_over(s);
	int octet;

	while ((octet = cur_take(&c)) != -1) {
		if (octet == '+') {
			int hi = hex_digit(cur_take(&c));
			int lo = hex_digit(cur_take(&c));

			if (hi < 0 || lo < 0)
				return false;
			octet = hi << 4 | lo;
			if (octet != ' ' && !is_graph(octet))
				return false;
		} else if (!is_graph(octet) || octet == '=') {
			return false;
		}
	}
	return true;
}

/* 1*20DIGIT. RFC 1870 3. */
static bool
is_size(struct span s)
{
	struct cur c = cur_over(s);

	return s.len <= 20 && cur_while(&c, is_digit).len == s.len;
}

static bool
is_body(struct span s)
{
	return span_is_word(s, "7BIT 8BITMIME");
}

static bool
is_ret(struct span s)
{
	return span_is_word(s, "FULL HDRS");
}

static bool
is_envid(struct span s)
{
	return s.len <= ENVELOPE_ENVID_MAX && is_xtext(s);
}

/* NEVER alone, or a list of the others. RFC 3461 4.1. */
static bool
is_notify(struct span s)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	struct cur c = cur_over(s);
	bool seen[3] = { false };

	if (span_is_word(s, "NEVER"))
		return true;
	do {
		struct span word = cur_while(&c, is_alnum);
		size_t i = 0;

		while (i < 3 && !span_is_word(word, words[i]))
			i++;
		if (i == 3 || seen[i])
			return false;
		seen[i] = true;
	} while (cur_eat(&c, ','));
	return cur_peek(&c) == -1;
}

/* addr-type ";" xtext. RFC 3461 4.2. */
static bool
is_orcpt(struct span s)
{
	struct cur c = cur_over(s);

	return s.len <= ENVELOPE_ORCPT_MAX &&
	    cur_while(&c, is_keyword_octet).len > 0 && cur_eat(&c, ';') &&
	    cur_peek(&c) != -1 && is_xtext(cur_rest(&c));
}

static const struct {
	const char *keyword;
	bool (*is_right)(struct span value); /* NULL: it takes none */
} table[PARAMETERS] = {
	[PARAM_SIZE] = { "SIZE", is_size },
	[PARAM_BODY] = { "BODY", is_body },
	[PARAM_SMTPUTF8] = { "SMTPUTF8", NULL },
	[PARAM_RET] = { "RET", is_ret },
	[PARAM_ENVID] = { "ENVID", is_envid },
	[PARAM_AUTH] = { "AUTH", is_xtext },
	[PARAM_NOTIFY] = { "NOTIFY", is_notify },
	[PARAM_ORCPT] = { "ORCPT", is_orcpt },
};

static enum rule
bad(struct fault *f, const char *keyword, const char *what)
{
	(void)fault_set(f, PERM, "5.5.4", 0, "%s: %s", keyword, what);
	return RULE_PARAMETER;
}

static enum rule
unknown(struct fault *f)
{
	(void)fault_set(f, PERM, "5.5.4", 0, "unknown parameter");
	return RULE_PARAMETER_UNKNOWN;
}

/* value: empty when there was no '='. */
static enum rule
take_one(struct span keyword, struct span value, bool of_rcpt,
    struct parameters *p, struct fault *f)
{
	size_t i = of_rcpt ? PARAM_NOTIFY : 0;
	size_t end = of_rcpt ? PARAMETERS : PARAM_NOTIFY;
	bool takes_value;

	while (i < end && !span_same_nocase(keyword, span_of(table[i].keyword)))
		i++;
	if (i == end)
		return unknown(f);
	takes_value = table[i].is_right != NULL;
	if (p->value[i].len > 0)
		return bad(f, table[i].keyword, "given twice");
	if (takes_value != (value.len > 0))
		return bad(f, table[i].keyword,
		    takes_value ? "needs a value" : "takes no value");
	if (takes_value && !table[i].is_right(value))
		return bad(f, table[i].keyword, "bad value");
	p->value[i] = takes_value ? value : keyword;
	return RULE_NONE;
}

enum rule
parameters_take(
    struct span in, bool of_rcpt, struct parameters *p, struct fault *f)
{
	struct cur c = cur_over(in);
	enum rule rule = RULE_NONE;

	for (size_t i = 0; i < PARAMETERS; i++)
		p->value[i] = SPAN_EMPTY;
	while (rule == RULE_NONE && cur_peek(&c) != -1) {
		struct span keyword, value = SPAN_EMPTY;

		if (cur_while(&c, is_wsp).len == 0)
			return bad(f, "syntax", "no space before a parameter");
		if (cur_peek(&c) == -1)
			break;
		keyword = cur_while(&c, is_keyword_octet);
		if (keyword.len > 0 && cur_eat(&c, '=')) {
			value = cur_while(&c, is_value_octet);
			if (value.len == 0)
				keyword = SPAN_EMPTY;
		}
		if (keyword.len == 0 ||
		    (cur_peek(&c) != -1 && !is_wsp(cur_peek(&c))))
			return bad(f, "syntax", "not a parameter");
		rule = take_one(keyword, value, of_rcpt, p, f);
	}
	return rule;
}

/* More than 64 bits is surely too large. */
uint64_t
parameters_size(const struct parameters *p)
{
	uint64_t size = 0;

	if (p->value[PARAM_SIZE].len > 0 &&
	    !num_parse(p->value[PARAM_SIZE], 0, UINT64_MAX, &size))
		size = UINT64_MAX;
	return size;
}
