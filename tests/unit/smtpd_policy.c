/* SPDX-License-Identifier: ISC */
/* The two tables of what is refused, side by side: rules.def says what a client
   hears and what the journal gets, policy.c who asks. */
#include "../../smtpd/policy.h"

#include <string.h>

#include "codes.h"
#include "tap.h"

enum kind { BAD, LOCAL, MILD, ENDS };

static const struct refusal {
	const char *name, *reply, *enhanced;
	enum kind kind;
	const char *journal, *text;
} refusals[RULES] = {
#define RULE(constant, ...) [RULE_##constant] = { __VA_ARGS__ },
#include "../../smtpd/rules.def"
#undef RULE
};

static const struct refusal *
find(const char *name)
{
	for (size_t i = RULE_NONE + 1; i < RULES; i++)
		if (strcmp(refusals[i].name, name) == 0)
			return &refusals[i];
	return NULL;
}

static bool
is_entry(const char *code)
{
	return code != NULL &&
	    (strcmp(code, CODE_CONN_REFUSED) == 0 ||
	        strcmp(code, CODE_RELAY_REFUSED) == 0 ||
	        strcmp(code, CODE_REJECTED) == 0);
}

int
main(void)
{
	/* They let pass, or have nothing to say. */
	static const char *const never = "pop-window local relay-user "
	                                 "relay-pop-window relay-all "
	                                 "relay-list relay-near";

	for (size_t i = RULE_NONE + 1; i < RULES; i++) {
		const struct refusal *r = &refusals[i];

		tap_ok((r->reply[0] == '4' || r->reply[0] == '5') &&
		        strlen(r->reply) == 3 &&
		        r->enhanced[0] == r->reply[0] && r->enhanced[1] == '.',
		    "%s: %s and %s are of one class", r->name, r->reply,
		    r->enhanced);
		tap_ok(find(r->name) == r, "%s is a name of its own", r->name);
	}
	for (const struct policy_rule *p = policy_rules; p->name; p++) {
		const struct refusal *r = find(p->name);

		if (span_is_word(span_of(p->name), never))
			continue;
		tap_ok(r != NULL && is_entry(r->journal),
		    "the rule %s refuses with a code and an entry", p->name);
		tap_ok(r != NULL &&
		        (p->point != POINT_CONNECT ||
		            (r->kind == ENDS &&
		                strcmp(r->journal, CODE_CONN_REFUSED) == 0)),
		    "%s: who is refused before the greeting is sent away",
		    p->name);
	}
	return tap_done();
}
