/* SPDX-License-Identifier: ISC */
/* phrase.c: words with values in them, for people. */
#include "phrase.h"

#include <string.h>

struct phrase {
	struct buf *b;
	struct cur words;
	phrase_value *value;
	const void *arg;
	size_t start; /* of the phrase in b */
	struct buf raw; /* one value, before it takes its form */
};

static const struct {
	char letter;
	uint64_t seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
#define UNITS (sizeof(units) / sizeof(units[0]))

/* In its largest unit, and what is over in the next one if two are asked for. */
static void
put_time(struct buf *b, uint64_t s, bool two)
{
	size_t i = 0;

	while (i + 1 < UNITS && s < units[i].seconds)
		i++;
	buf_addf(b, "%llu%c", (unsigned long long)(s / units[i].seconds),
	    units[i].letter);
	s %= units[i].seconds;
	if (two && ++i < UNITS)
		buf_addf(b, " %llu%c",
		    (unsigned long long)(s / units[i].seconds),
		    units[i].letter);
}

static void
put_ms(struct buf *b, uint64_t ms)
{
	put_time(b, ms / 1000, true);
}

static void
put_s(struct buf *b, uint64_t s)
{
	put_time(b, s, false);
}

static void
put_size(struct buf *b, uint64_t octets)
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	double n = (double)octets;
	size_t i = 0;

	for (; n >= 1000 && i < 5; i++)
		n /= 1024;
	buf_addf(b, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

static const struct {
	const char *name;
	void (*put)(struct buf *, uint64_t);
} forms[] = { { "ms", put_ms }, { "s", put_s }, { "size", put_size } };

static void
put_form(struct phrase *p, struct span form)
{
	struct span raw = buf_span(&p->raw);
	uint64_t n;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (span_eq(form, forms[i].name) &&
		    num_parse(raw, 0, UINT64_MAX, &n)) {
			forms[i].put(p->b, n);
			return;
		}
	}
	if (span_eq(form, "text"))
		buf_add_printable(p->b, raw);
	else
		buf_add_value(p->b, raw);
}

/* Spaces until there are `width` octets from start on, before those or after. */
static void
fill(struct buf *b, size_t start, struct span width)
{
	bool before = span_has_prefix(width, ">");
	size_t len = b->len - start, missing;
	uint64_t n = 0;

	(void)num_parse(span_from(width, before ? 1 : 0), 1, 200, &n);
	if (len >= n)
		return;
	missing = (size_t)n - len;
	buf_addf(b, "%*s", (int)missing, "");
	if (before && !buf_failed(b)) {
		memmove(b->p + start + missing, b->p + start, len);
		memset(b->p + start, ' ', missing);
	}
}

/* What stands between the braces: key, form, width. */
static bool
put_value(struct phrase *p)
{
	struct span rest = cur_rest(&p->words), width;
	struct span form = SPAN_EMPTY, key = SPAN_EMPTY;
	size_t start = p->b->len;
	bool says;

	width = span_head(rest, span_find(rest, '}'));
	p->words.p += width.len;
	(void)cur_eat(&p->words, '}');
	if (span_has_prefix(width, "@")) {
		fill(p->b, p->start, span_from(width, 1));
		return true;
	}
	(void)span_next(&width, ':', &form);
	(void)span_next(&form, '|', &key);
	buf_reset(&p->raw);
	says = p->value(p->arg, key, &p->raw);
	p->b->missed += p->raw.missed;
	put_form(p, form);
	fill(p->b, start, width);
	return says;
}

/* Words up to `end`; false when a value of theirs has nothing to say. */
static bool
put_words(struct phrase *p, int end)
{
	bool whole = true;
	int octet;

	while ((octet = cur_take(&p->words)) != -1 && octet != end) {
		size_t start = p->b->len;

		if (octet == '\\')
			buf_addc(p->b, (char)cur_take(&p->words));
		else if (octet == '{')
			whole = put_value(p) && whole;
		else if (octet != '[')
			buf_addc(p->b, (char)octet);
		else if (!put_words(p, ']'))
			buf_cut(p->b, start);
	}
	return whole;
}

void
phrase_put(
    struct buf *b, const char *words, phrase_value *value, const void *arg)
{
	struct phrase p = { b, cur_over(span_of(words)), value, arg, b->len,
		BUF_INIT(b->max) };

	(void)put_words(&p, -1);
	buf_free(&p.raw);
}

bool
phrase_field(const void *record, struct span key, struct buf *b)
{
	const struct record_field *field = record_find(record, key);

	if (field != NULL)
		buf_add(b, field->value);
	return field != NULL;
}
