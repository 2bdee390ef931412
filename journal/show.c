/* SPDX-License-Identifier: ISC */
/* show.c: one entry as a line for people, or as JSON for programs. */
#include "show.h"

#include <jansson.h>
#include <stdlib.h>

#include "clock.h"
#include "codes.h"
#include "output.h"
#include "qid.h"

/* In columns of their own, or of no use to a reader. */
static bool
is_common_key(struct span key)
{
	return span_eq(key, "time") || span_eq(key, "program") ||
	    span_eq(key, "pid") || span_eq(key, "qid");
}

void
show_put_fields(struct buf *b, const struct record *r)
{
	for (size_t i = 0; i < r->fields; i++) {
		if (is_common_key(r->field[i].key))
			continue;
		buf_addf(b, " " SPAN_FMT "=", SPAN_ARG(r->field[i].key));
		buf_add_value(b, r->field[i].value);
	}
}

void
show_put_line(struct buf *b, const struct entry *e)
{
	const struct record *r = &e->record;
	const struct code *code = code_find(r->word);
	size_t start;

	buf_add(b, span_head(e->time, 10));
	buf_addc(b, ' ');
	buf_add(b, span_head(span_from(e->time, 11), 12));
	buf_addf(b, " " SPAN_FMT " %-19s ", SPAN_ARG(r->word),
	    code == NULL ? "?" : code->name);
	start = b->len;
	buf_add_value(b, record_value(r, "qid"));
	while (b->len < start + QID_LEN + 1 && !buf_failed(b))
		buf_addc(b, ' ');
	buf_add_value(b, record_value(r, "program"));
	show_put_fields(b, r);
	buf_addc(b, '\n');
}

static void
set(json_t *o, const char *key, json_t *value)
{
	if (value != NULL)
		(void)json_object_set_new(o, key, value);
}

void
show_put_json(struct buf *b, const struct entry *e)
{
	const struct record *r = &e->record;
	const struct code *code = code_find(r->word);
	json_t *o = json_object();
	char key[64], *text;

	set(o, "code", json_text(r->word));
	if (code != NULL) {
		set(o, "name", json_string(code->name));
		set(o, "english", json_string(code->english));
	}
	for (size_t i = 0; i < r->fields; i++) {
		/* `code` and `name` are taken; an entry's own come after. */
		const char *form = span_eq(r->field[i].key, "code") ? "status"
		    : span_eq(r->field[i].key, "name")              ? "host"
		                                                    : NULL;

		if (form != NULL ||
		    span_copy(r->field[i].key, key, sizeof(key)))
			set(o, form != NULL ? form : key,
			    json_text(r->field[i].value));
	}
	text = json_dumps(o, JSON_COMPACT);
	if (text != NULL)
		buf_addf(b, "%s\n", text);
	free(text);
	json_decref(o);
}
