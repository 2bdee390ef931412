/* SPDX-License-Identifier: ISC */
/*
 * route.h: where does mail for a domain go, and is a client in a block list?
 * Questions of many clients, answered as the DNS answers, and the lists
 * themselves, which are tested before they are believed.
 */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "block.h"
#include "dns.h"
#include "journal.h"
#include "plan.h"
#include "serve.h"

#define ROUTE_FAILURES_MAX 5 /* in a row, then a list is off. Ours */
#define ROUTE_RETRY_MS     60000 /* first test of a list that is off; doubles */

/* The entries that tell a list from a domain that answers to anything: two are
   in it, two are not. RFC 5782 5. */
#define ROUTE_TESTS 4

struct list {
	struct block_status status; /* zone, state, counts */
	enum block_meaning found[ROUTE_TESTS];
	size_t testing; /* test questions that are under way */
	bool silent; /* one of IPv4 was not answered */
	uint64_t test_ms, good_ms; /* next test; good since. monotonic */
	uint64_t retry_ms; /* until the test after this one, while off */
	uint64_t failures; /* in a row */
};

struct question; /* route.c's own */

struct route {
	struct dns *dns;
	struct planner planner;
	struct journal journal;
	uint64_t timeout_ms, self_test_ms; /* [route] */
	struct list *list;
	size_t lists;
	struct question *questions; /* all of them */
};

/* PERM 5.3.5: a line of [connect] rbl or of [route] is wrong. */
enum outcome route_begin(
    struct route *, const struct settings *, struct fault *) MUST_USE;
void route_free(struct route *);
/* Until SIGTERM or the end of fd 0; the sandbox is closed. */
enum outcome route_serve(struct route *, struct fault *) MUST_USE;

#endif
