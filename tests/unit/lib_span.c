/* SPDX-License-Identifier: ISC */
#include "span.h"

#include "tap.h"

static void
test_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		bool good;
		uint64_t want;
	} cases[] = {
		{ "0", 0, 9, true, 0 },
		{ "9", 0, 9, true, 9 },
		{ "10", 0, 9, false, 0 },
		{ "0", 1, 9, false, 0 },
		{ "007", 0, 9, true, 7 },
		{ "", 0, 9, false, 0 },
		{ "+1", 0, 9, false, 0 },
		{ "-1", 0, 9, false, 0 },
		{ " 1", 0, 9, false, 0 },
		{ "1 ", 0, 9, false, 0 },
		{ "4294967297", 0, UINT32_MAX, false, 0 },
		{ "18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, false, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t out = 77;
		bool good = num_parse(
		    span_of(cases[i].text), cases[i].min, cases[i].max, &out);

		tap_ok(
		    good == cases[i].good && out == (good ? cases[i].want : 77),
		    "number '%s' is %s", cases[i].text,
		    cases[i].good ? "read" : "refused");
	}
}

static void
test_utf8(void)
{
	static const struct {
		const char *title, *text;
		size_t want;
	} cases[] = {
		{ "a graphic octet is shown", "a", 1 },
		{ "a space is shown", " ", 1 },
		{ "a tab is not shown", "\t", 0 },
		{ "DEL is not shown", "\x7F", 0 },
		{ "a C1 control is not shown", "\xC2\x85", 0 },
		{ "U+00A0 is shown", "\xC2\xA0", 2 },
		{ "a letter of two octets is shown", "\xC3\xA4", 2 },
		{ "four octets are shown", "\xF0\x9F\x93\xAC", 4 },
		{ "U+2028 is not shown", "\xE2\x80\xA8", 0 },
		{ "a right-to-left override is not shown", "\xE2\x80\xAE", 0 },
		{ "a byte order mark is not shown", "\xEF\xBB\xBF", 0 },
		{ "an overlong form is refused", "\xC0\xAF", 0 },
		{ "a surrogate is refused", "\xED\xA0\x80", 0 },
		{ "over U+10FFFF is refused", "\xF4\x90\x80\x80", 0 },
		{ "a torn sequence is refused", "\xE2\x82", 0 },
		{ "a lone continuation is refused", "\x80", 0 },
		{ "nothing is nothing", "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(utf8_printable(span_of(cases[i].text)) == cases[i].want,
		    "%s", cases[i].title);
	tap_ok(utf8_is_valid(SPAN_LIT("a\xC3\xA4\n")), "valid UTF-8 is valid");
	tap_ok(!utf8_is_valid(SPAN_LIT("a\xC3")), "torn UTF-8 is not valid");
}

static void
test_spans(void)
{
	struct span rest = SPAN_LIT("a,,b"), part;
	char small[3];

	tap_ok(span_next(&rest, ',', &part) && span_eq(part, "a") &&
	        span_next(&rest, ',', &part) && part.len == 0 &&
	        span_next(&rest, ',', &part) && span_eq(part, "b") &&
	        !span_next(&rest, ',', &part),
	    "parts between separators, empty ones too");
	tap_ok(span_from(SPAN_LIT("ab"), 9).len == 0,
	    "skipping past the end is the end");
	tap_ok(span_same_nocase(SPAN_LIT("aBc"), SPAN_LIT("AbC")) &&
	        !span_same_nocase(SPAN_LIT("\xC3\xA4"), SPAN_LIT("\xC3\x84")),
	    "only ASCII letters fold");
	tap_ok(span_copy(SPAN_LIT("ab"), small, 3) &&
	        !span_copy(SPAN_LIT("abc"), small, 3) && small[0] == '\0',
	    "a copy fits with its 0, or is empty");
}

static void
test_cursor(void)
{
	struct cur c = cur_over(SPAN_LIT("12ab"));

	tap_ok(span_eq(cur_while(&c, is_digit), "12") && cur_eat(&c, 'a') &&
	        !cur_eat(&c, 'x') && cur_eat_nocase(&c, "B") &&
	        cur_peek(&c) == -1 && cur_take(&c) == -1 &&
	        !cur_eat(&c, '\xFF'),
	    "a cursor stops at the end");
	c = cur_over(SPAN_LIT("\xFF"));
	tap_ok(cur_peek(&c) == 255, "octet 255 is not the end");
	tap_ok(!is_digit(-1) && !is_atext(-1) && !is_atext(0) &&
	        is_atext('!') && !is_atext('@') && is_atext(200),
	    "the end is in no class");
}

int
main(void)
{
	test_numbers();
	test_utf8();
	test_spans();
	test_cursor();
	return tap_done();
}
