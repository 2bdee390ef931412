/* SPDX-License-Identifier: ISC */
/*
 * block.c: names and answers of block lists. The C library parses the message
 * (ns_initparse, ns_parserr); what is read here is the data of its records,
 * which the list's operator chose, or whoever answered in his place.
 */
#include "block.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#define RECORDS_MAX 64 /* of an answer; more are not looked at. Ours */

bool
block_is_v6(const char *ip)
{
	return strchr(ip, ':') != NULL;
}

bool
block_name(const char *ip, const char *zone, char out[BLOCK_NAME_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char a[16];
	size_t n = 0;

	out[0] = '\0';
	if (strlen(zone) > BLOCK_ZONE_MAX)
		return false;
	if (inet_pton(AF_INET, ip, a) == 1) {
		(void)snprintf(out, BLOCK_NAME_MAX + 1, "%u.%u.%u.%u.%s", a[3],
		    a[2], a[1], a[0], zone);
		return true;
	}
	if (inet_pton(AF_INET6, ip, a) != 1)
		return false;
	for (size_t i = sizeof(a); i-- > 0;) {
		out[n++] = digits[a[i] & 15];
		out[n++] = '.';
		out[n++] = digits[a[i] >> 4];
		out[n++] = '.';
	}
	(void)snprintf(out + n, BLOCK_NAME_MAX + 1 - n, "%s", zone);
	return true;
}

static enum block_meaning
meaning_of(uint32_t answer, const struct block_list *list)
{
	if (block_is_within(answer, BLOCK_REFUSAL, BLOCK_REFUSAL_BITS))
		return MEANS_REFUSAL;
	if (block_is_accepted(list, answer))
		return MEANS_LISTED;
	if (answer >= BLOCK_USUAL_FIRST && answer <= BLOCK_USUAL_LAST)
		return MEANS_OTHER;
	return MEANS_UNKNOWN;
}

/* Does the second say more than the first? What spoils all says most. */
static bool
is_stronger(enum block_meaning first, enum block_meaning second)
{
	static const int weight[] = { [MEANS_NOTHING] = 0,
		[MEANS_OTHER] = 1,
		[MEANS_LISTED] = 2,
		[MEANS_UNKNOWN] = 3,
		[MEANS_REFUSAL] = 4,
		[MEANS_NO_MESSAGE] = 5 };

	return weight[second] > weight[first];
}

/*
 * The next record of this type in the answer section, with data of at least
 * `least` octets; one that is not what it says ends the message.
 */
static bool
next_record(ns_msg *message, int *at, ns_type type, uint16_t least, ns_rr *rr)
{
	int n = ns_msg_count(*message, ns_s_an);

	while (*at < n && *at < RECORDS_MAX)
		if (ns_parserr(message, ns_s_an, (*at)++, rr) != 0)
			return false;
		else if (ns_rr_type(*rr) == type &&
		    ns_rr_class(*rr) == ns_c_in && ns_rr_rdlen(*rr) >= least)
			return true;
	return false;
}

static bool
is_answer(struct span packet, ns_msg *message)
{
	int rcode;

	if (packet.len > NS_MAXMSG ||
	    ns_initparse(
	        (const unsigned char *)packet.p, (int)packet.len, message) != 0)
		return false;
	rcode = ns_msg_getflag(*message, ns_f_rcode);
	return rcode == ns_r_noerror || rcode == ns_r_nxdomain;
}

enum block_meaning
block_read(struct span packet, const struct block_list *list, char code[16])
{
	enum block_meaning all = MEANS_NOTHING;
	struct in_addr in;
	ns_msg message;
	ns_rr rr;
	int at = 0;

	code[0] = '\0';
	if (!is_answer(packet, &message))
		return MEANS_NO_MESSAGE;
	while (next_record(&message, &at, ns_t_a, sizeof(in), &rr)) {
		enum block_meaning one;

		memcpy(&in, ns_rr_rdata(rr), sizeof(in));
		one = meaning_of(ntohl(in.s_addr), list);
		if (is_stronger(all, one)) {
			all = one;
			(void)inet_ntop(AF_INET, &in, code, 16);
		}
	}
	return all;
}

void
block_read_text(struct span packet, char out[ROUTE_TEXT_MAX + 1])
{
	size_t n = 0, left;
	const unsigned char *p;
	ns_msg message;
	ns_rr rr;
	int at = 0;

	out[0] = '\0';
	if (!is_answer(packet, &message) ||
	    !next_record(&message, &at, ns_t_txt, 1, &rr))
		return;
	p = ns_rr_rdata(rr);
	left = ns_rr_rdlen(rr);
	/* Strings, each behind an octet with its length. RFC 1035 3.3.14 */
	while (left > 0 && *p < left) {
		size_t len = *p;

		for (size_t i = 1; i <= len && n < ROUTE_TEXT_MAX; i++)
			out[n++] =
			    p[i] == ' ' || is_graph(p[i]) ? (char)p[i] : '?';
		p += len + 1;
		left -= len + 1;
	}
	out[n] = '\0';
}
