/* SPDX-License-Identifier: ISC */
#include "../../pop3d/command.h"

#include "tap.h"

static const struct {
	const char *title;
	struct span line;
	enum pop3_verb verb; /* POP3_UNKNOWN, too, for what is no command */
	const char *argument;
} lines[] = {
	{ "a verb alone", SPAN_LIT("STAT"), POP3_STAT, "" },
	{ "letters of any case", SPAN_LIT("rEtR 1"), POP3_RETR, "1" },
	{ "a password keeps its spaces", SPAN_LIT("PASS  a b "), POP3_PASS,
	    " a b " },
	{ "UTF-8 is taken",
	    SPAN_LIT("USER b\xc3\xb6"
	             "b"),
	    POP3_USER,
	    "b\xc3\xb6"
	    "b" },
	{ "a colon is no end of a verb", SPAN_LIT("FOO:BAR"), POP3_UNKNOWN,
	    "" },
	{ "only a colon", SPAN_LIT(":"), POP3_UNKNOWN, "" },
	{ "nothing", SPAN_LIT(""), POP3_UNKNOWN, "" },
	{ "only a space", SPAN_LIT(" "), POP3_UNKNOWN, "" },
	{ "a space before", SPAN_LIT(" NOOP"), POP3_UNKNOWN, "NOOP" },
	{ "a bare CR is not a line end", SPAN_LIT("NOOP\rQUIT"), POP3_UNKNOWN,
	    "" },
	{ "NUL ends nothing", SPAN_LIT("USER alice\0bob"), POP3_UNKNOWN, "" },
	{ "ESC is refused", SPAN_LIT("USER a\x1b[2J"), POP3_UNKNOWN, "" },
	{ "octets that are no UTF-8", SPAN_LIT("\xff\xfe\xfd"), POP3_UNKNOWN,
	    "" },
	{ "APOP is not offered", SPAN_LIT("APOP a 00"), POP3_UNKNOWN, "a 00" },
	{ "a longer word is another", SPAN_LIT("STATS"), POP3_UNKNOWN, "" },
	{ "a shorter word is another", SPAN_LIT("STA"), POP3_UNKNOWN, "" },
};

/* No commands; but whose login it was can be said. */
static const struct {
	const char *title;
	struct span line;
	enum pop3_verb verb;
	struct span argument;
} logins[] = {
	{ "a name with NUL is whole", SPAN_LIT("USER alice\0bob"), POP3_USER,
	    SPAN_LIT("alice\0bob") },
	{ "a password with TAB too", SPAN_LIT("pass a\tb"), POP3_PASS,
	    SPAN_LIT("a\tb") },
	{ "and one of Latin-1", SPAN_LIT("PASS m\xfcller"), POP3_PASS,
	    SPAN_LIT("m\xfcller") },
};

static const struct {
	const char *argument;
	uint64_t most, want; /* 0: refused */
} numbers[] = {
	{ "1", 3, 1 },
	{ "3", 3, 3 },
	{ "4", 3, 0 },
	{ "0", 3, 0 },
	{ "", 3, 0 },
	{ "-1", 3, 0 },
	{ "+1", 3, 0 },
	{ "1.0", 3, 0 },
	{ "1xyz", 3, 0 },
	{ "0x1", 3, 0 },
	{ "1 2", 3, 0 },
	{ " 1 ", 3, 1 },
	{ "4294967297", 3, 0 },
	{ "18446744073709551617", 3, 0 },
	{ "9999999999999999999999999999999999999999999999999999999", 3, 0 },
	{ "1", 0, 0 },
};

static const struct {
	const char *argument;
	bool good;
	uint64_t n, lines;
} pairs[] = {
	{ "1 0", true, 1, 0 },
	{ "3  10 ", true, 3, 10 },
	{ "1", false, 0, 0 },
	{ "1 ", false, 0, 0 },
	{ "1 -1", false, 0, 0 },
	{ "0 1", false, 0, 0 },
	{ "1 2 3", false, 0, 0 },
	{ "1 18446744073709551614", true, 1, 18446744073709551614U },
	{ "1 18446744073709551615", false, 0, 0 },
	{ "1 99999999999999999999999", false, 0, 0 },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct pop3_command c = pop3_command_parse(lines[i].line);

		bool good = c.error == NULL;

		tap_ok((good ? c.verb : POP3_UNKNOWN) == lines[i].verb &&
		        (!good || span_eq(c.argument, lines[i].argument)),
		    "%s", lines[i].title);
	}
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		struct pop3_command c = pop3_command_parse(logins[i].line);

		tap_ok(c.error != NULL && c.verb == logins[i].verb &&
		        span_same(c.argument, logins[i].argument),
		    "%s", logins[i].title);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t n = 0;
		bool good = pop3_number(
		    span_of(numbers[i].argument), numbers[i].most, &n);

		tap_ok(good == (numbers[i].want != 0) &&
		        (!good || n == numbers[i].want),
		    "\"%s\" of %llu messages", numbers[i].argument,
		    (unsigned long long)numbers[i].most);
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint64_t n = 0, count = 0;
		bool good =
		    pop3_two_numbers(span_of(pairs[i].argument), 3, &n, &count);

		tap_ok(good == pairs[i].good &&
		        (!good || (n == pairs[i].n && count == pairs[i].lines)),
		    "TOP \"%s\"", pairs[i].argument);
	}
	return tap_done();
}
