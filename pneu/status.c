/* SPDX-License-Identifier: ISC */
/* status.c: a line of `pneu status`. */
#include "status.h"

#include "prog.h"
#include "record.h"

#define LINE_MAX (16UL * RECORD_MAX) /* octets of a line. Chosen */

void
status_put(struct status *s, json_t *o, const char *words)
{
	bool well = json_is_true(json_object_get(o, "well"));
	struct buf b = BUF_INIT(LINE_MAX);

	s->well = s->well && well;
	output_json(o);
	output_phrase(&b, o, words);
	if (b.len > 0)
		output_phrase(&b, o, "[  ({advice|text})]");
	if (b.len > 0)
		output_note("%c %s\n", well ? ' ' : '!', b.p);
	buf_free(&b);
	json_decref(o);
}

void
status_fail(
    struct status *s, const char *what, const char *part, const struct fault *f)
{
	status_put(s,
	    json_pack("{s:s, s:s*, s:o, s:b}", "what", what, "part", part,
	        "error", json_text(span_of(f->text)), "well", 0),
	    "{what}[ {part}]: {error|text}");
}
