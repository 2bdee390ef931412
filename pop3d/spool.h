/* SPDX-License-Identifier: ISC */
/*
 * spool.h: the octets of a message to a client: dot-stuffed, with CRLF ends,
 * and the closing line. RFC 1939 3.
 */
#ifndef POP3D_SPOOL_H
#define POP3D_SPOOL_H

#include "maildrop.h"
#include "stream.h"

#define SPOOL_ALL UINT64_MAX /* not only the top */

/*
 * lines	SPOOL_ALL, or the header section, the empty line and so many
 *		lines of the body
 * TEMP	4.4.2 the client is gone; 4.3.0 the file cannot be read. If not even its
 *	first octet could, nothing was put into the stream and nothing left it
 */
enum outcome spool_message(struct stream *, const struct message_file *,
    uint64_t lines, struct fault *) MUST_USE;

/* What is kept between two pieces of one message. */
struct spool {
	uint64_t lines; /* still to be sent of the body, or SPOOL_ALL */
	bool in_body;
	bool done; /* the top has been sent */
	char last[2]; /* the octets before */
};
void spool_begin(struct spool *, uint64_t lines);
/* One piece, in any cut, to out, which has room for twice its octets. How many
   there are. */
size_t spool_piece(struct spool *, struct span, char *out);
/* The closing line; before it CRLF where the last line lacks it. */
struct span spool_end(const struct spool *);

#endif
