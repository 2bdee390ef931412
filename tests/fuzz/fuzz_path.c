/* SPDX-License-Identifier: ISC */
/* A path that is taken is taken again, bare, and has nothing harmful in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct path *p, struct span in, struct span rest)
{
	struct path again;
	struct fault f = FAULT_NONE;

	if (p->len > PATH_TEXT_MAX || p->local_len > LOCAL_PART_MAX ||
	    strlen(p->text) != p->len || p->text[p->len] != '\0' ||
	    rest.p + rest.len != in.p + in.len)
		abort();
	for (size_t i = 0; i < p->len; i++)
		if ((unsigned char)p->text[i] < ' ' || p->text[i] == 0x7F)
			abort();
	if (path_is_null(p))
		return;
	if (path_parse_bare(path_span(p), &again, &f) != OK ||
	    !span_same(path_span(p), path_span(&again)) ||
	    p->local_len != again.local_len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size }, rest = SPAN_EMPTY;
	struct path p;
	struct fault f = FAULT_NONE;

	for (int utf8 = 0; utf8 < 2; utf8++) {
		if (path_parse(PATH_REVERSE, in, utf8 != 0, &p, &rest, &f) ==
		    OK)
			check(&p, in, rest);
		if (path_parse(PATH_FORWARD, in, utf8 != 0, &p, &rest, &f) ==
		    OK)
			check(&p, in, rest);
	}
	if (path_parse_bare(in, &p, &f) == OK)
		check(&p, in, span_from(in, in.len));
	return 0;
}
