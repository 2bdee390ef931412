/* SPDX-License-Identifier: ISC */
/*
 * plan.h: where mail for a domain goes. A plan is made step by step, as the DNS
 * answers; it never waits. What the DNS cannot say now is TEMP 4.4.3, never a
 * reason to return mail. Source: RFC 5321 5.1, RFC 7505.
 *
 * PERM	5.1.2	no such domain; a literal that is no address
 *	5.1.10	it takes no mail (null MX)
 *	5.4.4	none of its hosts has an address that mail may go to
 *	5.4.6	the first of its hosts is this machine
 *
 * With a mailhub all is TEMP 4.4.3, and an alarm: it is no fault of the domain.
 */
#ifndef ROUTE_PLAN_H
#define ROUTE_PLAN_H

#include "dns.h"
#include "hub.h"
#include "journal.h"
#include "own.h"
#include "wire_hosts.h"

#define PLANS_MAX        1024 /* under way, or not sent yet. Ours */
#define PLAN_TARGETS_MAX 16 /* hosts of a domain that are looked up. Ours */

struct planner {
	struct dns *dns;
	struct own own;
	struct journal *journal;
	bool has_hub; /* [route] mailhub: where all mail goes */
	struct hub hub;
	bool hub_is_lost; /* the operator was told */
	uint64_t timeout_ms; /* [route] mail_timeout */
	size_t plans; /* that are not freed */
	struct hosts answer; /* too big for a stack; of the one that is put */
};

/* See own_begin(). PERM 5.3.5: [route] mailhub is none, too. */
enum outcome planner_begin(struct planner *, struct dns *, struct journal *,
    const struct settings *, struct fault *) MUST_USE;
void planner_free(struct planner *);

struct plan;

/* Caller frees with plan_free(), once plan_is_idle(). */
struct plan *plan_new(struct planner *, const struct hosts_req *);
void plan_free(struct plan *);
/* Do what can be done. True: it is not done, but there may be more to do. */
bool plan_advance(struct plan *, uint64_t now_ms);
bool plan_is_done(const struct plan *);
/* No answer will be written into it any more. */
bool plan_is_idle(const struct plan *);
uint64_t plan_deadline_ms(const struct plan *); /* monotonic */
/* Of a plan that is done: all lines of its answer. */
void plan_put(const struct plan *, struct buf *out);

#endif
