/* SPDX-License-Identifier: ISC */
/*
 * notice.h: the report to a sender whose message could not be delivered.
 *
 * RFC 3464 in RFC 6522's multipart/report: a part for people, a part for
 * programs, the header section of the message. It is small by design
 * (NOTICE_MAX), so that it enters the queue like any small mail.
 */
#ifndef QUEUE_RUN_NOTICE_H
#define QUEUE_RUN_NOTICE_H

#include "envelope.h"
#include "wire_add.h"

#define NOTICE_MAX ADD_INLINE_MAX /* octets, of one request */
#define NOTICE_HEADER_MAX                                                      \
	24576 /* octets of the message's header section. Ours */
#define NOTICE_TEXT_MAX                                                        \
	36864 /* octets of all else; more recipients get a
				   report of their own. Ours */

/* One recipient that failed. */
struct notice_failed {
	const struct recipient *recipient;
	const char *code; /* 5.x.y */
	const char *text; /* one printable line */
};

struct notice {
	const char *hostname; /* Reporting-MTA */
	const char *postmaster; /* domain where an answer reaches a person */
	const struct envelope *of; /* the message that failed */
	struct span header; /* of it; whole lines with CRLF */
	const struct notice_failed *failed;
	size_t n;
	uint64_t now_ms;
};

/*
 * Does the sender get a report for this recipient? Never for a null
 * reverse-path; else unless NOTIFY is given without FAILURE.
 * Source: RFC 5321 4.5.5, RFC 3461 4.1.
 */
bool notice_is_wanted(const struct envelope *, const struct recipient *);

/*
 * How many of the first n fit in one report (at least one), and the report's
 * qid: the same for the same message and the same recipients, so that a repeat
 * after a crash meets `exists`.
 */
size_t notice_share(const struct notice *, struct qid *);

/*
 * The report: its envelope (null reverse-path, one recipient; begun here, the
 * caller frees it) and its content (CRLF ends, at most NOTICE_MAX octets).
 */
enum outcome notice_put(const struct notice *, const struct qid *,
    struct envelope *, struct buf *content, struct fault *) MUST_USE;

/* The header section at the start of content: whole lines, without the empty
   one, at most NOTICE_HEADER_MAX octets. */
struct span notice_header(struct span content);

#endif
