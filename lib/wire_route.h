/* SPDX-License-Identifier: ISC */
/*
 * wire_route.h: questions to route, the only program that speaks DNS, both
 * ends. Now: does a block list (RFC 5782) list an address?
 *
 *	block ip=192.0.2.7 zone=bl.example [codes=127.0.0.2/32,127.0.0.4/30]
 *	listed ip=192.0.2.7 zone=bl.example code=127.0.0.2 [text=...]
 *	unlisted ip=192.0.2.7 zone=bl.example
 *	broken ip=192.0.2.7 zone=bl.example why=...
 *	temp ip=192.0.2.7 zone=bl.example code=4.4.3 text=...
 *
 * ip and zone of the answer are the request's. `broken`: the list is not to be
 * believed; `temp`: no answer in time. Neither is ever a reason to refuse a
 * client. `lists` asks for the state of each list of the configuration:
 *
 *	list state=untested|good|off zone= asked= listed= broken= failed= [v6=1]
 *	    [why=]
 *	ok
 *
 * Answers come in the order of the requests.
 */
#ifndef LIB_WIRE_ROUTE_H
#define LIB_WIRE_ROUTE_H

#include "block_list.h"
#include "record.h"

#define ROUTE_IP_MAX   45 /* INET6_ADDRSTRLEN without its 0 */
#define ROUTE_TEXT_MAX 200 /* octets of a list's reason. Ours */
#define ROUTE_WHY_MAX  120 /* octets. Ours */

struct block_req {
	char ip[ROUTE_IP_MAX + 1];
	struct block_list list;
};

enum block_verdict { BLOCK_UNLISTED, BLOCK_LISTED, BLOCK_BROKEN };

struct block_ans {
	enum block_verdict verdict;
	char code[16]; /* LISTED: the answer of the list, 127.0.0.2 */
	char
	    text[ROUTE_TEXT_MAX + 1]; /* LISTED: its reason, printable; or "" */
	char why[ROUTE_WHY_MAX + 1]; /* BROKEN: why it is not believed */
};

enum block_state { BLOCK_UNTESTED, BLOCK_GOOD, BLOCK_OFF };

struct block_status {
	char zone[BLOCK_ZONE_MAX + 1];
	enum block_state state;
	bool v6; /* it lists IPv6 addresses, too */
	uint64_t asked, listed, broken, failed; /* questions since the start */
	char why[ROUTE_WHY_MAX + 1]; /* it is off */
};

enum outcome wire_block_put_req(
    struct buf *, const struct block_req *, struct fault *) MUST_USE;
enum outcome wire_block_get_req(
    struct span line, struct block_req *, struct fault *) MUST_USE;
/* outcome OK: *ans; else the fault is the answer, as `temp`. */
enum outcome wire_block_put_ans(struct buf *, const struct block_req *,
    enum outcome, const struct block_ans *, const struct fault *answer,
    struct fault *) MUST_USE;
/* OK: *ans. TEMP: no answer is known; with EPROTO: this is none to the
   question. */
enum outcome wire_block_get_ans(struct span line, const struct block_req *,
    struct block_ans *, struct fault *) MUST_USE;

bool wire_route_is_lists(struct span line);
void wire_route_put_lists(struct buf *);
enum outcome wire_route_put_status(
    struct buf *, const struct block_status *, struct fault *) MUST_USE;
/* The line after them. */
enum outcome wire_route_put_end(struct buf *, struct fault *) MUST_USE;
/* OK: *status; or, with *end, there are no more. */
enum outcome wire_route_get_status(struct span line, struct block_status *,
    bool *end, struct fault *) MUST_USE;
const char *block_state_name(enum block_state);

#endif
