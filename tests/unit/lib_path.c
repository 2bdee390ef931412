/* SPDX-License-Identifier: ISC */
/* path.c: every form of an address, and every way to get one wrong. */
#include "path.h"

#include <string.h>

#include "tap.h"

enum way { REVERSE, FORWARD, BARE };

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define B63 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct {
	const char *title;
	enum way way;
	bool utf8;
	const char *in, *local, *domain, *rest;
	const char *code; /* NULL: OK */
} cases[] = {
	{ "<> is the null reverse-path", REVERSE, false, "<>", "", "", "",
	    NULL },
	{ "parameters are left over", REVERSE, false, "<a@mx.test> SIZE=1", "a",
	    "mx.test", " SIZE=1", NULL },
	{ "<> is no forward-path", FORWARD, false, "<>", "", "", "", "5.1.3" },
	{ "Postmaster needs no domain", FORWARD, false, "<pOsTmAsTeR>",
	    "pOsTmAsTeR", "", "", NULL },
	{ "Postmaster alone is no reverse-path", REVERSE, false, "<postmaster>",
	    "", "", "", "5.1.7" },
	{ "postmasters is not Postmaster", FORWARD, false, "<postmasters>", "",
	    "", "", "5.1.3" },
	{ "postmaster may have a domain", FORWARD, false,
	    "<postmaster@mx.test>", "postmaster", "mx.test", "", NULL },
	{ "dots part the members of a local-part", FORWARD, false,
	    "<a.b.c@mx.test>", "a.b.c", "mx.test", "", NULL },
	{ "two dots are refused", FORWARD, false, "<a..b@mx.test>", "", "", "",
	    "5.1.3" },
	{ "a leading dot is refused", FORWARD, false, "<.a@mx.test>", "", "",
	    "", "5.1.3" },
	{ "a closing dot is refused", FORWARD, false, "<a.@mx.test>", "", "",
	    "", "5.1.3" },
	{ "a quoted string keeps its quotes", FORWARD, false,
	    "<\"a b\"@mx.test>", "\"a b\"", "mx.test", "", NULL },
	{ "the domain is what follows the last unquoted @", FORWARD, false,
	    "<\"x@evil x\"@mx.test>", "\"x@evil x\"", "mx.test", "", NULL },
	{ "> inside quotes ends nothing", FORWARD, false,
	    "<\"a> ORCPT=rfc822;x\"@mx.test>", "\"a> ORCPT=rfc822;x\"",
	    "mx.test", "", NULL },
	{ "a quoted pair is two octets", FORWARD, false, "<\"a\\\"b\"@mx.test>",
	    "\"a\\\"b\"", "mx.test", "", NULL },
	{ "the empty quoted string is one", FORWARD, false, "<\"\"@mx.test>",
	    "\"\"", "mx.test", "", NULL },
	{ "CR is never quotable", FORWARD, false, "<\"a\\\rb\"@mx.test>", "",
	    "", "", "5.1.3" },
	{ "ESC is refused", REVERSE, false, "<a\033[2Jb@mx.test>", "", "", "",
	    "5.1.7" },
	{ "a quote left open is refused", FORWARD, false, "<\"a@mx.test>", "",
	    "", "", "5.1.3" },
	{ "text after a quoted string is refused", FORWARD, false,
	    "<\"a\"b@mx.test>", "", "", "", "5.1.3" },
	{ "a source route is dropped", FORWARD, false,
	    "<@evil.test,@b.test:alice@mx.test>", "alice", "mx.test", "",
	    NULL },
	{ "a source route without colon is refused", FORWARD, false,
	    "<@a,@b.alice@mx.test>", "", "", "", "5.1.3" },
	{ "a source route alone is refused", FORWARD, false, "<@a:>", "", "",
	    "", "5.1.3" },
	{ "an IPv4 literal is a domain", FORWARD, false, "<a@[192.0.2.7]>", "a",
	    "[192.0.2.7]", "", NULL },
	{ "an IPv6 literal is a domain", FORWARD, false,
	    "<a@[ipv6:2001:db8::7]>", "a", "[ipv6:2001:db8::7]", "", NULL },
	{ "a literal out of range is refused", FORWARD, false,
	    "<a@[192.0.2.256]>", "", "", "", "5.1.3" },
	{ "an open literal is refused", FORWARD, false, "<a@[127.0.0.1>", "",
	    "", "", "5.1.3" },
	{ "an unknown tag is refused", FORWARD, false, "<a@[Foo:bar]>", "", "",
	    "", "5.1.3" },
	{ "no @ is refused", REVERSE, false, "<a>", "", "", "", "5.1.7" },
	{ "two @ are refused", REVERSE, false, "<a@b@mx.test>", "", "", "",
	    "5.1.7" },
	{ "an empty domain is refused", REVERSE, false, "<a@>", "", "", "",
	    "5.1.7" },
	{ "an empty local-part is refused", REVERSE, false, "<@mx.test>", "",
	    "", "", "5.1.7" },
	{ "two < are refused", REVERSE, false, "<<a@mx.test>", "", "", "",
	    "5.1.7" },
	{ "no < is refused", REVERSE, false, "a@mx.test", "", "", "", "5.1.7" },
	{ "a space inside is refused", REVERSE, false, "<a @mx.test>", "", "",
	    "", "5.1.7" },
	{ "a closing dot of the domain is refused", REVERSE, false,
	    "<a@mx.test.>", "", "", "", "5.1.7" },
	{ "a hyphen ends no label", REVERSE, false, "<a@mx-.test>", "", "", "",
	    "5.1.7" },
	{ "a hyphen begins no label", REVERSE, false, "<a@-mx.test>", "", "",
	    "", "5.1.7" },
	{ "shell words are no address", REVERSE, false, "<;sleep 66;>", "", "",
	    "", "5.1.7" },
	{ "a local-part of 64 octets is taken", REVERSE, false,
	    "<" A64 "@mx.test>", A64, "mx.test", "", NULL },
	{ "a local-part of 65 octets is refused", REVERSE, false,
	    "<" A64 "a@mx.test>", "", "", "", "5.1.7" },
	{ "a label of 63 octets is taken", REVERSE, false, "<a@" B63 ".test>",
	    "a", B63 ".test", "", NULL },
	{ "a label of 64 octets is refused", REVERSE, false,
	    "<a@" B63 "b.test>", "", "", "", "5.1.7" },
	{ "a domain of 255 octets is taken", REVERSE, false,
	    "<a@" B63 "." B63 "." B63 "." B63 ">", "a",
	    B63 "." B63 "." B63 "." B63, "", NULL },
	{ "a domain of 256 octets is refused", REVERSE, false,
	    "<a@" B63 "." B63 "." B63 "." B63 ".>", "", "", "", "5.1.7" },
	{ "UTF-8 needs SMTPUTF8", FORWARD, false, "<j\xC3\xBCrg@mx.test>", "",
	    "", "", "5.6.7" },
	{ "UTF-8 with SMTPUTF8 is taken in both halves", FORWARD, true,
	    "<j\xC3\xBCrg@m\xC3\xBCx.test>", "j\xC3\xBCrg", "m\xC3\xBCx.test",
	    "", NULL },
	{ "UTF-8 in quotes is taken", FORWARD, true, "<\"j \xC3\xBC\"@mx.test>",
	    "\"j \xC3\xBC\"", "mx.test", "", NULL },
	{ "broken UTF-8 is refused", FORWARD, true, "<\xC3(@mx.test>", "", "",
	    "", "5.1.3" },
	{ "a surrogate is refused", FORWARD, true, "<\xED\xA0\x80@mx.test>", "",
	    "", "", "5.1.3" },
	{ "UTF-8 cut short is refused", FORWARD, true, "<\xC3>", "", "", "",
	    "5.1.3" },
	{ "C1 controls are refused", FORWARD, true, "<\xC2\x85@mx.test>", "",
	    "", "", "5.1.3" },
	{ "a bare address is one", BARE, false, "ann@mx.test", "ann", "mx.test",
	    "", NULL },
	{ "a bare Postmaster is one", BARE, false, "Postmaster", "Postmaster",
	    "", "", NULL },
	{ "a bare address ends where it ends", BARE, false, "ann@mx.test x", "",
	    "", "", "5.1.3" },
	{ "a bare address is not empty", BARE, false, "", "", "", "", "5.1.3" },
	{ "a bare address may be UTF-8", BARE, false, "\xC3\xBC@mx.test",
	    "\xC3\xBC", "mx.test", "", NULL },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static enum outcome
parse(enum way way, struct span in, bool utf8, struct path *out,
    struct span *rest, struct fault *f)
{
	*rest = SPAN_EMPTY;
	switch (way) {
	case REVERSE:
		return path_parse(PATH_REVERSE, in, utf8, out, rest, f);
	case FORWARD:
		return path_parse(PATH_FORWARD, in, utf8, out, rest, f);
	case BARE:
		break;
	}
	return path_parse_bare(in, out, f);
}

static void
test_table(void)
{
	for (size_t i = 0; i < CASES; i++) {
		struct path path;
		struct span rest;
		struct fault f = FAULT_NONE;
		enum outcome got = parse(cases[i].way, span_of(cases[i].in),
		    cases[i].utf8, &path, &rest, &f);

		if (cases[i].code != NULL)
			tap_ok(got == PERM && path_is_null(&path) &&
			        strcmp(f.code, cases[i].code) == 0,
			    "%s", cases[i].title);
		else
			tap_ok(got == OK &&
			        span_eq(path_local(&path), cases[i].local) &&
			        span_eq(path_domain(&path), cases[i].domain) &&
			        span_eq(rest, cases[i].rest) &&
			        strlen(path.text) == path.len,
			    "%s", cases[i].title);
	}
}

/* Every proper beginning of `<...>` is refused, whatever it was cut from. */
static void
test_truncations(void)
{
	size_t wrong = 0;

	for (size_t i = 0; i < CASES; i++) {
		struct span in = span_of(cases[i].in);

		if (cases[i].code != NULL || cases[i].way == BARE)
			continue;
		in.len -= strlen(cases[i].rest);
		for (size_t n = 0; n < in.len; n++) {
			struct path path;
			struct span rest;
			struct fault f = FAULT_NONE;

			if (parse(cases[i].way, span_head(in, n), cases[i].utf8,
			        &path, &rest, &f) != PERM)
				wrong++;
		}
	}
	tap_ok(wrong == 0, "an address cut anywhere is refused");
}

/* What was taken is taken again, bare, as the same. */
static void
test_round_trip(void)
{
	size_t wrong = 0;

	for (size_t i = 0; i < CASES; i++) {
		struct path path, again;
		struct span rest;
		struct fault f = FAULT_NONE;

		if (parse(cases[i].way, span_of(cases[i].in), cases[i].utf8,
		        &path, &rest, &f) != OK ||
		    path_is_null(&path))
			continue;
		if (path_parse_bare(path_span(&path), &again, &f) != OK ||
		    !span_same(path_span(&path), path_span(&again)) ||
		    again.local_len != path.local_len)
			wrong++;
	}
	tap_ok(wrong == 0, "what was taken once is taken again bare");
}

static void
test_octets(void)
{
	char in[] = "<a?b@mx.test>";
	size_t wrong = 0;

	for (int c = 0; c < 256; c++) {
		struct path path;
		struct span rest;
		struct fault f = FAULT_NONE;
		bool want = (c < 128 && is_atext(c)) || c == '.';

		in[2] = (char)c;
		if ((path_parse(PATH_FORWARD,
		         (struct span){ in, sizeof(in) - 1 }, false, &path,
		         &rest, &f) == OK) != want)
			wrong++;
	}
	tap_ok(wrong == 0, "each octet in an atom is taken or refused rightly");
}

int
main(void)
{
	test_table();
	test_truncations();
	test_round_trip();
	test_octets();
	return tap_done();
}
