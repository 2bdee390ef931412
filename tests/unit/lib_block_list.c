/* SPDX-License-Identifier: ISC */
#include "block_list.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *line, *zone, *codes;
	enum outcome want;
} lines[] = {
	{ "a zone alone has the usual codes", "bl.example", "bl.example", "",
	    OK },
	{ "a zone is kept in lower case", " BL.Example ", "bl.example", "",
	    OK },
	{ "codes follow it", "bl.example 127.0.0.2 127.0.0.4/30", "bl.example",
	    "127.0.0.2/32,127.0.0.4/30", OK },
	{ "a label may have an underscore", "_a.bl-2.example",
	    "_a.bl-2.example", "", OK },
	{ "nothing is no list", "", "", "", PERM },
	{ "two dots are no domain", "bl..example", "", "", PERM },
	{ "a dot at the end is refused", "bl.example.", "", "", PERM },
	{ "other letters are refused", "bl,example", "", "", PERM },
	{ "an address of the Internet is no code", "bl.example 192.0.2.1", "",
	    "", PERM },
	{ "a refusal is no code", "bl.example 127.255.255.254", "", "", PERM },
	{ "nor a range with refusals in it", "bl.example 127.0.0.0/8", "", "",
	    PERM },
	{ "but one beside them is", "bl.example 127.0.0.0/9", "bl.example",
	    "127.0.0.0/9", OK },
	{ "a mask is 8 to 32", "bl.example 127.0.0.2/33", "", "", PERM },
	{ "and not empty", "bl.example 127.0.0.2/", "", "", PERM },
	{ "a code is an address", "bl.example 127.0.2", "", "", PERM },
	{ "sixteen codes are enough",
	    "bl.example 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 "
	    "127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 "
	    "127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2",
	    "", "", PERM },
};

static void
test_lines(void)
{
	char codes[BLOCK_CODES_TEXT_MAX + 1];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct block_list list;
		struct fault f;
		enum outcome got =
		    block_list_parse(span_of(lines[i].line), &list, &f);

		block_codes_text(&list, codes);
		tap_ok(got == lines[i].want &&
		        (got != OK ||
		            (strcmp(list.zone, lines[i].zone) == 0 &&
		                strcmp(codes, lines[i].codes) == 0)),
		    "%s", lines[i].title);
	}
}

/* The longest text of codes fits where it is said to. */
static void
test_codes_text(void)
{
	char codes[BLOCK_CODES_TEXT_MAX + 1];
	struct block_list list = { .codes = BLOCK_CODES_MAX }, again;
	struct fault f;

	for (size_t i = 0; i < BLOCK_CODES_MAX; i++)
		list.code[i] = (struct block_code){ 0x7FFEFEFE, 32 };
	block_codes_text(&list, codes);
	memset(&again, 0, sizeof(again));
	tap_ok(block_codes_parse(span_of(codes), ',', &again, &f) == OK &&
	        again.codes == BLOCK_CODES_MAX,
	    "the longest codes are written and read again");
}

static void
test_accepted(void)
{
	static const struct {
		const char *line;
		uint32_t answer;
		bool want;
	} cases[] = {
		{ "x", 0x7F000002, true },
		{ "x", 0x7F0000FF, true },
		{ "x", 0x7F000001, false },
		{ "x", 0x7F000102, false },
		{ "x", 0x7FFFFFFE, false },
		{ "x", 0xC0000201, false },
		{ "x 127.0.0.2", 0x7F000002, true },
		{ "x 127.0.0.2", 0x7F000003, false },
		{ "x 127.0.0.4/30", 0x7F000007, true },
		{ "x 127.0.0.4/30", 0x7F000008, false },
		{ "x 127.0.1.0/24", 0x7F000163, true },
	};
	bool right = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct block_list list;
		struct fault f;

		if (block_list_parse(span_of(cases[i].line), &list, &f) != OK)
			abort();
		right = right &&
		    block_is_accepted(&list, cases[i].answer) == cases[i].want;
	}
	tap_ok(right, "codes are accepted by address and mask");
}

static void
test_resolvers(void)
{
	static const struct {
		const char *line;
		int port; /* 0: it is none */
	} cases[] = {
		{ "192.0.2.53", 53 },
		{ "192.0.2.53@5353", 5353 },
		{ "2001:db8::53", 53 },
		{ "2001:db8::53@1", 1 },
		{ "192.0.2.53@", 0 },
		{ "192.0.2.53@0", 0 },
		{ "192.0.2.53@65536", 0 },
		{ "dns.example.org", 0 },
		{ "", 0 },
		{ "192.0.2.53 ", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t port = 0;
		bool got = resolver_parse(span_of(cases[i].line), &port);

		tap_ok(got == (cases[i].port != 0) &&
		        (!got || port == cases[i].port),
		    "resolver \"%s\" %s", cases[i].line,
		    got ? "is one" : "is none");
	}
}

int
main(void)
{
	test_lines();
	test_codes_text();
	test_accepted();
	test_resolvers();
	return tap_done();
}
