/* SPDX-License-Identifier: ISC */
#include "field.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *content;
	size_t name; /* its length; 0: no field */
	bool is_missing;
} cases[] = {
	{ "a field", "Subject: x\r\n", 7, false },
	{ "an empty field", "x:\r\n", 1, false },
	{ "white space before the colon is obsolete", "To \t: a\r\n", 2,
	    false },
	{ "a name of any graphic octets", ".[]>: x\r\n", 4, false },
	{ "an empty line", "\r\nSubject: x\r\n", 0, false },
	{ "nothing", "", 0, false },
	{ "a line that begins with SP", " for <a@b>: x\r\n", 0, true },
	{ "one that begins with TAB", "\tSubject: x\r\n", 0, true },
	{ "white space alone", " \r\n\r\n", 0, true },
	{ "text", "hello\r\n", 0, true },
	{ "text with a colon further on", "Dear all: at 10:30\r\n", 0, true },
	{ "mbox's line", "From a@b Thu Jan  1 00:00:00 1970\r\n", 0, true },
	{ "a colon on the next line", "hello\r\nSubject: x\r\n", 0, true },
	{ "a colon without a name", ": x\r\n", 0, true },
	{ "a name that is not ASCII", "\xC3\xA9: x\r\n", 0, true },
	{ "a control octet in the name", "a\x01: x\r\n", 0, true },
	{ "a CR alone before", "\rSubject: x\r\n", 0, true },
};

int
main(void)
{
	char line[FIELD_COLON_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span content = span_of(cases[i].content);

		tap_ok(field_name(content) == cases[i].name &&
		        field_is_missing(content) == cases[i].is_missing,
		    "%s", cases[i].title);
	}
	memset(line, 'x', sizeof(line));
	line[FIELD_COLON_MAX - 1] = ':';
	tap_ok(field_name((struct span){ line, sizeof(line) }) ==
	        FIELD_COLON_MAX - 1,
	    "a colon as far behind as it may be");
	line[FIELD_COLON_MAX - 1] = 'x';
	line[FIELD_COLON_MAX] = ':';
	tap_ok(field_is_missing((struct span){ line, sizeof(line) }),
	    "and one that no line is long enough for");
	return tap_done();
}
