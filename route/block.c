/* SPDX-License-Identifier: ISC */
/*
 * block.c: names and answers of block lists. What is read here is the data of
 * records, which the list's operator chose, or whoever answered in his place.
 */
#include "block.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "message.h"

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

enum block_meaning
block_read(struct span packet, const struct block_list *list, char code[16])
{
	enum block_meaning all = MEANS_NOTHING;
	struct in_addr in;
	struct message m;
	ns_rr rr;

	code[0] = '\0';
	if (message_begin(&m, packet) == MESSAGE_BROKEN)
		return MEANS_NO_MESSAGE;
	while (message_next(&m, ns_t_a, sizeof(in), &rr)) {
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
	struct message m;
	ns_rr rr;

	out[0] = '\0';
	if (message_begin(&m, packet) == MESSAGE_BROKEN ||
	    !message_next(&m, ns_t_txt, 1, &rr))
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
