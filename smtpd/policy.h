/* SPDX-License-Identifier: ISC */
/*
 * policy.h: who may do what: one table of rules, asked in its order.
 *
 * A rule looks at the facts of a point of the session and lets the client pass
 * (no later rule of that point is asked), refuses, or says that it is none of
 * its business. Where no rule speaks, the client passes. The same table answers
 * a session, `smtpd --explain` and `smtpd --rules`: a new rule is one row in
 * policy.c, one function, and one row of rules.def for its refusal.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "blocks.h"
#include "limit.h"
#include "lists.h"
#include "path.h"
#include "pop_window.h"
#include "rule.h"
#include "service.h"
#include "settings.h"
#include "wire_resolve.h"

/* Where rules are asked. */
enum policy_point {
	POINT_CONNECT, /* before the greeting */
	POINT_AUTH, /* a login that auth accepted, before the client hears of it */
	POINT_MAIL,
	POINT_RCPT,
	POINT_COUNT, /* a recipient that RCPT let pass */
	POINT_DATA, /* before content is asked for */
	POINTS
};
const char *policy_point_name(enum policy_point);

/* What a process has for it. */
struct policy {
	const struct settings *set; /* of its listener's role */
	const struct lists *lists;
	const struct pop_window *window;
	struct limits *limits;
	const struct limit_rates *rates; /* of each enum limit_who */
	struct service *resolve;
	struct buf *question; /* to resolve; the caller frees it */
	struct blocks *blocks;
};

/* What is known of a client, and what it wants; all of it borrowed. */
struct facts {
	const struct policy *policy;
	const char *ip; /* "" when it is not a network's client */
	/* Of role local the number of the account that calls, which is `user`
	   then; else "". */
	const char *account;
	bool is_trusted; /* an account of [submit] trusted */
	bool is_remote; /* it is one, and this its address */
	struct net_addr address;
	bool is_tls;
	const char *user; /* canonical address of who logged in; "": nobody */
	const struct path *from; /* from POINT_MAIL on */
	uint64_t size; /* of the message, as MAIL says it; 0: unsaid */
	struct path *to; /* at POINT_RCPT; `recipient` completes Postmaster */
	bool is_question; /* of an operator: nothing is counted */
	/* Set by the rule `recipient`, for those after it. */
	struct resolve_ans destination;
	/* Set by limits: so long the answer is to wait. */
	uint64_t delay_ms;
};

enum verdict { VERDICT_NEXT, VERDICT_PASS, VERDICT_REFUSE };

/* What a rule said. */
struct opinion {
	enum rule rule; /* why it refuses; or would, see is_report */
	struct fault why; /* OK: the rule's own words */
	/* Why it is told although it refuses nothing: a setting is `report`, or
	   a client is to wait, `delay`. NULL: it need not be. */
	const char *report;
	unsigned line; /* of the rule's list, that has it; 0: none has */
	enum limit_who who; /* of the rule's limits, the nearest; and */
	struct limit_found limit; /* how near it is; most 0: there is none */
};

struct policy_rule {
	const char *name; /* in explanations; of a refusal that of rules.def */
	enum policy_point point;
	enum verdict (*judge)(struct facts *, struct opinion *);
	const char *section, *key; /* the setting it rests on; NULL: none */
	const char *list; /* a file in lists/; NULL: none */
	const char *does; /* one line for people */
};

extern const struct policy_rule policy_rules[]; /* ends with a NULL name */

/* Told of each rule that was asked, in order. */
typedef void policy_tell(void *arg, const struct policy_rule *, enum verdict,
    const struct opinion *);

/*
 * Ask the rules of a point. tell may be NULL.
 *
 * RULE_NONE	the client passes
 * else		why it is refused; *why is OK where the rule's words say all
 */
enum rule policy_ask(struct facts *, enum policy_point, struct fault *why,
    policy_tell *tell, void *arg);

/*
 * A command of the client was wrong or refused, which is counted: is that one
 * too many? facts->delay_ms is set where its answer is to wait.
 */
bool policy_count_failure(struct facts *);

/*
 * Who an account of this machine is, by its number or name; from: empty, or an
 * address that who->owns tells about. PERM: no entry is of it. TEMP: resolve
 */
enum outcome policy_ask_who(const struct policy *, const char *id,
    struct span from, struct resolve_who *who, struct fault *) MUST_USE;

/*
 * Where mail for an address goes, as resolve says; from: for whom it asks.
 * OK, PERM, TEMP: resolve's answer (lookup.h); TEMP also where it gives none.
 */
enum outcome policy_find(const struct policy *, struct span to,
    const struct path *from, struct resolve_ans *, struct fault *) MUST_USE;

/* `smtpd --rules`: the table, for people; each with its setting's value. */
void policy_print(const struct settings *);

#endif
