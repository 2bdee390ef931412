/* SPDX-License-Identifier: ISC */
/*
 * report_text.h: the report to a sender whose message could not be delivered,
 * or is delayed.
 *
 * RFC 3464 in RFC 6522's multipart/report: a part for people, a part for
 * programs, the header section of the message. It is small by design
 * (REPORT_MAX), so that it enters the queue like any small mail.
 */
#ifndef QUEUE_RUN_REPORT_TEXT_H
#define QUEUE_RUN_REPORT_TEXT_H

#include "envelope.h"
#include "wire_add.h"

#define REPORT_MAX ADD_INLINE_MAX /* octets, of one request */
#define REPORT_HEADER_MAX                                                      \
	24576 /* octets of the message's header section. Ours */
#define REPORT_TEXT_MAX                                                        \
	36864 /* octets of all else; more recipients get a
				   report of their own. Ours */

/* RFC 3464 2.3.3 */
enum report_action { REPORT_FAILED, REPORT_DELAYED, REPORT_RELAYED };
#define REPORT_ACTIONS 3

/* One recipient that failed, is delayed, or was relayed. */
struct report_recipient {
	const struct recipient *recipient;
	const char *code; /* 5.x.y, 4.x.y or 2.x.y */
	const char *text; /* one printable line */
	const char
	    *host; /* who said so: "mx.example.net[192.0.2.1]:25"; or "" */
	uint32_t
	    reply; /* text is that of an SMTP reply with this code; 0: not */
};

struct report {
	enum report_action action;
	uint64_t until_ms; /* delayed: tried until then; 0: for ever */
	const char *hostname; /* Reporting-MTA */
	const char *postmaster; /* domain where an answer reaches a person */
	const struct envelope *of; /* the message that failed */
	struct span header; /* of it; whole lines with CRLF */
	const struct report_recipient *failed;
	size_t n;
	uint64_t now_ms;
};

/*
 * How many of the first n fit in one report (at least one), and the report's
 * qid: the same for the same message, recipients and action, so that a repeat
 * after a crash meets `exists`, and a failure no earlier report of a delay.
 */
size_t report_share(const struct report *, struct qid *);

/*
 * The report about all n: its envelope (null reverse-path, one recipient; begun here, the
 * caller frees it) and its content (CRLF ends, at most REPORT_MAX octets).
 */
enum outcome report_put_text(const struct report *, const struct qid *,
    struct envelope *, struct buf *content, struct fault *) MUST_USE;

/* The header section at the start of content: whole lines, without the empty
   one, at most REPORT_HEADER_MAX octets. */
struct span report_header(struct span content);

#endif
