/* SPDX-License-Identifier: ISC */
/* parameters.c: MAIL and RCPT parameters, by one table each. */
#include "parameters.h"

#include "envelope.h"

#define PARAMETERS_NONE                                                        \
	((struct parameters){ 0, false, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY,    \
	    SPAN_EMPTY, SPAN_EMPTY })

struct parameter {
	const char *keyword;
	bool has_value;
	/* Look at the value and keep it; false: it is wrong. */
	bool (*take)(struct parameters *, struct span value);
};

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

static bool
take_size(struct parameters *p, struct span value)
{
	/* 1*20DIGIT. RFC 1870 3; more than 64 bits is surely too large. */
	if (value.len > 20)
		return false;
	if (num_parse(value, 0, UINT64_MAX, &p->size))
		return true;
	p->size = UINT64_MAX;
	for (size_t i = 0; i < value.len; i++)
		if (!is_digit((unsigned char)value.p[i]))
			return false;
	return value.len > 0;
}

static bool
take_body(struct parameters *p, struct span value)
{
	p->body = value;
	return span_is_word(value, "7BIT 8BITMIME");
}

static bool
take_smtputf8(struct parameters *p, struct span value)
{
	(void)value;
	p->smtputf8 = true;
	return true;
}

static bool
take_ret(struct parameters *p, struct span value)
{
	p->ret = value;
	return span_is_word(value, "FULL HDRS");
}

static bool
take_envid(struct parameters *p, struct span value)
{
	p->envid = value;
	return value.len <= ENVELOPE_ENVID_MAX && is_xtext(value);
}

/* NEVER alone, or a list of the others. RFC 3461 4.1. */
static bool
take_notify(struct parameters *p, struct span value)
{
	struct span rest = value, word;
	unsigned seen = 0;

	p->notify = value;
	if (span_is_word(value, "NEVER"))
		return true;
	if (value.len > 0 && value.p[value.len - 1] == ',')
		return false;
	while (span_next(&rest, ',', &word)) {
		unsigned bit = span_is_word(word, "SUCCESS") ? 1U
		    : span_is_word(word, "FAILURE")          ? 2U
		    : span_is_word(word, "DELAY")            ? 4U
		                                             : 0U;

		if (bit == 0 || (seen & bit) != 0)
			return false;
		seen |= bit;
	}
	return seen != 0;
}

/* addr-type ";" xtext. RFC 3461 4.2. */
static bool
take_orcpt(struct parameters *p, struct span value)
{
	struct cur c = cur_over(value);

	p->orcpt = value;
	return value.len <= ENVELOPE_ORCPT_MAX &&
	    cur_while(&c, is_keyword_octet).len > 0 && cur_eat(&c, ';') &&
	    cur_peek(&c) != -1 && is_xtext(cur_rest(&c));
}

/* AUTH is not offered; a wrong value is told from an unknown parameter. */
static bool
take_auth(struct parameters *p, struct span value)
{
	(void)p;
	return is_xtext(value);
}

static const struct parameter of_mail[] = {
	{ "SIZE", true, take_size },
	{ "BODY", true, take_body },
	{ "SMTPUTF8", false, take_smtputf8 },
	{ "RET", true, take_ret },
	{ "ENVID", true, take_envid },
	{ "AUTH", true, take_auth },
	{ NULL, false, NULL },
};

static const struct parameter of_rcpt[] = {
	{ "NOTIFY", true, take_notify },
	{ "ORCPT", true, take_orcpt },
	{ NULL, false, NULL },
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

static enum rule
take_one(const struct parameter *table, struct span keyword, bool has_value,
    struct span value, unsigned *seen, struct parameters *p, struct fault *f)
{
	for (size_t i = 0; table[i].keyword != NULL; i++) {
		const struct parameter *t = &table[i];

		if (!span_same_nocase(keyword, span_of(t->keyword)))
			continue;
		if ((*seen & 1U << i) != 0)
			return bad(f, t->keyword, "given twice");
		*seen |= 1U << i;
		if (has_value != t->has_value)
			return bad(f, t->keyword,
			    has_value ? "takes no value" : "needs a value");
		if (!t->take(p, value))
			return bad(f, t->keyword, "bad value");
		return t->take == take_auth ? unknown(f) : RULE_NONE;
	}
	return unknown(f);
}

static enum rule
take_all(struct span in, const struct parameter *table, struct parameters *p,
    struct fault *f)
{
	struct cur c = cur_over(in);
	unsigned seen = 0;

	while (cur_peek(&c) != -1) {
		struct span keyword, value = SPAN_EMPTY;
		bool has_value;
		enum rule rule;

		if (cur_while(&c, is_wsp).len == 0)
			return bad(f, "syntax", "no space before a parameter");
		if (cur_peek(&c) == -1)
			break;
		keyword = cur_while(&c, is_keyword_octet);
		if (keyword.len == 0)
			return bad(f, "syntax", "not a parameter");
		has_value = cur_eat(&c, '=');
		if (has_value)
			value = cur_while(&c, is_value_octet);
		if ((has_value && value.len == 0) ||
		    (cur_peek(&c) != -1 && !is_wsp(cur_peek(&c))))
			return bad(f, "syntax", "not a parameter");
		rule = take_one(table, keyword, has_value, value, &seen, p, f);
		if (rule != RULE_NONE)
			return rule;
	}
	return RULE_NONE;
}

enum rule
parameters_mail(struct span in, struct parameters *p, struct fault *f)
{
	*p = PARAMETERS_NONE;
	return take_all(in, of_mail, p, f);
}

enum rule
parameters_rcpt(struct span in, struct parameters *p, struct fault *f)
{
	*p = PARAMETERS_NONE;
	return take_all(in, of_rcpt, p, f);
}
