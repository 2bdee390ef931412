/* SPDX-License-Identifier: ISC */
/* command.c: one POP3 command line. */
#include "command.h"

static const char *const verbs[POP3_UNKNOWN] = {
	[POP3_CAPA] = "CAPA",
	[POP3_DELE] = "DELE",
	[POP3_LIST] = "LIST",
	[POP3_NOOP] = "NOOP",
	[POP3_PASS] = "PASS",
	[POP3_QUIT] = "QUIT",
	[POP3_RETR] = "RETR",
	[POP3_RSET] = "RSET",
	[POP3_STAT] = "STAT",
	[POP3_TOP] = "TOP",
	[POP3_UIDL] = "UIDL",
	[POP3_USER] = "USER",
};

#define CAPABILITIES(user)                                                     \
	"+OK capabilities follow\r\nTOP\r\n" user                              \
	"UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"               \
	"EXPIRE NEVER\r\nIMPLEMENTATION Pneu\r\n.\r\n"

const char *
pop3_capabilities(bool passwords)
{
	return passwords ? CAPABILITIES("USER\r\n") : CAPABILITIES("");
}

struct pop3_command
pop3_command_parse(struct span line)
{
	struct pop3_command command = { POP3_UNKNOWN, SPAN_EMPTY };
	size_t n = span_find(line, ' ');
	struct span word = span_head(line, n);

	if (span_has_control(line) || !utf8_is_valid(line))
		return command;
	for (size_t i = 0; i < POP3_UNKNOWN; i++)
		if (span_same_nocase(word, span_of(verbs[i])))
			command.verb = (enum pop3_verb)i;
	if (n < line.len)
		command.argument = span_from(line, n + 1);
	return command;
}

bool
pop3_is_pass(struct span line, struct span *password)
{
	size_t n = span_find(line, ' ');

	*password = n < line.len ? span_from(line, n + 1) : SPAN_EMPTY;
	return span_same_nocase(span_head(line, n), span_of(verbs[POP3_PASS]));
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
	    num_parse(trim(span_from(both, space)), 0, UINT64_MAX, lines);
}
