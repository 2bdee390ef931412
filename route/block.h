/* SPDX-License-Identifier: ISC */
/*
 * block.h: the DNS of a block list: the name that stands for an address, and
 * what its answers mean. Source: RFC 5782.
 */
#ifndef ROUTE_BLOCK_H
#define ROUTE_BLOCK_H

#include "wire_route.h"

#define BLOCK_NAME_MAX 253 /* octets */

/* 7.2.0.192.ZONE, or 32 nibbles of an IPv6 address before it. RFC 5782 2.1, 2.4.
   false: ip is no address. */
bool block_name(const char *ip, const char *zone, char out[BLOCK_NAME_MAX + 1]);
bool block_is_v6(const char *ip);

enum block_meaning {
	MEANS_NOTHING, /* no answer: the address is not in the list */
	MEANS_LISTED, /* one of the accepted codes */
	MEANS_OTHER, /* it is in the list, by a code that is not asked for */
	MEANS_REFUSAL, /* 127.255.255.0/24 */
	MEANS_UNKNOWN, /* no code of a block list: a parked domain, a typo */
	MEANS_NO_MESSAGE, /* these octets are no answer of the DNS */
};

/*
 * Read the answer to a question for A records. Of several records one refusal or
 * unknown code spoils all; else the first accepted code counts. code: the record
 * that decided, as text; "" for none.
 */
enum block_meaning block_read(
    struct span packet, const struct block_list *, char code[16]);
/* The first TXT record as printable ASCII ('?' for the rest), or "". */
void block_read_text(struct span packet, char out[ROUTE_TEXT_MAX + 1]);

#endif
