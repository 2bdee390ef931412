/* SPDX-License-Identifier: ISC */
/* lines.c: are the lines of content well formed? One pass, line by line. */
#include "lines.h"

void
lines_add(struct lines *l, struct span s)
{
	l->any |= s.len > 0;
	while (s.len > 0) {
		struct span line = span_head(s, span_find(s, '\n'));
		bool whole = line.len < s.len; /* its LF is there */
		bool ends_cr = line.len > 0 && line.p[line.len - 1] == '\r';
		bool has_cr = ends_cr || (line.len == 0 && l->after_cr);

		l->dots |= l->at_start && s.p[0] == '.';
		/* CR stands before LF and nowhere else, LF behind CR. */
		l->bad |= (l->after_cr && line.len > 0) ||
		    span_find(line, '\r') + ends_cr < line.len ||
		    (whole && !has_cr);
		l->at_start = whole;
		l->after_cr = has_cr && !whole;
		s = span_from(s, line.len + whole);
	}
}

enum outcome
lines_end(const struct lines *l, struct fault *f)
{
	return l->any && l->at_start && !l->bad
	    ? OK
	    : fault_set(f, PERM, "5.6.0", 0,
	          "content must have CRLF line ends, the last too");
}
