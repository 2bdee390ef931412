/* SPDX-License-Identifier: ISC */
/*
 * lines.h: are the lines of content well formed? In the queue every line ends
 * with CRLF, no CR or LF stands elsewhere (RFC 5321 2.3.8), and the last line
 * is whole. Content may come in pieces.
 */
#ifndef QUEUE_ADD_LINES_H
#define QUEUE_ADD_LINES_H

#include "span.h"

struct lines {
	bool any; /* octets */
	bool at_start; /* of a line */
	bool after_cr;
	bool dots; /* a line began with a dot */
	bool bad; /* a bare CR or LF */
};
#define LINES_BEGIN ((struct lines){ .at_start = true })

void lines_add(struct lines *, struct span);
/* After the last piece. PERM 5.6.0: not well formed, or empty. */
enum outcome lines_end(const struct lines *, struct fault *) MUST_USE;

#endif
