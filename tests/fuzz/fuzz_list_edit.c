/* SPDX-License-Identifier: ISC */
/*
 * The first line names a list and an entry, the rest is its text: what is added
 * is found by the compiled list, what is removed is not, and other lines stay.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../../pneu/list_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count(struct span text, struct span wanted, size_t *others)
{
	struct span line, entry;
	size_t n = 0;

	*others = 0;
	while (span_next(&text, '\n', &line)) {
		bool is_same =
		    list_entry(line, &entry) && list_entry_same(entry, wanted);

		n += is_same;
		*others += !is_same;
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, entry, text;
	struct buf added = BUF_INIT(1UL << 20), removed = BUF_INIT(1UL << 20);
	struct list_edit e = { .entry = &entry, .entries = 1 };
	size_t before, after, had;
	struct fault f;

	if (size < 1 || size > 65536)
		return 0;
	e.about = &list_abouts[data[0] % LISTS];
	rest = span_from(rest, 1);
	if (!span_next(&rest, '\n', &entry))
		return 0;
	text = rest;
	had = count(text, entry, &before);
	if (list_edit(text, &e, &added, &f) == OK &&
	    (count(buf_span(&added), entry, &after) != (had > 0 ? had : 1) ||
	        after != before))
		abort();
	e.removes = true;
	if ((list_edit(text, &e, &removed, &f) == OK) != (had > 0))
		abort();
	if (had > 0 &&
	    (count(buf_span(&removed), entry, &after) != 0 || after != before))
		abort();
	buf_free(&added);
	buf_free(&removed);
	return 0;
}
