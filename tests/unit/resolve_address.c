/* SPDX-License-Identifier: ISC */
#include "../../resolve/address.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *in, *key;
	enum outcome want;
} cases[] = {
	{ "a plain address is its own key", "bob@example.org",
	    "bob@example.org", OK },
	{ "case does not count", "BOB@Example.ORG", "bob@example.org", OK },
	{ "a quoted local-part is its content", "\"Bob\"@x.org", "bob@x.org",
	    OK },
	{ "a quoted pair is its octet", "\"b\\ob\"@x.org", "bob@x.org", OK },
	{ "a space stays in it", "\"b b\"@x.org", "b b@x.org", OK },
	{ "an @ in quotes is of the local-part", "\"a@b\"@x.org", "a@b@x.org",
	    OK },
	{ "Postmaster alone has no domain", "PostMaster", "postmaster@", OK },
	{ "a U-label becomes an A-label",
	    "a@b\xC3\xBC"
	    "cher.example",
	    "a@xn--bcher-kva.example", OK },
	{ "in any case",
	    "a@B\xC3\x9C"
	    "CHER.example",
	    "a@xn--bcher-kva.example", OK },
	{ "an A-label stays, in lower case", "a@XN--BCHER-KVA.example",
	    "a@xn--bcher-kva.example", OK },
	{ "letters beyond ASCII fold", "M\xC3\x9Cller@x.org",
	    "m\xC3\xBCller@x.org", OK },
	{ "a letter and its accent are one character", "mu\xCC\x88ller@x.org",
	    "m\xC3\xBCller@x.org", OK },
	{ "an address literal stays", "a@[192.0.2.1]", "a@[192.0.2.1]", OK },
	{ "no domain is refused", "bob", "", PERM },
	{ "nothing is refused", "", "", PERM },
	{ "two dots are refused", "a..b@x.org", "", PERM },
	{ "a source route is refused here", "@a.org:b@x.org", "", PERM },
	{ "a label that IDNA forbids is refused", "a@\xE2\x98\x83-.org", "",
	    PERM },
};

static void
test_domains(void)
{
	char bucher[] = { "b\xC3\xBC"
		          "cher.example" };
	char *names[] = { "Example.org", bucher, "a.org" };
	struct setting_list list = { names, 3 };
	char *bad_names[] = { "not a domain" };
	struct setting_list bad = { bad_names, 1 };
	struct domains d;
	struct fault f;

	tap_ok(domains_begin(&d, &list, &f) == OK &&
	        strcmp(d.first, "example.org") == 0,
	    "the first domain is the first of the list");
	tap_ok(domains_has(&d, SPAN_LIT("example.org")) &&
	        domains_has(&d, SPAN_LIT("a.org")) &&
	        domains_has(&d, SPAN_LIT("xn--bcher-kva.example")),
	    "every domain of the list is local");
	tap_ok(!domains_has(&d, SPAN_LIT("example.or")) &&
	        !domains_has(&d, SPAN_LIT("example.orga")) &&
	        !domains_has(&d, SPAN_LIT("a.example.org")) &&
	        !domains_has(&d, SPAN_EMPTY),
	    "no other one is, nor a part or a child of it");
	domains_free(&d);
	tap_ok(domains_begin(&d, &bad, &f) == PERM,
	    "what is no domain is refused");
}

int
main(void)
{
	struct address a;
	struct fault f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got = address_make(span_of(cases[i].in), &a, &f);

		tap_ok(got == cases[i].want &&
		        (got != OK || span_eq(address_key(&a), cases[i].key)),
		    "%s", cases[i].title);
	}
	test_domains();
	return tap_done();
}
