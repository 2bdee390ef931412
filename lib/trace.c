/* SPDX-License-Identifier: ISC */
/* trace.c: the dialogue of sessions, without its secrets. */
#include "trace.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "record.h"

void
trace_open(struct trace *t, const char *program)
{
	uint64_t given;

	*t = (struct trace){ .fd = -1, .program = program };
	if (num_from_env(TRACE_ENV, 3, INT32_MAX, &given))
		t->fd = (int)given;
}

void
trace_begin(struct trace *t, const char *ip, uint16_t port, const char *user)
{
	struct pollfd p = { t->fd, 0, 0 };

	t->on = t->fd != -1 && poll(&p, 1, 0) == 0;
	if (!t->on)
		return;
	t->pid = (unsigned long)getpid();
	t->session++;
	t->ip = ip;
	t->port = port;
	t->user = user;
	t->answers = false;
}

/* Whose arguments are no secret. RFC 5321 4.1.1, 3207, 3030; 1939, 2449, 2595. */
static const char shown[] =
    "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP STARTTLS "
    "ETRN USER STAT LIST RETR DELE TOP UIDL CAPA STLS";

void
trace_redact(struct span line, bool *answers, struct buf *out)
{
	size_t space = span_find(line, ' ');
	struct span verb = span_head(line, space),
	            rest = span_from(line, space + 1);
	bool is_auth = span_is_word(verb, "AUTH");

	if (!*answers && span_is_word(verb, shown)) {
		buf_add(out, line);
		return;
	}
	if (!*answers && is_auth) {
		size_t end = span_find(rest, ' ');

		buf_add(out, verb);
		/* A mechanism has at most 20 octets. RFC 4422 3.1 */
		if (rest.len > 0 && end <= 20)
			buf_addf(
			    out, " " SPAN_FMT, SPAN_ARG(span_head(rest, end)));
		if (end < rest.len)
			buf_addf(out, " [...]");
		*answers = true;
		return;
	}
	if (!*answers && span_is_word(verb, "PASS NEWPASS"))
		buf_addf(out, SPAN_FMT " [...]", SPAN_ARG(verb));
	else
		buf_addf(out, "[%zu octets]", line.len);
}

static void
put(struct trace *t, bool by_client, struct span text)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&b, "trace");
	struct fault f = FAULT_NONE;

	record_puts(out, "program", t->program);
	record_put_num(out, "pid", t->pid);
	record_put_num(out, "session", t->session);
	record_put_num(out, "ms", clock_wall_ms());
	record_puts(out, "ip", t->ip);
	record_put_num(out, "port", t->port);
	record_puts(out, "user", t->user);
	record_put_num(out, "client", by_client);
	if (t->lost > 0)
		record_put_num(out, "lost", t->lost);
	record_put(out, "text", text);
	if (record_end(out, &f) == OK && write(t->fd, b.p, b.len) != -1)
		t->lost = 0;
	else if (f.outcome == OK && errno == EPIPE)
		t->on = false; /* nobody reads any more */
	else
		t->lost++;
	buf_free(&b);
}

void
trace_line(struct trace *t, bool by_client, struct span line)
{
	struct buf text = BUF_INIT(2 * TRACE_LINE_MAX);

	if (t == NULL || !t->on)
		return;
	while (line.len > 0 &&
	    (line.p[line.len - 1] == '\r' || line.p[line.len - 1] == '\n'))
		line.len--;
	line = span_head(line, TRACE_LINE_MAX);
	if (by_client) {
		trace_redact(line, &t->answers, &text);
		line = buf_span(&text);
	} else if (t->answers &&
	    (span_has_prefix(line, "334") || span_has_prefix(line, "+ "))) {
		line = SPAN_LIT("[challenge]");
	} else {
		t->answers = false;
	}
	put(t, by_client, line);
	buf_free(&text);
}
