/* SPDX-License-Identifier: ISC */
/* phrase.c: words with values in them, for a person. */
#include "phrase.h"

struct phrase {
	struct buf *b;
	struct cur words;
	phrase_value *value;
	const void *arg;
};

/* What stands between the braces. */
static bool
put_value(struct phrase *p)
{
	struct span rest = cur_rest(&p->words);
	struct span inner = span_head(rest, span_find(rest, '}'));
	struct span key = span_head(inner, span_find(inner, ':'));
	size_t start = p->b->len;
	uint64_t width = 0;
	bool says;

	p->words.p += inner.len;
	(void)cur_eat(&p->words, '}');
	if (key.len < inner.len)
		(void)num_parse(span_from(inner, key.len + 1), 1, 99, &width);
	says = p->value(p->arg, key, p->b);
	while (!buf_failed(p->b) && p->b->len - start < width)
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
	struct phrase p = { b, cur_over(span_of(words)), value, arg };

	(void)put_words(&p, -1);
}

bool
phrase_field(const void *record, struct span key, struct buf *b)
{
	const struct record_field *field = record_find(record, key);

	if (field != NULL)
		buf_add_printable(b, field->value);
	return field != NULL;
}
