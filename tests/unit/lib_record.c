/* SPDX-License-Identifier: ISC */
#include "record.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title;
	struct span line;
	enum outcome want;
} lines[] = {
	{ "a word alone is a record", { "look\n", 5 }, OK },
	{ "a last line without LF is read", { "look", 4 }, OK },
	{ "an empty value is a value", { "a b=", 4 }, OK },
	{ "'=' may stand in a value", { "a b=c=d", 7 }, OK },
	{ "a digit may begin a word", { "94 a=b", 6 }, OK },
	{ "an empty line is refused", { "\n", 1 }, TEMP },
	{ "a space at the end is refused", { "a b=c ", 6 }, TEMP },
	{ "two spaces are refused", { "a  b=c", 6 }, TEMP },
	{ "a tab is refused", { "a\tb=c", 5 }, TEMP },
	{ "a field without '=' is refused", { "a b", 3 }, TEMP },
	{ "a field without a key is refused", { "a =b", 4 }, TEMP },
	{ "an upper-case key is refused", { "a B=c", 5 }, TEMP },
	{ "a repeated key is refused", { "a b=c b=d", 9 }, TEMP },
	{ "CR is refused", { "a b=c\r\n", 7 }, TEMP },
	{ "NUL is refused", { "a b=\0", 5 }, TEMP },
	{ "NUL in an escape is refused",
	    { "a b=%\0"
	      "0",
	        7 },
	    TEMP },
	{ "a torn escape is refused", { "a b=%4", 6 }, TEMP },
	{ "a lower-case escape is refused", { "a b=%0a", 7 }, TEMP },
	{ "an octet that is not UTF-8 is refused", { "a b=\xFF", 5 }, TEMP },
	{ "a bidirectional control is refused", { "a b=\xE2\x80\xAE", 7 },
	    TEMP },
	{ "two records are not one", { "a b=c\nd e=f\n", 12 }, TEMP },
};

static void
test_lines(void)
{
	struct record r;
	struct fault f = FAULT_NONE;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		tap_ok(record_parse(lines[i].line, &r, &f) == lines[i].want,
		    "%s", lines[i].title);
}

/* Every octet, alone and in company, goes there and comes back. */
static void
test_octets(void)
{
	struct fault f = FAULT_NONE;
	bool good = true;

	for (int c = 0; c < 256; c++) {
		char value[3] = { 'x', (char)c, 'y' };
		struct buf b = BUF_INIT(RECORD_MAX);
		struct record_out out = record_begin(&b, "t");
		struct record r;
		struct span got = SPAN_EMPTY;

		record_put(out, "v", (struct span){ value, 3 });
		good = record_end(out, &f) == OK && good;
		for (size_t i = 0; i + 1 < b.len; i++)
			good = good && (unsigned char)b.p[i] >= 0x20;
		good = record_parse(buf_span(&b), &r, &f) == OK &&
		    record_take(&r, "v", 3, &got) && record_all_taken(&r) &&
		    span_same(got, (struct span){ value, 3 }) && good;
		buf_free(&b);
	}
	tap_ok(good, "every octet comes back, and none is written raw");
}

static void
test_truncation(void)
{
	static const char line[] = "perm to=a%20b@x.test code=5.1.1 text=no\n";
	struct record whole, r;
	struct fault f = FAULT_NONE;
	bool good = record_parse(span_of(line), &whole, &f) == OK;

	/* Shorter is refused, or is a record with fewer or shorter fields. */
	for (size_t n = 0; n < sizeof(line) - 2; n++)
		if (record_parse((struct span){ line, n }, &r, &f) == OK)
			good = good && r.fields <= whole.fields;
	tap_ok(good, "every truncation is refused or smaller");
}

static void
test_limits(void)
{
	char big[RECORD_MAX + 1];
	struct buf b = BUF_INIT(2 * RECORD_MAX);
	struct record_out out = record_begin(&b, "t");
	struct record r;
	struct fault f = FAULT_NONE;
	bool good = true;

	memset(big, 'x', sizeof(big));
	record_put(out, "v", (struct span){ big, RECORD_MAX - 5 });
	tap_ok(record_end(out, &f) == OK && b.len == RECORD_MAX &&
	        record_parse(buf_span(&b), &r, &f) == OK,
	    "a record of exactly the maximum is written and read");
	out = record_begin(&b, "t");
	record_put(out, "v", (struct span){ big, RECORD_MAX - 4 });
	tap_ok(record_end(out, &f) == PERM && b.len == RECORD_MAX,
	    "one octet more is taken back, what stood before stays");
	for (size_t room = 0; room < 100; room++) {
		struct buf small = BUF_INIT(room);

		out = record_begin(&small, "t");
		record_put(out, "v", (struct span){ big, RECORD_MAX - 5 });
		good = record_end(out, &f) == TEMP && small.len == 0 &&
		    !buf_failed(&small) && good;
		out = record_begin(&small, "t");
		record_put(out, "v", (struct span){ big, RECORD_MAX - 4 });
		good = record_end(out, &f) == PERM && small.len == 0 && good;
		buf_free(&small);
	}
	tap_ok(good, "PERM is for what is too long, not for a lack of room");
	buf_reset(&b);
	buf_adds(&b, "t");
	for (int i = 0; i < RECORD_FIELDS_MAX; i++)
		buf_addf(&b, " k%d=", i);
	tap_ok(record_parse(buf_span(&b), &r, &f) == OK && r.fields == 32,
	    "as many fields as there may be are read");
	buf_adds(&b, " z=");
	tap_ok(record_parse(buf_span(&b), &r, &f) == TEMP,
	    "one field more is refused");
	buf_free(&b);
}

static void
test_outcomes(void)
{
	static const struct {
		const char *title, *line, *code;
		enum outcome want;
	} cases[] = {
		{ "ok is OK", "ok", "", OK },
		{ "perm is PERM with its code", "perm code=5.1.1 text=x",
		    "5.1.1", PERM },
		{ "temp is TEMP with its code", "temp code=4.2.2", "4.2.2",
		    TEMP },
		{ "perm without a code is 5.0.0", "perm", "5.0.0", PERM },
		{ "perm with a code of another class is 5.0.0",
		    "perm code=2.1.5", "5.0.0", PERM },
		{ "perm with a code that has a line end is 5.0.0",
		    "perm code=5.1.1%0D%0A", "5.0.0", PERM },
		{ "so is one with a letter", "perm code=5.1.1x", "5.0.0",
		    PERM },
		{ "and one of two numbers", "perm code=5.1", "5.0.0", PERM },
		{ "temp with a number of four digits is 4.3.0",
		    "temp code=4.1000.1", "4.3.0", TEMP },
		{ "one of three is as it should be", "temp code=4.100.250",
		    "4.100.250", TEMP },
		{ "an unknown word is TEMP", "yes code=2.0.0", "4.3.0", TEMP },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record r;
		struct fault f = FAULT_NONE;

		tap_ok(record_parse(span_of(cases[i].line), &r, &f) == OK &&
		        record_outcome(&r, &f) == cases[i].want &&
		        strcmp(f.code, cases[i].code) == 0,
		    "%s", cases[i].title);
	}
}

int
main(void)
{
	test_lines();
	test_octets();
	test_truncation();
	test_limits();
	test_outcomes();
	return tap_done();
}
