/* SPDX-License-Identifier: ISC */
#include "../../submit/addresses.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *list, *want; /* want NULL: it is refused */
} cases[] = {
	{ "an address", "bob@example.org", "bob@example.org\n" },
	{ "a name of this machine", "bob", "bob\n" },
	{ "with a phrase", "Bob Smith <bob@x.org>", "bob@x.org\n" },
	{ "with a quoted one", "\"Smith, Bob\" <bob@x.org>, ann@x.org",
	    "bob@x.org\nann@x.org\n" },
	{ "an angle in quotes is none", "\"<eve@x.org>\" <bob@x.org>",
	    "bob@x.org\n" },
	{ "an escaped quote", "\"a\\\"b\" <bob@x.org>", "bob@x.org\n" },
	{ "folded lines", "bob@x.org,\r\n\t ann@x.org,\n sue@x.org",
	    "bob@x.org\nann@x.org\nsue@x.org\n" },
	{ "comments, in each other", "bob@x.org (a (b) \\) c), (x) ann@x.org",
	    "bob@x.org\nann@x.org\n" },
	{ "an address in a comment is none", "(eve@x.org) bob@x.org",
	    "bob@x.org\n" },
	{ "white space between the parts is obsolete", "bob @ x . org",
	    "bob@x.org\n" },
	{ "a group", "us: bob@x.org, Ann <ann@x.org>; sue@x.org",
	    "bob@x.org\nann@x.org\nsue@x.org\n" },
	{ "an empty group", "undisclosed-recipients:;", "" },
	{ "a group without its end", "us: bob@x.org", "bob@x.org\n" },
	{ "empty members", ",, bob@x.org ,,", "bob@x.org\n" },
	{ "nothing", " \r\n\t", "" },
	{ "a route is left out", "<@a.org,@b.org:bob@x.org>", "bob@x.org\n" },
	{ "a quoted local-part stays", "\"b b\"@x.org", "\"b b\"@x.org\n" },
	{ "an address literal", "bob@[192.0.2.1]", "bob@[192.0.2.1]\n" },
	{ "UTF-8", "m\xC3\xBC@x.org", "m\xC3\xBC@x.org\n" },
	{ "two words without < >", "bob smith", NULL },
	{ "two addresses without a comma", "bob@x.org ann@x.org", NULL },
	{ "a < without its >", "Bob <bob@x.org", NULL },
	{ "a > without its <", "bob@x.org>", NULL },
	{ "a < in < >", "<a<b@x.org>>", NULL },
	{ "two < > in one", "<a@x.org> <b@x.org>", NULL },
	{ "nothing in < >", "Bob <>", NULL },
	{ "a comma in < >", "<a@x.org,b@x.org>", NULL },
	{ "a quote without another", "\"bob@x.org", NULL },
	{ "a comment without its end", "(bob@x.org", NULL },
	{ "an escape at the end", "(a\\", NULL },
	{ "a ; without a group", "bob@x.org;", NULL },
	{ "a group in a group", "a: b: c@x.org;;", NULL },
	{ "two @", "a@b@c.org", NULL },
	{ "no domain", "bob@", NULL },
	{ "a literal without its end", "bob@[192.0.2.1", NULL },
	{ "a control octet", "b\x01@x.org", NULL },
	{ "one in quotes", "\"b\x01\"@x.org", NULL },
	{ "a line feed never gets into an address", "\"b\n\"@x.org",
	    "\"b\"@x.org\n" },
	{ "a backslash outside of quotes", "b\\@x.org", NULL },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addresses a = ADDRESSES_INIT;
		struct fault f = FAULT_NONE;
		enum outcome got =
		    addresses_add(&a, span_of(cases[i].list), &f);
		bool good = cases[i].want == NULL
		    ? got == PERM && f.text[0] != '\0'
		    : got == OK && span_eq(buf_span(&a.text), cases[i].want);

		if (!good)
			printf("# %d %s: %s\n", got, f.text, a.text.p);
		tap_ok(good, "%s", cases[i].title);
		addresses_free(&a);
	}
}

/* Bounded: comments within each other, addresses, their length. */
static void
test_bounds(void)
{
	struct addresses a = ADDRESSES_INIT;
	struct buf text = BUF_INIT(1UL << 20);
	struct fault f;

	for (int i = 0; i < 100000; i++)
		buf_addc(&text, '(');
	tap_ok(addresses_add(&a, buf_span(&text), &f) == PERM,
	    "comments without end are refused");
	buf_reset(&text);
	for (int i = 0; i < ADDRESSES_MAX; i++)
		buf_adds(&text, "a,");
	tap_ok(addresses_add(&a, buf_span(&text), &f) == OK &&
	        a.n == ADDRESSES_MAX,
	    "so many are taken");
	tap_ok(
	    addresses_add(&a, SPAN_LIT("b"), &f) == PERM, "and not one more");
	addresses_free(&a);
	buf_reset(&text);
	for (int i = 0; i < 400; i++)
		buf_addc(&text, 'a');
	buf_adds(&text, "@x.org");
	tap_ok(addresses_add(&a, buf_span(&text), &f) == PERM,
	    "an address that is too long is refused");
	addresses_free(&a);
	buf_free(&text);
}

int
main(void)
{
	test_cases();
	test_bounds();
	return tap_done();
}
