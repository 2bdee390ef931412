/* SPDX-License-Identifier: ISC */
/*
 * net.h: addresses of clients, and networks of them.
 *
 * An IPv4 address that came over an IPv6 socket (::ffff:192.0.2.7) is that IPv4
 * address: whoever lists 192.0.2.0/24 means it, too.
 */
#ifndef LIB_NET_H
#define LIB_NET_H

#include "span.h"

#define NET_OCTETS   16
#define NET_TEXT_MAX 50 /* octets of "ADDRESS/BITS", with a 0 */

struct net_addr {
	bool is_v6;
	unsigned char octet[NET_OCTETS]; /* IPv4: the first four; the rest 0 */
};

/* All addresses from the first to the last, both of one family. */
struct net_range {
	struct net_addr first, last;
};

/* False: the text is no address. */
bool net_parse_addr(struct span text, struct net_addr *out);
/* From so many octets, 4 or 16, as they stand in a packet. */
void net_set(struct net_addr *, const unsigned char *octets, size_t n);
bool net_same(const struct net_addr *, const struct net_addr *);
bool net_is_in(const struct net_addr *, const struct net_range *);
/*
 * `ADDRESS` or `ADDRESS/BITS`. NULL, or why it is none, for a person. Bits
 * behind the mask are an error: 192.0.2.7/24 may be meant as one address.
 */
const char *net_parse_range(struct span text, struct net_range *out);
/* The network of so many bits that the address is in, as text. bits: at most
   those of its family. */
void net_network(
    const struct net_addr *, unsigned bits, struct net_addr *network);
void net_put(const struct net_addr *, char out[NET_TEXT_MAX]);

#endif
