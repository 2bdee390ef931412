/* SPDX-License-Identifier: ISC */
/*
 * A setting is changed in any text: what is read of the new one has the value, and
 * all lines that do not set it are there as they were, in their order. The first
 * line of the input is `HOW SECTION.KEY=VALUE`, the text follows.
 */
#include <stdlib.h>
#include <string.h>

#include "../../pneu/config_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks the lines of a text, and tells which set the row. */
struct walk {
	struct span rest;
	bool first, inside, sets;
	struct span line, value;
};

static bool
walk(struct walk *w, const struct setting_row *row)
{
	struct span name;

	if (!span_next(&w->rest, '\n', &w->line))
		return false;
	if (w->line.len > 0 && w->line.p[w->line.len - 1] == '\r')
		w->line.len--;
	name = w->line;
	if (w->first && span_has_prefix(name, "\xEF\xBB\xBF"))
		name = span_from(name, 3);
	w->first = w->sets = false;
	switch (config_split(name, &name, &w->value)) {
	case CONFIG_LINE_SECTION:
		w->inside = span_eq(name, row->section);
		break;
	case CONFIG_LINE_VALUE:
		w->sets = w->inside && span_eq(name, row->key);
		break;
	default:
		break;
	}
	return true;
}

/* The next line that neither sets it nor holds its place nor heads its section. */
static bool
next_other(struct walk *w, const struct setting_row *row)
{
	while (walk(w, row)) {
		struct span name, value, line = w->line;

		while (line.len > 0 && is_wsp((unsigned char)line.p[0]))
			line = span_from(line, 1);
		if (line.len > 0 && line.p[0] == '#' &&
		    config_split(span_from(line, 1), &name, &value) ==
		        CONFIG_LINE_VALUE &&
		    span_eq(name, row->key))
			continue;
		if (!w->sets && line.len > 0 && line.p[0] != '[')
			return true;
	}
	return false;
}

static void
check_others(struct span old, struct span new, const struct setting_row *row)
{
	struct walk a = { .rest = old, .first = true },
	            b = { .rest = new, .first = true };
	bool more;

	do {
		more = next_other(&a, row);
		if (more != next_other(&b, row) ||
		    (more && !span_same(a.line, b.line)))
			abort();
	} while (more);
}

static size_t
count(struct span text, const struct config_edit *e, bool *last_is)
{
	struct walk w = { .rest = text, .first = true };
	size_t n = 0;

	*last_is = false;
	while (walk(&w, e->row))
		if (w.sets) {
			n++;
			*last_is =
			    e->values > 0 && span_same(w.value, e->value[0]);
		}
	return n;
}

static void
check_values(struct span new, const struct config_edit *e)
{
	bool last_is;
	size_t n = count(new, e, &last_is);

	if (e->how == CONFIG_SET && (n != 1 || !last_is))
		abort();
	if (e->how == CONFIG_ADD && n == 0)
		abort();
	if (e->how == CONFIG_UNSET && e->values == 0 && n != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size }, line, how, name, value;
	struct buf out = BUF_INIT(CONFIG_FILE_MAX),
	           again = BUF_INIT(CONFIG_FILE_MAX);
	struct config_edit e = { .value = &value };
	struct fault f = FAULT_NONE;

	if (!span_next(&text, '\n', &line) || !span_next(&line, ' ', &how) ||
	    !span_next(&line, '=', &name))
		return 0;
	value = line;
	e.how = span_eq(how, "add") ? CONFIG_ADD
	    : span_eq(how, "unset") ? CONFIG_UNSET
	                            : CONFIG_SET;
	e.values = e.how != CONFIG_UNSET || value.len > 0;
	if (config_edit_find(name, &e.row, &f) == OK &&
	    config_edit(text, &e, &out, &f) == OK) {
		check_others(text, buf_span(&out), e.row);
		check_values(buf_span(&out), &e);
		/* Once more changes nothing. */
		if (e.how != CONFIG_UNSET &&
		    (config_edit(buf_span(&out), &e, &again, &f) != OK ||
		        !span_same(buf_span(&out), buf_span(&again))))
			abort();
	}
	buf_free(&out);
	buf_free(&again);
	return 0;
}
