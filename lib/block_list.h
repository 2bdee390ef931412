/* SPDX-License-Identifier: ISC */
/*
 * block_list.h: what the configuration says about DNS: the lines of [connect]
 * rbl and of [route] resolver.
 */
#ifndef LIB_BLOCK_LIST_H
#define LIB_BLOCK_LIST_H

#include "settings.h"
#include "span.h"

/* A name of the DNS has 253 octets at most, an IPv6 address in it has 64. */
#define BLOCK_ZONE_MAX  189 /* octets. RFC 1035 2.3.4 */
#define BLOCK_CODES_MAX 16 /* of one list. Ours */
#define BLOCK_LISTS_MAX 16 /* asked about one client at once. Ours */
/* Octets of codes as text: "127.255.255.255/32," each */
#define BLOCK_CODES_TEXT_MAX (BLOCK_CODES_MAX * 19UL)

/* Which answers of a list mean that it lists a client. */
struct block_code {
	uint32_t address; /* of 127.0.0.0/8, host order */
	unsigned bits; /* of these so many count, 8..32 */
};

struct block_list {
	char zone[BLOCK_ZONE_MAX + 1]; /* lower case, no dot at its end */
	struct block_code code[BLOCK_CODES_MAX];
	size_t codes; /* 0: those of BLOCK_USUAL_* */
};

/*
 * What lists answer that have no codes of their own, 127.0.0.2 to 127.0.0.255.
 * 127.0.0.1 is never an answer (RFC 5782 2.1 and 5), 127.255.255.0/24 says that
 * the question was refused (the convention of the large lists).
 */
#define BLOCK_USUAL_FIRST   0x7F000002U
#define BLOCK_USUAL_LAST    0x7F0000FFU
#define BLOCK_REFUSAL       0x7FFFFF00U
#define BLOCK_REFUSAL_BITS  24U
#define BLOCK_LOOPBACK      0x7F000000U
#define BLOCK_LOOPBACK_BITS 8U

/* Are the first `bits` of both the same? bits 1..32 */
bool block_is_within(uint32_t address, uint32_t net, unsigned bits);
/* Does this list mean by this answer that it lists the client? */
bool block_is_accepted(const struct block_list *, uint32_t answer);

/*
 * `ZONE [CODE|CODE/BITS ...]`. PERM 5.3.5: no domain of letters, digits and
 * hyphens, or too long; a code that is not in 127.0.0.0/8, or is one of a
 * refusal; too many.
 */
enum outcome block_list_parse(
    struct span line, struct block_list *, struct fault *) MUST_USE;
/* The parts: a zone; codes with `by` between them, which are added. */
enum outcome block_zone_parse(
    struct span zone, struct block_list *, struct fault *) MUST_USE;
enum outcome block_codes_parse(
    struct span codes, char by, struct block_list *, struct fault *) MUST_USE;
/* Its codes as block_codes_parse() reads them with ','; "" without any. */
void block_codes_text(
    const struct block_list *, char out[BLOCK_CODES_TEXT_MAX + 1]);

#define RESOLVERS_MAX     8 /* lines of [route] resolver. Ours */
#define RESOLVER_PORT     53
#define RESOLVER_TEXT_MAX 63 /* octets of "ADDRESS@PORT" */
/* `ADDRESS[@PORT]`: is it one? *port is then set. */
bool resolver_parse(struct span line, uint16_t *port);

#endif
