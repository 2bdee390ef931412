/* SPDX-License-Identifier: ISC */
#include "wire_resolve.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *line, *to, *transport, *nexthop, *rule, *code;
	enum outcome want;
} answers[] = {
	{ "a mailbox is read", "deliver to=b@x transport=mailbox nexthop=x/b",
	    "b@x", "mailbox", "x/b", "", "", OK },
	{ "the rule is read",
	    "deliver to=b@x transport=mailbox nexthop=x/b rule=plus", "b@x",
	    "mailbox", "x/b", "plus", "", OK },
	{ "a remote domain is read", "deliver to=s@y transport=smtp nexthop=y",
	    "s@y", "smtp", "y", "", "", OK },
	{ "a refusal is read", "perm to=b@x code=5.1.1 text=no", "b@x", "", "",
	    "", "5.1.1", PERM },
	{ "a deferral is read", "temp to=b@x code=4.3.0 text=no", "b@x", "", "",
	    "", "4.3.0", TEMP },
	{ "the answer to another address is none",
	    "deliver to=c@x transport=mailbox nexthop=x/b", "b@x", "", "", "",
	    "4.3.0", TEMP },
	{ "an answer without to= is none",
	    "deliver transport=mailbox nexthop=x/b", "b@x", "", "", "", "4.3.0",
	    TEMP },
	{ "ok earns nothing", "ok to=b@x", "b@x", "", "", "", "4.3.0", TEMP },
	{ "an unknown word is a deferral", "maybe to=b@x", "b@x", "", "", "",
	    "4.3.0", TEMP },
	{ "a next hop without a transport is none",
	    "deliver to=b@x nexthop=x/b", "b@x", "", "", "", "4.3.0", TEMP },
	{ "an absolute path is refused",
	    "deliver to=b@x transport=mailbox nexthop=/etc", "b@x", "", "", "",
	    "4.3.0", TEMP },
	{ "a path that climbs is refused",
	    "deliver to=b@x transport=mailbox nexthop=x/../b", "b@x", "", "",
	    "", "4.3.0", TEMP },
	{ "a path with an octet 0 is refused",
	    "deliver to=b@x transport=mailbox nexthop=x%00y", "b@x", "", "", "",
	    "4.3.0", TEMP },
	{ "a transport without a next hop is none",
	    "deliver to=b@x transport=smtp", "b@x", "", "", "", "4.3.0", TEMP },
	{ "a command is read", "deliver to=b@x transport=program nexthop=a-1",
	    "b@x", "program", "a-1", "", "", OK },
	{ "a command that is a path is refused",
	    "deliver to=b@x transport=program nexthop=../a", "b@x", "", "", "",
	    "4.3.0", TEMP },
	{ "a mailbox has no other address",
	    "deliver to=b@x transport=mailbox nexthop=x/b address=c@y", "b@x",
	    "", "", "", "4.3.0", TEMP },
	{ "a key that is not known is refused",
	    "deliver to=b@x transport=mailbox nexthop=x/b run=y", "b@x", "", "",
	    "", "4.3.0", TEMP },
	{ "a permanent answer without a code has one", "perm to=b@x", "b@x", "",
	    "", "", "5.0.0", PERM },
	{ "a permanent answer with a code of 4 has one of 5",
	    "perm to=b@x code=4.1.1", "b@x", "", "", "", "5.0.0", PERM },
};

static void
test_answers(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct resolve_ans ans;
		struct fault f = FAULT_NONE;
		enum outcome got = wire_resolve_get_ans(
		    span_of(answers[i].line), span_of(answers[i].to), &ans, &f);

		tap_ok(got == answers[i].want &&
		        (got == OK ? strcmp(ans.transport,
		                         answers[i].transport) == 0 &&
		                    strcmp(ans.nexthop, answers[i].nexthop) ==
		                        0 &&
		                    strcmp(ans.rule, answers[i].rule) == 0
		                   : strcmp(f.code, answers[i].code) == 0 &&
		                    f.outcome == got),
		    "%s", answers[i].title);
	}
}

/* No beginning of a good line is a good line that means something else. */
static void
test_truncations(void)
{
	static const char line[] = "deliver to=bob@example.org transport=smtp "
	                           "nexthop=example.net address=b@example.net"
	                           " rule=alias";
	struct resolve_ans ans;
	struct fault f;
	bool good = true;

	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		enum outcome got =
		    wire_resolve_get_ans((struct span){ line, n },
		        SPAN_LIT("bob@example.org"), &ans, &f);

		if (got == PERM ||
		    (got == OK &&
		        strncmp("example.net", ans.nexthop,
		            strlen(ans.nexthop)) != 0))
			good = false;
	}
	tap_ok(good, "no truncated answer is a refusal or another domain");
}

static void
test_requests(void)
{
	static const char line[] =
	    "resolve to=bob@example.org from=ann@example.net\n";
	struct resolve_req req = { .forward_path = SPAN_LIT("b%@x y"),
		.reverse_path = SPAN_LIT("a@z"),
		.explain = true };
	struct resolve_req back;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;
	struct fault f;
	bool good = true;

	tap_ok(wire_resolve_put_req(&b, &req, &f) == OK &&
	        wire_resolve_get_req(buf_span(&b), &r, &back, &f) == OK &&
	        span_same(back.forward_path, req.forward_path) &&
	        span_same(back.reverse_path, req.reverse_path) && back.explain,
	    "a request goes there and comes back");
	tap_ok(wire_resolve_get_req(span_of(line), &r, &back, &f) == OK &&
	        !back.explain && span_eq(back.forward_path, "bob@example.org"),
	    "resolve asks without steps");
	for (size_t n = 0; n < sizeof("resolve to=") - 1; n++)
		if (wire_resolve_get_req(
		        (struct span){ line, n }, &r, &back, &f) != TEMP)
			good = false;
	tap_ok(good, "a request without an address is malformed");
	tap_ok(wire_resolve_get_req(
	           SPAN_LIT("resolve to=a@b x=y"), &r, &back, &f) == TEMP,
	    "a request with a key that is not known is malformed");
	buf_free(&b);
}

static void
test_round_trip(void)
{
	struct resolve_ans ans = { .transport = TRANSPORT_SMTP,
		.nexthop = "example.net",
		.address = "Bob@example.net",
		.rule = "alias" };
	struct resolve_ans back;
	struct resolve_step step = { SPAN_LIT("plus"), SPAN_LIT("a b\n") };
	struct resolve_step step_back;
	struct buf b = BUF_INIT(2 * RECORD_MAX);
	struct fault f, why = FAULT_NONE;
	struct record r;
	struct span to = SPAN_LIT("\"b b\"@example.org");
	char path[RESOLVE_PATH_MAX + 1];

	tap_ok(wire_resolve_put_ans(&b, to, OK, &ans, &why, &f) == OK &&
	        wire_resolve_get_ans(buf_span(&b), to, &back, &f) == OK &&
	        resolve_is_remote(&back) &&
	        strcmp(back.address, ans.address) == 0,
	    "a remote answer goes there and comes back");
	buf_reset(&b);
	(void)fault_set(&why, PERM, "5.1.1", 0, "no such user");
	tap_ok(wire_resolve_put_ans(&b, to, PERM, NULL, &why, &f) == OK &&
	        wire_resolve_get_ans(buf_span(&b), to, &back, &f) == PERM &&
	        strcmp(f.text, "no such user") == 0,
	    "a refusal goes there and comes back with its words");
	buf_reset(&b);
	tap_ok(wire_resolve_put_step(&b, &step, &f) == OK &&
	        wire_resolve_is_step(buf_span(&b)) &&
	        wire_resolve_get_step(buf_span(&b), &r, &step_back, &f) == OK &&
	        span_same(step.text, step_back.text),
	    "a step goes there and comes back");
	tap_ok(!wire_resolve_is_step(
	           SPAN_LIT("deliver to=a@b transport=mailbox nexthop=b/a")),
	    "an answer is no step");
	memset(path, 'a', sizeof(path));
	path[RESOLVE_PATH_MAX] = '\0';
	path[200] = path[400] = '/';
	tap_ok(
	    resolve_path_is_safe(span_of(path)), "the longest path is a path");
	path[200] = path[100] = 'a';
	tap_ok(!resolve_path_is_safe(span_of(path)),
	    "a component longer than a file name is refused");
	tap_ok(!resolve_path_is_safe(SPAN_LIT("a//b")) &&
	        !resolve_path_is_safe(SPAN_LIT("a/.b")) &&
	        !resolve_path_is_safe(SPAN_LIT("a/")) &&
	        !resolve_path_is_safe(SPAN_EMPTY),
	    "empty and hidden components are refused");
	buf_free(&b);
}

static void
test_who(void)
{
	struct resolve_who_req req = { SPAN_LIT("1000"), SPAN_LIT("a@z") };
	struct resolve_who_req req_back;
	struct resolve_who who = { "bob@x", "B \xC3\xBC", true }, back;
	struct buf b = BUF_INIT(2 * RECORD_MAX);
	struct fault f, why = FAULT_NONE;
	struct record r;
	bool good = true;

	tap_ok(wire_resolve_put_who_req(&b, &req, &f) == OK &&
	        wire_resolve_is_who(buf_span(&b)) &&
	        wire_resolve_get_who_req(buf_span(&b), &r, &req_back, &f) ==
	            OK &&
	        span_same(req.id, req_back.id) &&
	        span_same(req.from, req_back.from),
	    "the question for an account goes there and comes back");
	buf_reset(&b);
	tap_ok(wire_resolve_put_who(&b, req.id, OK, &who, &why, &f) == OK &&
	        wire_resolve_get_who(buf_span(&b), req.id, &back, &f) == OK &&
	        strcmp(back.user, who.user) == 0 &&
	        strcmp(back.name, who.name) == 0 && back.owns,
	    "so does its answer");
	tap_ok(wire_resolve_get_who(
	           buf_span(&b), SPAN_LIT("1001"), &back, &f) == TEMP,
	    "that of another account is none");
	for (size_t n = 0; n < b.len - 2; n++)
		if (wire_resolve_get_who(span_head(buf_span(&b), n), req.id,
		        &back, &f) == PERM ||
		    back.owns)
			good = false;
	tap_ok(good, "no truncated answer refuses or gives an address away");
	buf_reset(&b);
	(void)fault_set(&why, PERM, "5.7.1", 0, "nobody");
	tap_ok(wire_resolve_put_who(&b, req.id, PERM, NULL, &why, &f) == OK &&
	        wire_resolve_get_who(buf_span(&b), req.id, &back, &f) == PERM,
	    "a refusal is one");
	buf_free(&b);
}

int
main(void)
{
	test_who();
	test_answers();
	test_truncations();
	test_requests();
	test_round_trip();
	return tap_done();
}
