/* SPDX-License-Identifier: ISC */
/*
 * blocks.h: asks route whether a block list has a client. Nothing here refuses
 * anybody because of trouble: without an answer in time nobody is listed.
 */
#ifndef SMTPD_BLOCKS_H
#define SMTPD_BLOCKS_H

#include "service.h"
#include "wire_route.h"

struct blocks {
	struct service route;
	struct block_list list[BLOCK_LISTS_MAX];
	size_t lists; /* 0: none is set, and nothing here costs anything */
	uint64_t timeout_ms; /* for all of them together */
	struct buf questions;
};

/* The lists of [connect] rbl; one that cannot be read is left out (`pneu config
   check` says it). The caller opens the service, if there are lists. */
void blocks_begin(struct blocks *, const struct settings *);
void blocks_free(struct blocks *);

/*
 * Is this client in one of the lists? All are asked at once. Who is on this
 * machine (127.0.0.1, ::1, no address) is in none, and not asked about;
 * 127.0.0.2, which each list has, can be used to try it.
 *
 * PERM	5.7.1 the first of them, in the order of the configuration, that has it
 * TEMP	4.4.3 for at least one of them nobody knows, and the others do not have it
 * OK	no
 */
enum outcome blocks_find(
    struct blocks *, const char *ip, struct fault *) MUST_USE;

#endif
