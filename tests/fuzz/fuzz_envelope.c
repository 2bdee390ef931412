/* SPDX-License-Identifier: ISC */
/* An envelope that is believed is the same when it is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../store/envelope_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
compare(const struct envelope *a, const struct envelope *b)
{
	if (strcmp(a->qid.text, b->qid.text) != 0 || a->size != b->size ||
	    a->skip != b->skip || a->recipients != b->recipients ||
	    a->start != b->start || a->dots != b->dots)
		abort();
	for (size_t i = 0; i < a->recipients; i++)
		if (a->recipient[i].n != b->recipient[i].n ||
		    !span_same(path_span(&a->recipient[i].forward_path),
		        path_span(&b->recipient[i].forward_path)))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct envelope e, again;
	static bool begun;
	struct span in = { (const char *)data, size };
	struct buf b = BUF_INIT(1 << 20);
	struct fault f = FAULT_NONE;

	if (!begun) {
		envelope_begin(&e);
		envelope_begin(&again);
		begun = true;
	}
	(void)!envelope_get_notice(in, &e, &f);
	if (envelope_get(in, &e, &f) == OK) {
		/* Needless escapes may have made it too long for us. */
		enum outcome put = e.shape == ENVELOPE_ONE
		    ? envelope_put_one(&b, &e, &f)
		    : envelope_put_apart(&b, &e, &f);
		if (put == OK && envelope_get(buf_span(&b), &again, &f) != OK)
			abort();
		if (put == OK)
			compare(&e, &again);
	}
	buf_free(&b);
	return 0;
}
