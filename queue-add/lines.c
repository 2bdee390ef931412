/* SPDX-License-Identifier: ISC */
/* lines.c: are the lines of content well formed? One pass, line by line. */
#include "lines.h"

/* A piece of a line: all but its LF. */
static void
add_piece(struct lines *l, struct span piece, bool whole)
{
	bool ends_cr;

	if (piece.len == 0) {
		l->bad = l->bad || (whole && !l->after_cr);
		return;
	}
	if (l->at_start && piece.p[0] == '.')
		l->dots = true;
	ends_cr = piece.p[piece.len - 1] == '\r';
	if (l->after_cr || whole != (whole && ends_cr) ||
	    span_find(piece, '\r') != piece.len - (ends_cr ? 1 : 0))
		l->bad = true;
	l->after_cr = ends_cr;
	l->at_start = false;
}

void
lines_add(struct lines *l, struct span s)
{
	l->any |= s.len > 0;
	while (s.len > 0 && !l->bad) {
		size_t lf = span_find(s, '\n');
		bool whole = lf < s.len;

		add_piece(l, span_head(s, lf), whole);
		if (whole) {
			l->at_start = true;
			l->after_cr = false;
		}
		s = span_from(s, lf + 1);
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
