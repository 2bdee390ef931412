/* SPDX-License-Identifier: ISC */
#include "net.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *text, *first, *last; /* first NULL: it is none */
} ranges[] = {
	{ "an address is a network of itself", "192.0.2.7", "192.0.2.7",
	    "192.0.2.7" },
	{ "as with /32", "192.0.2.7/32", "192.0.2.7", "192.0.2.7" },
	{ "/24", "192.0.2.0/24", "192.0.2.0", "192.0.2.255" },
	{ "/31", "192.0.2.6/31", "192.0.2.6", "192.0.2.7" },
	{ "/0 is all of IPv4", "0.0.0.0/0", "0.0.0.0", "255.255.255.255" },
	{ "bits behind the mask are refused", "192.0.2.7/24", NULL, NULL },
	{ "33 bits are too many", "192.0.2.7/33", NULL, NULL },
	{ "no number", "192.0.2.0/", NULL, NULL },
	{ "a mask is no number", "192.0.2.0/255.255.255.0", NULL, NULL },
	{ "a negative one neither", "192.0.2.0/-1", NULL, NULL },
	{ "three numbers are no address", "192.0.2", NULL, NULL },
	{ "nothing", "", NULL, NULL },
	{ "only a mask", "/8", NULL, NULL },
	{ "an IPv6 address", "2001:db8::7", "2001:db8::7", "2001:db8::7" },
	{ "/32 of IPv6", "2001:db8::/32",
	    "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "/127", "2001:db8::6/127", "2001:db8::6", "2001:db8::7" },
	{ "/0 is all of IPv6", "::/0",
	    "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "129 bits are too many", "::/129", NULL, NULL },
	{ "bits behind the mask, IPv6", "2001:db8::1/64", NULL, NULL },
	{ "a mapped address is the IPv4 one", "::ffff:192.0.2.7", "192.0.2.7",
	    "192.0.2.7" },
	{ "a mapped network too", "::ffff:192.0.2.0/120", "192.0.2.0",
	    "192.0.2.255" },
	{ "all of them", "::ffff:0.0.0.0/96", "0.0.0.0", "255.255.255.255" },
	{ "a zone is no part of it", "fe80::1%eth0", NULL, NULL },
};

static bool
is_as(const struct net_addr *a, const char *want)
{
	char text[NET_TEXT_MAX];

	net_put(a, text);
	return strcmp(text, want) == 0;
}

int
main(void)
{
	struct net_range r;
	struct net_addr a, network;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const char *why = net_parse_range(span_of(ranges[i].text), &r);

		tap_ok(ranges[i].first == NULL
		        ? why != NULL
		        : why == NULL && is_as(&r.first, ranges[i].first) &&
		            is_as(&r.last, ranges[i].last),
		    "%s", ranges[i].title);
	}
	tap_ok(net_parse_addr(span_of("::ffff:10.1.2.3"), &a) && !a.is_v6 &&
	        is_as(&a, "10.1.2.3"),
	    "a client over a mapped address is the IPv4 one");
	net_network(&a, 8, &network);
	tap_ok(is_as(&network, "10.0.0.0"), "its network of 8 bits");
	tap_ok(net_parse_addr(span_of("2001:db8:1:2:3::4"), &a) && a.is_v6,
	    "one of IPv6");
	net_network(&a, 64, &network);
	tap_ok(is_as(&network, "2001:db8:1:2::"), "its network of 64 bits");
	tap_ok(!net_parse_addr(span_of("10.1.2.3/32"), &a),
	    "a network is no address");
	tap_ok(!net_parse_addr((struct span){ "10.1.2.3\0", 9 }, &a),
	    "nor is one with an octet 0 behind it");
	return tap_done();
}
