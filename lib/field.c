/* SPDX-License-Identifier: ISC */
/* field.c: does a line begin a header field? */
#include "field.h"

static bool
is_name_octet(int c)
{
	return is_graph(c) && c != ':';
}

size_t
field_name(struct span line)
{
	struct cur c = cur_over(span_head(line, FIELD_COLON_MAX));
	struct span name = cur_while(&c, is_name_octet);

	(void)cur_while(&c, is_wsp);
	return cur_peek(&c) == ':' ? name.len : 0;
}

bool
field_is_missing(struct span content)
{
	return content.len > 0 && !span_has_prefix(content, "\r\n") &&
	    field_name(content) == 0;
}
