/* SPDX-License-Identifier: ISC */
/* show.c: one entry as a line for people, or as JSON for programs. */
#include "show.h"

#include "codes.h"
#include "output.h"
#include "qid.h"

void
show_put_fields(struct buf *b, const struct record *r)
{
	for (size_t i = 0; i < r->fields; i++) {
		const struct record_field *field = &r->field[i];

		/* In columns of their own, or of no use to a reader. */
		if (span_is_word(field->key, "time program pid qid"))
			continue;
		buf_addf(b, " " SPAN_FMT "=", SPAN_ARG(field->key));
		buf_add_value(b, field->value);
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
	buf_addf(b, "Z " SPAN_FMT " %-19s ", SPAN_ARG(r->word),
	    code == NULL ? "?" : code->name);
	start = b->len;
	buf_add_value(b, record_value(r, "qid"));
	while (b->len < start + QID_LEN + 1 && !buf_failed(b))
		buf_addc(b, ' ');
	buf_add_value(b, record_value(r, "program"));
	show_put_fields(b, r);
	buf_addc(b, '\n');
}

json_t *
show_json(const struct entry *e)
{
	const struct record *r = &e->record;
	const struct code *code = code_find(r->word);
	json_t *o = json_object();
	char key[64];

	(void)json_object_set_new(o, "code", json_text(r->word));
	if (code != NULL) {
		(void)json_object_set_new(o, "name", json_string(code->name));
		(void)json_object_set_new(
		    o, "english", json_string(code->english));
	}
	for (size_t i = 0; i < r->fields; i++) {
		struct span name = r->field[i].key;

		/* `code` and `name` are taken. */
		if (span_eq(name, "code"))
			name = SPAN_LIT("status");
		else if (span_eq(name, "name"))
			name = SPAN_LIT("host");
		if (span_copy(name, key, sizeof(key)))
			(void)json_object_set_new(
			    o, key, json_text(r->field[i].value));
	}
	return o;
}
