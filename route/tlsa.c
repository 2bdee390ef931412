/* SPDX-License-Identifier: ISC */
/* tlsa.c: by which certificates a host is known. */
#include "tlsa.h"

#include <string.h>

#define TYPE_TLSA    ((ns_type)52) /* RFC 6698 7.1; no name in the C library */
#define TLSA_HEAD    3 /* octets: usage, selector, matching type */
#define SHA256_LEN   32
#define SHA512_LEN   64
#define USAGE_TA     2 /* RFC 7218 2.1 */
#define USAGE_EE     3
#define SELECTOR_KEY 1 /* 2.2; 0: the certificate */
#define MATCH_WHOLE  0 /* 2.3 */
#define MATCH_SHA256 1
#define MATCH_SHA512 2

static bool
has_right_length(uint8_t matching, size_t len)
{
	switch (matching) {
	case MATCH_WHOLE:
		return len > 0 && len <= HOSTS_TLSA_DATA_MAX;
	case MATCH_SHA256:
		return len == SHA256_LEN;
	case MATCH_SHA512:
		return len == SHA512_LEN;
	default:
		return false;
	}
}

static bool
take(const unsigned char *p, size_t len, struct tlsa *t)
{
	if (len < TLSA_HEAD || (p[0] != USAGE_TA && p[0] != USAGE_EE) ||
	    p[1] > SELECTOR_KEY || !has_right_length(p[2], len - TLSA_HEAD))
		return false;
	t->usage = p[0];
	t->selector = p[1];
	t->matching = p[2];
	t->len = len - TLSA_HEAD;
	memcpy(t->data, p + TLSA_HEAD, t->len);
	return true;
}

bool
tlsa_read(struct span packet, struct tlsa_set *set)
{
	struct message m;
	size_t records = 0;
	ns_rr rr;

	set->n = 0;
	set->has_useless = false;
	if (message_begin(&m, packet) == MESSAGE_BROKEN)
		return false;
	while (message_next(&m, TYPE_TLSA, 0, &rr)) {
		records++;
		if (set->n < TLSA_RECORDS_MAX &&
		    take(ns_rr_rdata(rr), ns_rr_rdlen(rr), &set->tlsa[set->n]))
			set->n++;
	}
	set->has_useless = records > 0 && set->n == 0;
	return !m.broken;
}
