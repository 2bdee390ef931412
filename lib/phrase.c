/* SPDX-License-Identifier: ISC */
/* phrase.c: words with values in them, for a person. */
#include "phrase.h"

struct phrase {
	struct buf *b;
	struct cur words;
	phrase_value *value;
	const void *arg;
	struct buf raw; /* one value, before it takes its form */
};

static void
put_age(struct buf *b, struct span raw)
{
	unsigned long long s;
	uint64_t ms;

	if (!num_parse(raw, 0, UINT64_MAX, &ms)) {
		buf_add_value(b, raw);
		return;
	}
	s = ms / 1000;
	if (s >= 86400)
		buf_addf(b, "%llud %lluh", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		buf_addf(b, "%lluh %llum", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		buf_addf(b, "%llum %llus", s / 60, s % 60);
	else
		buf_addf(b, "%llus", s);
}

static void
put_size(struct buf *b, struct span raw)
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	uint64_t octets;
	double n;
	size_t i = 0;

	if (!num_parse(raw, 0, UINT64_MAX, &octets)) {
		buf_add_value(b, raw);
		return;
	}
	for (n = (double)octets; n >= 1000 && i < 5; i++)
		n /= 1024;
	buf_addf(b, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

static const struct {
	const char *name;
	void (*put)(struct buf *, struct span raw);
} forms[] = {
	{ "", buf_add_value },
	{ "text", buf_add_printable },
	{ "age", put_age },
	{ "size", put_size },
};

/* What stands between the braces: key, form, width. */
static bool
put_value(struct phrase *p)
{
	struct span rest = cur_rest(&p->words), width;
	struct span form = SPAN_EMPTY, key = SPAN_EMPTY;
	size_t start = p->b->len;
	uint64_t fill = 0;
	bool says;

	width = span_head(rest, span_find(rest, '}'));
	p->words.p += width.len;
	(void)cur_eat(&p->words, '}');
	(void)span_next(&width, ':', &form);
	(void)span_next(&form, '|', &key);
	(void)num_parse(width, 1, 99, &fill);
	buf_reset(&p->raw);
	says = p->value(p->arg, key, &p->raw);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (span_eq(form, forms[i].name))
			forms[i].put(p->b, buf_span(&p->raw));
	p->b->missed += p->raw.missed;
	while (!buf_failed(p->b) && p->b->len - start < fill)
		buf_addc(p->b, ' ');
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
	struct phrase p = { b, cur_over(span_of(words)), value, arg,
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
