/* SPDX-License-Identifier: ISC */
/*
 * tlsa.h: by which certificates a host is known to SMTP, from its TLSA records.
 * Source: RFC 6698 2.1, RFC 7672 3.1.
 */
#ifndef ROUTE_TLSA_H
#define ROUTE_TLSA_H

#include "message.h"
#include "wire_hosts.h"

#define TLSA_RECORDS_MAX 8 /* of a host; more are not read. Ours */

struct tlsa {
	uint8_t usage, selector, matching;
	size_t len;
	unsigned char data[HOSTS_TLSA_DATA_MAX];
};

struct tlsa_set {
	struct tlsa tlsa[TLSA_RECORDS_MAX]; /* those of use */
	size_t n;
	/* There are records, and none is of use: TLS is a must, whoever answers
	   (RFC 7672 2.2). */
	bool has_useless;
};

/*
 * Of use are usages 2 and 3 (DANE-TA, DANE-EE), a certificate or its key, as a
 * whole or by a hash of its right length. False: no answer that can be read.
 */
bool tlsa_read(struct span packet, struct tlsa_set *);

#endif
