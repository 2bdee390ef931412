/* SPDX-License-Identifier: ISC */
/* net.c: addresses of clients, and networks of them. */
#include "net.h"

#include <arpa/inet.h>
#include <string.h>

#define V4_OCTETS     4
#define MAPPED_OCTETS 12 /* ::ffff: before an IPv4 address. RFC 4291 2.5.5.2 */

static const unsigned char mapped[MAPPED_OCTETS] = { [10] = 0xff, [11] = 0xff };

static unsigned
bits_of(const struct net_addr *a)
{
	return a->is_v6 ? 8 * NET_OCTETS : 8 * V4_OCTETS;
}

/* As it is written, mapped or not. */
static bool
parse(struct span text, struct net_addr *out)
{
	char copy[INET6_ADDRSTRLEN + 1];

	memset(out, 0, sizeof(*out));
	if (text.len == 0 || span_find(text, '\0') < text.len ||
	    !span_copy(text, copy, sizeof(copy)))
		return false;
	out->is_v6 = span_find(text, ':') < text.len;
	return inet_pton(out->is_v6 ? AF_INET6 : AF_INET, copy, out->octet) ==
	    1;
}

static bool
is_mapped(const struct net_addr *a)
{
	return a->is_v6 && memcmp(a->octet, mapped, sizeof(mapped)) == 0;
}

static void
unmap(struct net_addr *a)
{
	if (!is_mapped(a))
		return;
	memmove(a->octet, a->octet + MAPPED_OCTETS, V4_OCTETS);
	memset(a->octet + V4_OCTETS, 0, NET_OCTETS - V4_OCTETS);
	a->is_v6 = false;
}

bool
net_parse_addr(struct span text, struct net_addr *out)
{
	if (!parse(text, out))
		return false;
	unmap(out);
	return true;
}

void
net_set(struct net_addr *a, const unsigned char *octets, size_t n)
{
	*a = (struct net_addr){ .is_v6 = n == NET_OCTETS };
	memcpy(a->octet, octets, n);
	unmap(a);
}

bool
net_same(const struct net_addr *a, const struct net_addr *b)
{
	return a->is_v6 == b->is_v6 &&
	    memcmp(a->octet, b->octet, NET_OCTETS) == 0;
}

bool
net_is_in(const struct net_addr *a, const struct net_range *range)
{
	return a->is_v6 == range->first.is_v6 &&
	    memcmp(a->octet, range->first.octet, NET_OCTETS) >= 0 &&
	    memcmp(a->octet, range->last.octet, NET_OCTETS) <= 0;
}

/* The bits behind the first so many become all 0, or all 1. */
static void
fill(struct net_addr *a, unsigned bits, bool ones)
{
	for (unsigned i = bits; i < bits_of(a); i++) {
		unsigned char bit = (unsigned char)(0x80U >> (i % 8));

		if (ones)
			a->octet[i / 8] |= bit;
		else
			a->octet[i / 8] &= (unsigned char)~bit;
	}
}

void
net_network(const struct net_addr *a, unsigned bits, struct net_addr *network)
{
	*network = *a;
	fill(network, bits, false);
}

const char *
net_parse_range(struct span text, struct net_range *out)
{
	struct span address = span_head(text, span_find(text, '/'));
	struct net_addr *first = &out->first, network;
	uint64_t bits;

	if (!parse(address, first))
		return "not an IP address";
	bits = bits_of(first);
	if (address.len < text.len &&
	    !num_parse(span_from(text, address.len + 1), 0, bits, &bits))
		return first->is_v6
		    ? "behind the '/' stands a number from 0 to 128"
		    : "behind the '/' stands a number from 0 to 32";
	if (is_mapped(first) && bits >= 8 * MAPPED_OCTETS) {
		unmap(first);
		bits -= 8 * MAPPED_OCTETS;
	}
	net_network(first, (unsigned)bits, &network);
	if (memcmp(network.octet, first->octet, NET_OCTETS) != 0)
		return "there are bits behind the mask: write the network's "
		       "first address, or the address alone";
	out->last = *first;
	fill(&out->last, (unsigned)bits, true);
	return NULL;
}

void
net_put(const struct net_addr *a, char out[NET_TEXT_MAX])
{
	if (inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->octet, out,
	        NET_TEXT_MAX) == NULL)
		out[0] = '\0';
}
