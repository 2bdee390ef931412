/* SPDX-License-Identifier: ISC */
#include "phrase.h"

#include "tap.h"

static const struct {
	const char *title, *words, *want;
} cases[] = {
	{ "a value stands for its key", "size {n}.", "size 7." },
	{ "it is filled up to its width", "{n:3}|{name:2}|", "7  |bob|" },
	{ "a group with all its values stays", "a[ b {n}]", "a b 7" },
	{ "a group that lacks one goes", "a[ b {n} {none}] c", "a c" },
	{ "the group inside goes alone", "[a {n}[ b {none}] c]", "a 7 c" },
	{ "what is escaped is itself", "\\[{n}\\] \\{", "[7] {" },
	{ "a missing value outside a group is empty", "({none})", "()" },
	{ "no octet of a value obeys", "{wild}", "\"\\x1B[31m\"" },
	{ "several words are one value", "<{two}>", "<\"a> b\">" },
	{ "a sentence stands as it is", "{two|text:5}|", "a> b |" },
	{ "nor does an octet of it", "{wild|text}", "?[31m" },
	{ "milliseconds are an age", "{ms|ms}", "1m 5s" },
	{ "so are seconds, in one unit", "{n|s} {size|s}", "7s 25m" },
	{ "octets are a size", "{size|size}", "1.5 KB" },
	{ "what is no number has no age", "{name|ms}", "bob" },
	{ "spaces may come before it", "{n:>3}|{name:>2}|", "  7|bob|" },
	{ "or up to an octet of the phrase", "{n}/{n}{@6}|{@2}|", "7/7   ||" },
	{ "words may end anywhere", "a {", "a " },
	{ "also in a group", "a [b", "a b" },
};

int
main(void)
{
	struct record r;
	struct fault f;
	struct buf b = BUF_INIT(1024);

	tap_ok(record_parse(SPAN_LIT("word n=7 name=bob wild=%1B[31m "
	                             "two=a>%20b ms=65999 size=1536"),
	           &r, &f) == OK,
	    "a record");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&b);
		phrase_put(&b, cases[i].words, phrase_field, &r);
		tap_ok(
		    span_eq(buf_span(&b), cases[i].want), "%s", cases[i].title);
	}
	buf_free(&b);
	return tap_done();
}
