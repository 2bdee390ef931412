/* SPDX-License-Identifier: ISC */
/*
 * mx.h: the hosts of a domain, from its MX records, in the order in which they
 * are to be tried. Source: RFC 5321 5.1, RFC 7505.
 */
#ifndef ROUTE_MX_H
#define ROUTE_MX_H

#include "message.h"

#define MX_MAX 64 /* hosts of a domain; more are not read. Ours */

struct mx {
	char name[MESSAGE_NAME_MAX + 1]; /* a host name */
	uint16_t preference; /* the lowest is tried first */
	uint32_t toss; /* orders equals */
};

struct mx_set {
	struct mx mx[MX_MAX];
	size_t n;
};

enum mx_says {
	MX_BROKEN, /* no answer that can be read */
	MX_NO_NAME, /* there is no such domain */
	MX_NONE, /* the domain has no MX record */
	MX_NULL, /* it says that it takes no mail. RFC 7505 3 */
	MX_USELESS, /* its records name no host: addresses, ".", no names */
	MX_HOSTS, /* the set has some */
};

/*
 * Sorted by preference; equals by chance, anew at each call (5.1: "MUST randomize
 * them"). A name that occurs twice counts once, with its better preference.
 */
enum mx_says mx_read(struct span packet, struct mx_set *);
/* Only hosts with a preference below that one stay. */
void mx_cut(struct mx_set *, uint16_t preference);

/* A name that an address of the DNS can stand behind: labels of letters, digits,
   '-' and '_' (of which some hosts have one), the last not of digits alone. */
bool mx_is_host(struct span name);

#endif
