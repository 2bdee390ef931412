/* SPDX-License-Identifier: ISC */
/* reply.c: what is said to the client; one table of all refusals. */
#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "codes.h"
#include "entries.h"

/*
 * Refusals with an entry of their own, until a message is queued; the others are
 * counted: no client may fill the journal.
 */
#define REFUSALS_TOLD 5

#define REPLY_TEXT_MAX 500 /* octets; with code and CRLF 512. 4.5.3.1.5 */

struct refusal {
	const char *name;
	int reply;
	const char *enhanced; /* RFC 3463 */
	const char *text;
	const char *journal; /* code, or NULL: not worth an entry */
	bool is_error; /* counts against max_errors */
	bool ends; /* the session */
	bool
	    is_local; /* an error of this system: its reason is for the journal,
			  not for the client */
};

#define BAD     true, false, false
#define LOCAL   false, false, true
#define ENDS    false, true, false
#define NOT_BAD false, false, false

/* Reply codes: RFC 5321 4.2.3, 4.2.4; others as noted. */
static const struct refusal refusals[RULES] = {
	[RULE_NONE] = { "none", 451, "4.3.0", "local error in processing", NULL,
	    LOCAL },
	[RULE_COMMAND_UNKNOWN] = { "command-unknown", 500, "5.5.2",
	    "command not recognised", NULL, BAD },
	[RULE_COMMAND_OFF] = { "command-off", 502, "5.5.1",
	    "command not implemented", NULL, BAD },
	[RULE_LINE_LONG] = { "line-long", 500, "5.5.2", "line too long", NULL,
	    BAD },
	[RULE_LINE_FLOOD] = { "line-flood", 421, "4.7.0",
	    "line too long, closing connection", CODE_CONN_REFUSED, ENDS },
	[RULE_LINE_OCTETS] = { "line-octets", 501, "5.5.2",
	    "control character in command", NULL, BAD },
	[RULE_LINE_BARE_LF] = { "line-bare-lf", 500, "5.5.2",
	    "command must end with CRLF", NULL, BAD },
	[RULE_SYNTAX] = { "syntax", 501, "5.5.4", "syntax error in arguments",
	    NULL, BAD },
	[RULE_ORDER_HELLO] = { "order-hello", 503, "5.5.1",
	    "send EHLO or HELO first", NULL, BAD },
	[RULE_ORDER_OPEN] = { "order-open", 503, "5.5.1",
	    "mail transaction in progress, RSET ends it", NULL, BAD },
	[RULE_ORDER_MAIL] = { "order-mail", 503, "5.5.1",
	    "need MAIL command first", NULL, BAD },
	[RULE_ORDER_RCPT] = { "order-rcpt", 503, "5.5.1",
	    "need a valid RCPT command first", NULL, BAD },
	[RULE_ORDER_CHUNKS] = { "order-chunks", 503, "5.5.1",
	    "BDAT must be followed by BDAT or RSET", NULL, BAD },
	[RULE_HELLO] = { "hello", 501, "5.5.4",
	    "need a domain name or address literal", NULL, BAD },
	[RULE_REVERSE_PATH] = { "reverse-path", 501, "5.1.7",
	    "bad sender address", NULL, BAD },
	[RULE_FORWARD_PATH] = { "forward-path", 501, "5.1.3",
	    "bad recipient address", NULL, BAD },
	[RULE_UTF8] = { "utf8", 553, FAULT_NOT_ASCII,
	    "non-ASCII address without SMTPUTF8", NULL,
	    BAD }, /* RFC 6531 3.5 */
	[RULE_PARAMETER] = { "parameter", 501, "5.5.4", "bad parameter", NULL,
	    BAD },
	[RULE_PARAMETER_UNKNOWN] = { "parameter-unknown", 555, "5.5.4",
	    "parameter not recognised", NULL, BAD },
	[RULE_CHUNK_WORD] = { "chunk-word", 501, "5.5.4",
	    "BDAT takes a size, then LAST or nothing", NULL, BAD },
	[RULE_SIZE] = { "size", 552, "5.3.4", "message size exceeds limit",
	    CODE_REJECTED, BAD }, /* RFC 1870 6 */
	[RULE_SPACE] = { "space", 452, FAULT_NO_SPACE,
	    "insufficient storage, try again later", CODE_REJECTED, LOCAL },
	[RULE_RECIPIENTS_MAX] = { "recipients-max", 452, FAULT_TOO_MANY,
	    "too many recipients", NULL, NOT_BAD }, /* 4.5.3.1.10 */
	[RULE_RECIPIENT] = { "recipient", 550, "5.1.1", "no such recipient",
	    CODE_REJECTED, BAD },
	[RULE_RELAY] = { "relay", 550, "5.7.1", "relaying denied",
	    CODE_RELAY_REFUSED, BAD },
	[RULE_LOCAL_ERROR] = { "local-trouble", 451, "4.3.0",
	    "local error in processing, try again later", CODE_REJECTED,
	    LOCAL },
	[RULE_BARE_LF] = { "bare-lf", 550, "5.6.0",
	    "message has a line feed without carriage return", CODE_REJECTED,
	    BAD },
	[RULE_BARE_CR] = { "bare-cr", 550, "5.6.0",
	    "message has a carriage return without line feed", CODE_REJECTED,
	    BAD },
	[RULE_NUL] = { "nul", 550, "5.6.0", "message has NUL characters",
	    CODE_REJECTED, BAD },
	[RULE_TEXT_LINE] = { "text-line", 550, "5.6.0",
	    "message has a line that is too long", CODE_REJECTED, BAD },
	[RULE_LOOP] = { "loop", 554, "5.4.6",
	    "too many Received fields, mail loop", CODE_REJECTED,
	    BAD }, /* RFC 5321 6.3 */
	[RULE_QUEUE] = { "queue", 451, "4.3.0",
	    "cannot queue the message, try again later", CODE_REJECTED, LOCAL },
	[RULE_QUEUE_PERM] = { "queue-perm", 554, "5.3.0",
	    "message not accepted", CODE_REJECTED, BAD },
	[RULE_EARLY] = { "early-talk", 554, "5.5.0",
	    "protocol error: client sent data before the greeting",
	    CODE_CONN_REFUSED, ENDS },
	[RULE_PIPELINING] = { "pipelining", 554, "5.5.0",
	    "protocol error: client sent data before the reply to DATA",
	    CODE_CONN_REFUSED, ENDS },
	[RULE_CHUNK_SIZE] = { "chunk-size", 501, "5.5.4",
	    "bad BDAT size, closing connection", CODE_CONN_REFUSED, ENDS },
	[RULE_HTTP] = { "http", 421, "4.7.0",
	    "this is SMTP, closing connection", CODE_CONN_REFUSED, ENDS },
	[RULE_DISCARD] = { "discard", 552, "5.3.4",
	    "message size exceeds limit, closing connection", CODE_REJECTED,
	    ENDS },
	[RULE_ERRORS] = { "errors", 421, "4.7.0",
	    "too many errors, closing connection", CODE_CONN_REFUSED, ENDS },
	[RULE_IDLE] = { "idle-commands", 421, "4.7.0",
	    "too many commands without mail, closing connection",
	    CODE_CONN_REFUSED, ENDS },
	[RULE_TIMEOUT] = { "timeout", 421, "4.4.2",
	    "timeout, closing connection", NULL, ENDS },
	[RULE_STOPPING] = { "stopping", 421, "4.3.2",
	    "service is shutting down, closing connection", NULL, ENDS },
};

static void
put_line(struct session *s, int code, char after_code, const char *enhanced,
    const char *text)
{
	char line[REPLY_TEXT_MAX + 8];
	struct fault f;
	int n;

	n = snprintf(line, REPLY_TEXT_MAX, "%03d%c%s%s%s", code, after_code,
	    enhanced == NULL ? "" : enhanced, enhanced == NULL ? "" : " ",
	    text);
	if (n >= REPLY_TEXT_MAX)
		n = REPLY_TEXT_MAX - 1;
	for (int i = 0; i < n; i++)
		if (line[i] != ' ' && !is_graph((unsigned char)line[i]))
			line[i] = '?';
	line[n] = '\r';
	line[n + 1] = '\n';
	if (s->phase != PHASE_OVER &&
	    stream_put(
	        &s->server->io, (struct span){ line, (size_t)n + 2 }, &f) != OK)
		session_enter(s, PHASE_OVER);
}

void
reply(struct session *s, int code, const char *enhanced, const char *text)
{
	put_line(s, code, ' ', enhanced, text);
}

void
reply_more(struct session *s, int code, const char *enhanced, const char *text)
{
	put_line(s, code, '-', enhanced, text);
}

void
refuse(struct session *s, enum rule rule)
{
	refuse_for(s, rule, NULL, SPAN_EMPTY);
}

void
refuse_for(
    struct session *s, enum rule rule, const struct fault *why, struct span to)
{
	const struct refusal *r = &refusals[rule];
	struct fault said = FAULT_NONE;

	(void)fault_set(
	    &said, r->reply < 500 ? TEMP : PERM, r->enhanced, 0, "%s", r->text);
	if (why != NULL && !r->is_local) {
		(void)snprintf(said.code, sizeof(said.code), "%s", why->code);
		(void)snprintf(said.text, sizeof(said.text), "%s", why->text);
	}
	put_line(s, r->reply, ' ', said.code, said.text);
	if (r->is_error)
		s->errors++;
	else if (r->is_local)
		s->idle_commands++; /* not the client's fault, but no mail either */
	if (r->journal != NULL) {
		if (r->ends || s->refusals++ < REFUSALS_TOLD)
			entries_refused(s, r->journal, r->name, r->reply,
			    why == NULL ? &said : why, to);
		else
			s->untold++;
	}
	if (r->ends) {
		s->has_unread = true;
		session_enter(s, PHASE_OVER);
	}
}
