/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <string.h>

#include "tap.h"

#define QID  "01JDE3V0Z0ABCDEFGHJKMNPQRS"
#define TIME "2026-11-24T03:04:05.123Z"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct all {
	char text[9], word[9];
	struct span span;
	uint64_t number, more, time_ms;
	uint32_t n;
	bool yes, no;
	struct qid qid;
	unsigned char hash[WIRE_HASH_LEN];
};

#define AT(member) offsetof(struct all, member)
static const struct wire_field fields[] = {
	{ "text", WIRE_TEXT, AT(text), 8, WIRE_CLEAN },
	{ "word", WIRE_TEXT, AT(word), 8, WIRE_OPTIONAL | WIRE_GRAPH },
	{ "span", WIRE_SPAN, AT(span), 8, 0 },
	{ "number", WIRE_NUMBER, AT(number), 99, 0 },
	{ "more", WIRE_NUMBER, AT(more), 99, WIRE_OPTIONAL },
	{ "n", WIRE_N, AT(n), 0, 0 },
	{ "yes", WIRE_FLAG, AT(yes), 1, 0 },
	{ "no", WIRE_FLAG, AT(no), 0, 0 },
	{ "one", WIRE_ONE, 0, 0, 0 },
	{ "qid", WIRE_QID, AT(qid), 0, 0 },
	{ "time", WIRE_TIME, AT(time_ms), 0, 0 },
	{ "hash", WIRE_HASH, AT(hash), 0, 0 },
	{ .key = NULL },
};

#define REST                                                                   \
	" number=7 more=8 n=2 yes=1 no=0 one=1 qid=" QID " time=" TIME         \
	" hash=" HASH
#define LEAST " number=0 n=1 one=1 qid=" QID " time=" TIME " hash=" HASH

static const struct {
	const char *title, *line;
	enum outcome want;
} cases[] = {
	{ "all of them", "all text=a%20b word=w span=s" REST, OK },
	{ "what may be missing is missing", "all text=a span=" LEAST, OK },
	{ "another word", "al text=a span=" LEAST, TEMP },
	{ "a field more", "all text=a span= x=1" LEAST, TEMP },
	{ "a text that is missing", "all span=" LEAST, TEMP },
	{ "a text that is empty", "all text= span=" LEAST, TEMP },
	{ "a text that is too long", "all text=123456789 span=" LEAST, TEMP },
	{ "an octet 0 in a text", "all text=a%00b span=" LEAST, TEMP },
	{ "a control octet in a line", "all text=a%0A span=" LEAST, TEMP },
	{ "a space in a word", "all text=a word=%20 span=" LEAST, TEMP },
	{ "a span that is missing", "all text=a" LEAST, TEMP },
	{ "a span that is too long", "all text=a span=123456789" LEAST, TEMP },
	{ "a flag of another value", "all text=a span= yes=0" LEAST, TEMP },
	{ "a number that is too large",
	    "all text=a span= number=100 n=1 one=1 qid=" QID " time=" TIME
	    " hash=" HASH,
	    TEMP },
	{ "recipient 0",
	    "all text=a span= number=0 n=0 one=1 qid=" QID " time=" TIME
	    " hash=" HASH,
	    TEMP },
	{ "a 1 that is 2",
	    "all text=a span= number=0 n=1 one=2 qid=" QID " time=" TIME
	    " hash=" HASH,
	    TEMP },
	{ "a hash in upper case",
	    "all text=a span= number=0 n=1 one=1 qid=" QID " time=" TIME
	    " hash=00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDD"
	    "EEFF",
	    TEMP },
	{ "a hash that is short",
	    "all text=a span= number=0 n=1 one=1 qid=" QID " time=" TIME
	    " hash=0011",
	    TEMP },
};

int
main(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;
	struct fault f;
	struct all all;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got = wire_read(
		    span_of(cases[i].line), "all", fields, &r, &all, &f);

		tap_ok(got == cases[i].want, "%s", cases[i].title);
		if (got != OK)
			continue;
		buf_reset(&b);
		tap_ok(wire_write(&b, "all", fields, &all, &f) == OK &&
		        b.len == strlen(cases[i].line) + 1 &&
		        strncmp(b.p, cases[i].line, b.len - 1) == 0,
		    "and written as it was");
	}
	tap_ok(wire_read(span_of(cases[1].line), "all", fields, &r, &all, &f) ==
	            OK &&
	        !all.yes && all.no && all.word[0] == '\0',
	    "what is missing has its value");
	tap_ok(wire_read(span_of(cases[0].line), "all", fields, &r, &all, &f) ==
	            OK &&
	        all.yes && !all.no && all.n == 2 && all.number == 7 &&
	        all.hash[1] == 0x11 && strcmp(all.text, "a b") == 0,
	    "what is there has the value that was said");
	buf_free(&b);
	return tap_done();
}
