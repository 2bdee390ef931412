/* SPDX-License-Identifier: ISC */
/* block_list.c: lines of the configuration about DNS. */
#include "block_list.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63 /* octets. RFC 1035 2.3.4 */

bool
block_is_within(uint32_t address, uint32_t net, unsigned bits)
{
	return (address ^ net) >> (32 - bits) == 0;
}

bool
block_is_accepted(const struct block_list *list, uint32_t answer)
{
	if (list->codes == 0)
		return answer >= BLOCK_USUAL_FIRST &&
		    answer <= BLOCK_USUAL_LAST;
	for (size_t i = 0; i < list->codes; i++)
		if (block_is_within(
		        answer, list->code[i].address, list->code[i].bits))
			return true;
	return false;
}

static bool
is_label_octet(int c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

enum outcome
block_zone_parse(struct span zone, struct block_list *list, struct fault *f)
{
	struct span rest = zone, label;

	if (zone.len == 0 || zone.len > BLOCK_ZONE_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "a zone has 1 to %d octets", BLOCK_ZONE_MAX);
	while (span_next(&rest, '.', &label))
		if (label.len == 0 || label.len > LABEL_MAX ||
		    !span_is_all(label, is_label_octet))
			return fault_set(f, PERM, "5.3.5", 0,
			    SPAN_FMT " is no domain", SPAN_ARG(zone));
	if (zone.p[zone.len - 1] == '.')
		return fault_set(f, PERM, "5.3.5", 0,
		    SPAN_FMT ": without the dot at its end", SPAN_ARG(zone));
	for (size_t i = 0; i < zone.len; i++)
		list->zone[i] = (char)to_lower((unsigned char)zone.p[i]);
	list->zone[zone.len] = '\0';
	return OK;
}

/* `127.0.0.2` or `127.0.0.0/28`; what would take a refusal for a listing is
   none. */
static bool
parse_code(struct span text, struct block_code *code)
{
	struct span number = text, address;
	uint64_t bits = 32;
	struct in_addr in;
	char copy[INET_ADDRSTRLEN];

	if (!span_next(&number, '/', &address) ||
	    !span_copy(address, copy, sizeof(copy)) ||
	    inet_pton(AF_INET, copy, &in) != 1)
		return false;
	if (address.len < text.len &&
	    !num_parse(number, BLOCK_LOOPBACK_BITS, 32, &bits))
		return false;
	code->address = ntohl(in.s_addr);
	code->bits = (unsigned)bits;
	return block_is_within(
	           code->address, BLOCK_LOOPBACK, BLOCK_LOOPBACK_BITS) &&
	    !block_is_within(code->address, BLOCK_REFUSAL,
	        code->bits < BLOCK_REFUSAL_BITS ? code->bits
	                                        : BLOCK_REFUSAL_BITS);
}

enum outcome
block_codes_parse(
    struct span codes, char by, struct block_list *list, struct fault *f)
{
	struct span word;

	while (span_next(&codes, by, &word)) {
		if (word.len == 0 && by == ' ')
			continue;
		if (list->codes == BLOCK_CODES_MAX)
			return fault_set(f, PERM, "5.3.5", 0,
			    "more than %d codes", BLOCK_CODES_MAX);
		if (!parse_code(word, &list->code[list->codes++]))
			return fault_set(f, PERM, "5.3.5", 0,
			    SPAN_FMT " is no code of a block list: 127.0.0.2 "
			             "or 127.0.0.0/28, of 127.0.0.0/8 without "
			             "127.255.255.0/24",
			    SPAN_ARG(span_head(word, 32)));
	}
	return OK;
}

enum outcome
block_list_parse(struct span line, struct block_list *list, struct fault *f)
{
	struct cur c = cur_over(line);
	struct span zone;

	*list = (struct block_list){ .codes = 0 };
	(void)cur_while(&c, is_wsp);
	line = cur_rest(&c);
	if (!span_next(&line, ' ', &zone))
		zone = SPAN_EMPTY;
	if (block_zone_parse(zone, list, f) != OK)
		return f->outcome;
	return block_codes_parse(line, ' ', list, f);
}

void
block_codes_text(
    const struct block_list *list, char out[BLOCK_CODES_TEXT_MAX + 1])
{
	char address[INET_ADDRSTRLEN];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->codes; i++) {
		const struct in_addr in = { htonl(list->code[i].address) };

		(void)inet_ntop(AF_INET, &in, address, sizeof(address));
		n += (size_t)snprintf(out + n, BLOCK_CODES_TEXT_MAX + 1 - n,
		    "%s%s/%u", n == 0 ? "" : ",", address, list->code[i].bits);
	}
}

bool
resolver_parse(struct span line, uint16_t *port)
{
	struct span number = line, address;
	uint64_t n = RESOLVER_PORT;
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr in;

	if (line.len > RESOLVER_TEXT_MAX ||
	    !span_next(&number, '@', &address) ||
	    !span_copy(address, copy, sizeof(copy)) ||
	    (inet_pton(AF_INET, copy, &in) != 1 &&
	        inet_pton(AF_INET6, copy, &in) != 1))
		return false;
	if (address.len < line.len && !num_parse(number, 1, UINT16_MAX, &n))
		return false;
	*port = (uint16_t)n;
	return true;
}
