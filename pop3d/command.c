/* SPDX-License-Identifier: ISC */
/* command.c: a POP3 conversation, for both programs. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>

#include "clock.h"
#include "serve.h"

static const char *const verbs[POP3_UNKNOWN] = {
	[POP3_AUTH] = "AUTH",
	[POP3_CAPA] = "CAPA",
	[POP3_DELE] = "DELE",
	[POP3_LIST] = "LIST",
	[POP3_NOOP] = "NOOP",
	[POP3_PASS] = "PASS",
	[POP3_QUIT] = "QUIT",
	[POP3_RETR] = "RETR",
	[POP3_RSET] = "RSET",
	[POP3_STAT] = "STAT",
	[POP3_STLS] = "STLS",
	[POP3_TOP] = "TOP",
	[POP3_UIDL] = "UIDL",
	[POP3_USER] = "USER",
};

struct pop3_command
pop3_command_parse(struct span line)
{
	size_t n = span_find(line, ' ');
	struct pop3_command command = { POP3_UNKNOWN, span_from(line, n + 1),
		NULL };

	for (size_t i = 0; i < POP3_UNKNOWN; i++)
		if (span_same_nocase(span_head(line, n), span_of(verbs[i])))
			command.verb = (enum pop3_verb)i;
	if (command.verb == POP3_UNKNOWN || span_has_control(line) ||
	    !utf8_is_valid(line))
		command.error = "-ERR unknown command";
	return command;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && s.p[0] == ' ')
		s = span_from(s, 1);
	while (s.len > 0 && s.p[s.len - 1] == ' ')
		s.len--;
	return s;
}

bool
pop3_has_no_argument(struct span argument)
{
	return trim(argument).len == 0;
}

bool
pop3_number(struct span argument, uint64_t most, uint64_t *n)
{
	return num_parse(trim(argument), 1, most, n);
}

bool
pop3_two_numbers(
    struct span argument, uint64_t most, uint64_t *n, uint64_t *lines)
{
	struct span both = trim(argument);
	size_t space = span_find(both, ' ');

	return pop3_number(span_head(both, space), most, n) &&
	    num_parse(trim(span_from(both, space)), 0, UINT64_MAX - 1, lines);
}

/* ---- The conversation ---- */

void
talk_put(struct talk *t, struct span octets)
{
	struct fault f;

	if (stream_put(t->stream, octets, &f) != OK)
		t->over = true;
}

void
talk_say(struct talk *t, const char *format, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	trace_line(t->trace, false, span_of(line));
	talk_put(t, span_head(span_of(line), (size_t)n));
	talk_put(t, SPAN_LIT("\r\n"));
}

void
talk_error(struct talk *t, const char *line)
{
	talk_say(t, "%s", line);
	if (++t->errors >= t->errors_max) {
		talk_say(t, "-ERR too many errors, closing");
		t->over = true;
	}
}

void
talk_stop(struct talk *t)
{
	talk_say(t, "-ERR [SYS/TEMP] the server is stopping");
	t->over = true;
}

void
talk_capabilities(struct talk *t, const char *mechanisms, bool stls)
{
	talk_put(t, SPAN_LIT("+OK capabilities follow\r\nTOP\r\n"));
	if (mechanisms != NULL)
		talk_say(t, "USER");
	if (mechanisms != NULL && mechanisms[0] != '\0')
		talk_say(t, "SASL %s", mechanisms);
	if (stls)
		talk_say(t, "STLS");
	talk_put(t,
	    SPAN_LIT("UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
	             "EXPIRE NEVER\r\nIMPLEMENTATION Pneu\r\n.\r\n"));
}

bool
talk_take(struct talk *t, size_t max, uint64_t *deadline_ms, struct span *line,
    enum line_ending *ending)
{
	struct fault f;
	uint64_t begin_ms = clock_mono_ms();

	for (;;) {
		if (t->over || serve_stopping)
			return false;
		if (stream_take_line(t->stream, max, line, ending)) {
			serve_waits(0);
			return *ending != LINE_ENDLESS;
		}
		serve_waits(begin_ms);
		if ((deadline_ms != NULL && serve_is_late(deadline_ms)) ||
		    stream_fill(t->stream, &f) != OK || t->stream->ended)
			return false;
	}
}

bool
talk_next(struct talk *t, uint64_t *deadline_ms, struct pop3_command *command)
{
	enum line_ending ending;
	struct span line;

	if (!talk_take(t, POP3_LINE_MAX, deadline_ms, &line, &ending))
		return false;
	trace_line(t->trace, true, line);
	*command = pop3_command_parse(line);
	if (ending == LINE_LONG)
		command->error = "-ERR a command line has at most 255 octets";
	return true;
}
