/* SPDX-License-Identifier: ISC */
/* parameters.c: MAIL and RCPT parameters, by one table each. */
#include "parameters.h"

#include "envelope.h"

/* What both commands may carry; a table says which keyword fills which. */
struct values {
	struct mail_parameters mail;
	struct rcpt_parameters rcpt;
};

struct parameter {
	const char *keyword;
	bool has_value;
	/* Look at the value and keep it; false: it is wrong. */
	bool (*take)(struct values *, struct span value);
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
is_one_of(struct span s, const char *words)
{
	struct span rest = span_of(words), word;

	while (span_next(&rest, ' ', &word))
		if (span_same_nocase(s, word))
			return true;
	return false;
}

static bool
take_size(struct values *v, struct span value)
{
	/* 1*20DIGIT. RFC 1870 3; more than 64 bits is surely too large. */
	if (value.len > 20)
		return false;
	if (num_parse(value, 0, UINT64_MAX, &v->mail.size))
		return true;
	v->mail.size = UINT64_MAX;
	for (size_t i = 0; i < value.len; i++)
		if (!is_digit((unsigned char)value.p[i]))
			return false;
	return value.len > 0;
}

static bool
take_body(struct values *v, struct span value)
{
	v->mail.body = value;
	return is_one_of(value, "7BIT 8BITMIME");
}

static bool
take_smtputf8(struct values *v, struct span value)
{
	(void)value;
	v->mail.smtputf8 = true;
	return true;
}

static bool
take_ret(struct values *v, struct span value)
{
	v->mail.ret = value;
	return is_one_of(value, "FULL HDRS");
}

static bool
take_envid(struct values *v, struct span value)
{
	v->mail.envid = value;
	return value.len <= ENVELOPE_ENVID_MAX && is_xtext(value);
}

/* NEVER alone, or a list of the others. RFC 3461 4.1. */
static bool
take_notify(struct values *v, struct span value)
{
	struct span rest = value, word;
	unsigned seen = 0;

	v->rcpt.notify = value;
	if (is_one_of(value, "NEVER"))
		return true;
	if (value.len > 0 && value.p[value.len - 1] == ',')
		return false;
	while (span_next(&rest, ',', &word)) {
		unsigned bit = is_one_of(word, "SUCCESS") ? 1U
		    : is_one_of(word, "FAILURE")          ? 2U
		    : is_one_of(word, "DELAY")            ? 4U
		                                          : 0U;

		if (bit == 0 || (seen & bit) != 0)
			return false;
		seen |= bit;
	}
	return seen != 0;
}

/* addr-type ";" xtext. RFC 3461 4.2. */
static bool
take_orcpt(struct values *v, struct span value)
{
	struct cur c = cur_over(value);

	v->rcpt.orcpt = value;
	return value.len <= ENVELOPE_ORCPT_MAX &&
	    cur_while(&c, is_keyword_octet).len > 0 && cur_eat(&c, ';') &&
	    cur_peek(&c) != -1 && is_xtext(cur_rest(&c));
}

/* AUTH is not offered; a wrong value is told from an unknown parameter. */
static bool
take_auth(struct values *v, struct span value)
{
	(void)v;
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
    struct span value, unsigned *seen, struct values *v, struct fault *f)
{
	for (size_t i = 0; table[i].keyword != NULL; i++) {
		const struct parameter *p = &table[i];

		if (!span_same_nocase(keyword, span_of(p->keyword)))
			continue;
		if ((*seen & 1U << i) != 0)
			return bad(f, p->keyword, "given twice");
		*seen |= 1U << i;
		if (has_value != p->has_value)
			return bad(f, p->keyword,
			    has_value ? "takes no value" : "needs a value");
		if (!p->take(v, value))
			return bad(f, p->keyword, "bad value");
		return p->take == take_auth ? unknown(f) : RULE_NONE;
	}
	return unknown(f);
}

static enum rule
take_all(struct span in, const struct parameter *table, struct values *v,
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
		rule = take_one(table, keyword, has_value, value, &seen, v, f);
		if (rule != RULE_NONE)
			return rule;
	}
	return RULE_NONE;
}

enum rule
parameters_mail(struct span in, struct mail_parameters *p, struct fault *f)
{
	struct values v = { { 0, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, false },
		{ SPAN_EMPTY, SPAN_EMPTY } };
	enum rule rule = take_all(in, of_mail, &v, f);

	*p = v.mail;
	return rule;
}

enum rule
parameters_rcpt(struct span in, struct rcpt_parameters *p, struct fault *f)
{
	struct values v = { { 0, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, false },
		{ SPAN_EMPTY, SPAN_EMPTY } };
	enum rule rule = take_all(in, of_rcpt, &v, f);

	*p = v.rcpt;
	return rule;
}
