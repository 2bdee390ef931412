/* SPDX-License-Identifier: ISC */
/*
 * hub.h: a host that takes mail for all domains, as a setting names it:
 *
 *	example.net		a domain: where its MX records say
 *	example.net:587		the same, at another port than 25
 *	[mail.example.net]	that host: its addresses, no MX
 *	[192.0.2.7]:2525	that address; IPv6 alike
 */
#ifndef LIB_HUB_H
#define LIB_HUB_H

#include "span.h"

#define HUB_NAME_MAX 253 /* octets. RFC 1035 2.3.4 */

struct hub {
	char name[HUB_NAME_MAX + 1]; /* a domain, a host, or an address */
	bool is_host; /* it stood in brackets */
	uint16_t port; /* 1..65535 */
};

/* False: the text is none. */
bool hub_parse(struct span text, struct hub *);

#endif
