/* SPDX-License-Identifier: ISC */
/*
 * reply.h: what is said to the client. Every refusal is a row of one table:
 * rule name, reply code, enhanced code (RFC 3463), text, and whether it has a
 * journal code, counts as an error, ends the session.
 */
#ifndef SMTPD_REPLY_H
#define SMTPD_REPLY_H

#include "span.h"

struct session;

enum rule {
	RULE_NONE,
	/* the line */
	RULE_COMMAND_UNKNOWN,
	RULE_COMMAND_OFF,
	RULE_LINE_LONG,
	RULE_LINE_FLOOD,
	RULE_LINE_OCTETS,
	RULE_LINE_BARE_LF,
	RULE_SYNTAX,
	/* the order */
	RULE_ORDER_HELLO,
	RULE_ORDER_OPEN,
	RULE_ORDER_MAIL,
	RULE_ORDER_RCPT,
	RULE_ORDER_CHUNKS,
	/* arguments */
	RULE_HELLO,
	RULE_REVERSE_PATH,
	RULE_FORWARD_PATH,
	RULE_UTF8,
	RULE_PARAMETER,
	RULE_PARAMETER_UNKNOWN,
	RULE_CHUNK_WORD,
	/* what we may and can take */
	RULE_SIZE,
	RULE_SPACE,
	RULE_RECIPIENTS_MAX,
	RULE_RECIPIENT,
	RULE_RELAY,
	RULE_TROUBLE,
	RULE_BARE_LF,
	RULE_BARE_CR,
	RULE_NUL,
	RULE_TEXT_LINE,
	RULE_LOOP,
	RULE_QUEUE,
	RULE_QUEUE_PERM,
	/* the end */
	RULE_EARLY,
	RULE_PIPELINING,
	RULE_CHUNK_SIZE,
	RULE_HTTP,
	RULE_DISCARD,
	RULE_ERRORS,
	RULE_IDLE,
	RULE_TIMEOUT,
	RULE_STOPPING,
	RULES
};

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
 * the row's own, unless the row keeps our troubles from strangers; NULL: the
 * row's. to: the recipient in question for the journal, or SPAN_EMPTY.
 */
void refuse_for(
    struct session *, enum rule, const struct fault *why, struct span to);
/* The row's words say all. */
void refuse(struct session *, enum rule);

#endif
