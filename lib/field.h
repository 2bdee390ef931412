/* SPDX-License-Identifier: ISC */
/*
 * field.h: does a line begin a header field? Content may begin with
 * anything: whatever puts fields before it has to ask. And how a person stands
 * in one.
 */
#ifndef LIB_FIELD_H
#define LIB_FIELD_H

#include "buf.h"

/* Octets from the start of a line in which its colon stands. RFC 5322 2.1.1 */
#define FIELD_COLON_MAX 998

/*
 * The length of the field name at the start of a line; 0: the line begins no
 * field. White space before the colon is obsolete, and still a field. Source:
 * RFC 5322 2.2, 4.5.8.
 */
size_t field_name(struct span line);

/*
 * Does content begin with neither a header field nor an empty line? Then all
 * of it is body, and an empty line belongs between it and fields put before it:
 * or its first lines would continue the last of them, or stand beside them.
 * content: FIELD_COLON_MAX octets of it, or its first line with the end, or
 * more; an empty span is no body. Source: RFC 5322 2.1.
 */
bool field_is_missing(struct span content);

/* Of a name in one encoded word. Source: RFC 2047 2, 75 octets with the rest */
#define FIELD_WORD_OCTETS 45

/*
 * Append a mailbox as it stands in From: `Bob Smith <bob@example.org>`, quoted
 * or encoded where the name needs it; without a name the address alone. name:
 * UTF-8 without control octets. Source: RFC 5322 3.4, RFC 2047 5.
 */
void field_put_mailbox(struct buf *, struct span name, struct span address);

#endif
