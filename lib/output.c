/* SPDX-License-Identifier: ISC */
/* output.c: one object, printed as JSON or through a phrase. */
#include "output.h"

#include <stdarg.h>
#include <stdio.h>

#include "phrase.h"
#include "prog.h"

#define TEXT_MAX (16UL * RECORD_MAX) /* octets of one phrase. Chosen */
#define LIST_MAX 3 /* of a list in a text; --json has all. Chosen */

/* What a phrase takes its values from. */
struct source {
	const json_t *o;
	size_t number; /* in its list */
};

/* False for what is empty, and for 0. What is true has no text of its own. */
static bool
put_json(const json_t *v, struct buf *b)
{
	size_t i = 0;

	switch (v == NULL ? JSON_NULL : json_typeof(v)) {
	case JSON_STRING:
		buf_add(b,
		    (struct span){
		        json_string_value(v), json_string_length(v) });
		return json_string_length(v) > 0;
	case JSON_INTEGER:
		buf_addf(b, "%lld", (long long)json_integer_value(v));
		return json_integer_value(v) != 0;
	case JSON_ARRAY:
		for (; i < json_array_size(v) && i < LIST_MAX; i++) {
			buf_adds(b, i == 0 ? "" : ",");
			(void)put_json(json_array_get(v, i), b);
		}
		buf_adds(b,
		    i == 0                       ? "-"
		        : i < json_array_size(v) ? ",..."
		                                 : "");
		return i > 0;
	case JSON_NULL:
		buf_adds(b, "-");
		return false;
	default:
		return json_is_true(v);
	}
}

static bool
put_value(const void *arg, struct span key, struct buf *b)
{
	const struct source *from = arg;
	char name[32];

	if (span_eq(key, "#")) {
		buf_addf(b, "%zu", from->number);
		return true;
	}
	if (span_eq(key, "."))
		return put_json(from->o, b);
	(void)span_copy(key, name, sizeof(name));
	return put_json(json_object_get(from->o, name), b);
}

json_t *
json_text(struct span s)
{
	json_t *text = json_stringn(s.p, s.len);
	struct buf b = BUF_INIT(s.len);

	if (text != NULL)
		return text;
	buf_add_printable(&b, s);
	text = json_stringn(b.p, b.len);
	buf_free(&b);
	return text;
}

static void
print_text(struct source from, const char *words)
{
	struct buf b = BUF_INIT(TEXT_MAX);

	if (prog.json || words == NULL)
		return;
	phrase_put(&b, words, put_value, &from);
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

void
output_json(const json_t *o)
{
	if (!prog.json)
		return;
	(void)json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

void
output_text(const json_t *o, const char *words)
{
	print_text((struct source){ o, 0 }, words);
}

void
output_each(const json_t *list, const char *words)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		print_text(
		    (struct source){ json_array_get(list, i), i + 1 }, words);
}

void
output(json_t *o, const char *words)
{
	output_json(o);
	output_text(o, words);
	json_decref(o);
}

void
output_note(const char *format, ...)
{
	va_list ap;

	if (prog.json)
		return;
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
}

void
output_phrase(struct buf *b, const json_t *o, const char *words)
{
	phrase_put(b, words, put_value, &(struct source){ o, 0 });
}
