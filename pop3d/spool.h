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
 * octets	of a file that may be sent as it is; a hint
 * lines	SPOOL_ALL, or the header section, the empty line and so many
 *		lines of the body
 * TEMP	4.4.2 the client is gone; 4.3.0 the file cannot be read. If not even its
 *	first octet could, nothing was put into the stream and nothing left it
 */
enum outcome spool_message(struct stream *, const struct message_file *,
    uint64_t octets, uint64_t lines, struct fault *) MUST_USE;

/* What is kept between two pieces of one message. */
struct spool {
	uint64_t lines; /* still to be sent of the body, or SPOOL_ALL */
	uint64_t line_len; /* octets of the line that is being sent */
	bool in_body;
	bool line_start; /* the next octet begins a line */
	bool last_cr; /* the octet before was CR */
	bool done; /* the top has been sent */
};
void spool_begin(struct spool *, uint64_t lines);
/* One piece, in any cut. */
enum outcome spool_piece(
    struct spool *, struct stream *, struct span, struct fault *) MUST_USE;
/* CRLF where the last line lacks it, and the dot. */
enum outcome spool_end(
    struct spool *, struct stream *, struct fault *) MUST_USE;

#endif
