/* SPDX-License-Identifier: ISC */
/* codes.c: the table of the journal's codes. */
#include "codes.h"

const struct code codes[] = {
#define CODE(constant, code, name, english, trace)                             \
	{ code, name, english, trace },
#include "codes.def"
#undef CODE
	{ NULL, NULL, NULL, NULL },
};

const struct code *
code_find(struct span code)
{
	for (const struct code *c = codes; c->code != NULL; c++)
		if (span_eq(code, c->code))
			return c;
	return NULL;
}
