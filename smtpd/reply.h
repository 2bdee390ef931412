/* SPDX-License-Identifier: ISC */
/*
 * reply.h: what is said to the client. Every refusal is a row of one table:
 * rule name, reply code, enhanced code (RFC 3463), text, and whether it has a
 * journal code, counts as an error, ends the session.
 */
#ifndef SMTPD_REPLY_H
#define SMTPD_REPLY_H

#include "state.h"

/*
 * One reply of one line: `code SP enhanced SP text`. enhanced may be NULL.
 * Octets that are not printable ASCII become '?'. If the peer is gone the
 * session is over.
 */
void reply(struct session *, int code, const char *enhanced, const char *text);
/* The same, more lines follow: `code-`... */
void reply_more(
    struct session *, int code, const char *enhanced, const char *text);

/*
 * The only way a refusal leaves. why: its code and text are said instead of
 * the row's own, unless the row is a local error, whose reason is not for the
 * client; NULL: the row's. to: the recipient in question for the journal, or
 * SPAN_EMPTY.
 */
void refuse_for(
    struct session *, enum rule, const struct fault *why, struct span to);
/* The row's words say all. */
void refuse(struct session *, enum rule);

#endif
