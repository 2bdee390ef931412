/* SPDX-License-Identifier: ISC */
/*
 * explain.h: what the rules of access say of a client, without a session.
 *
 *	explain client=192.0.2.7 [tls=1] [user=ann@example.org]
 *	    [from=ann@example.org] [to=bob@example.net]
 *
 * A field `from` that is empty is the null reverse-path; without one, and
 * without `to`, the points MAIL and RCPT are not asked. Answered are
 *
 *	step point=connect rule=reject-list verdict=next [setting=auth.mode]
 *	    [value=none] [place=pneu.conf:12] [list=lists/reject:3]
 *	accepted
 *	refused point=rcpt rule=relay reply=550 code=5.7.1 text=...
 *	perm code=5.5.4 text=...
 *
 * A step for each rule that was asked; its verdict is next, pass, refuse or
 * report. Nothing is counted, and the journal hears nothing.
 */
#ifndef SMTPD_EXPLAIN_H
#define SMTPD_EXPLAIN_H

#include "policy.h"

#define EXPLAIN_MAX (64UL * 1024) /* octets of an answer */

/* Append the answer to one line. TEMP: it does not fit. */
enum outcome explain_line(const struct policy *, struct span line,
    struct buf *out, struct fault *) MUST_USE;
/* Lines from fd 0 until its end, answers on fd 1. */
enum outcome explain_serve(const struct policy *, struct fault *) MUST_USE;

#endif
