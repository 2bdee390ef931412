/* SPDX-License-Identifier: ISC */
#include "wire_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static struct block_req
request(void)
{
	struct block_req req = { .ip = "192.0.2.7" };
	struct fault f;

	if (block_list_parse(SPAN_LIT("bl.example 127.0.0.2 127.0.0.4/30"),
	        &req.list, &f) != OK)
		abort();
	return req;
}

static void
test_requests(void)
{
	static const char *const wrong[] = { "block", "block ip=192.0.2.7",
		"block zone=bl.example", "block ip= zone=bl.example",
		"block ip=192.0.2.7 zone=",
		"block ip=192.0.2.7 zone=bl.example codes=192.0.2.1",
		"block ip=192.0.2.7 zone=bl.example codes=127.0.0.2,,127.0.0.3",
		"block ip=192.0.2.7 zone=bl%20x",
		"block ip=192.0.2.7 zone=a..b",
		"block ip=192.0.2.7 zone=bl.example more=1",
		"resolve ip=192.0.2.7 zone=bl.example" };
	struct block_req req = request(), again;
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct fault f;
	bool refused = true;

	tap_ok(wire_block_put_req(&b, &req, &f) == OK &&
	        span_eq(buf_span(&b),
	            "block ip=192.0.2.7 zone=bl.example "
	            "codes=127.0.0.2/32,127.0.0.4/30\n"),
	    "a request is written");
	tap_ok(wire_block_get_req(
	           span_head(buf_span(&b), b.len - 1), &again, &f) == OK &&
	        strcmp(again.ip, req.ip) == 0 &&
	        strcmp(again.list.zone, req.list.zone) == 0 &&
	        again.list.codes == 2 &&
	        memcmp(again.list.code, req.list.code,
	            2 * sizeof(req.list.code[0])) == 0,
	    "and read");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (wire_block_get_req(span_of(wrong[i]), &again, &f) == OK) {
			refused = false;
			printf("# %s\n", wrong[i]);
		}
	tap_ok(refused, "what is no request is refused");
	buf_free(&b);
}

static const struct {
	const char *title;
	enum outcome outcome;
	struct block_ans ans;
	const char *line;
} answers[] = {
	{ "not in the list", OK, { .verdict = BLOCK_UNLISTED },
	    "unlisted ip=192.0.2.7 zone=bl.example\n" },
	{ "in the list", OK, { .verdict = BLOCK_LISTED, .code = "127.0.0.2" },
	    "listed ip=192.0.2.7 zone=bl.example code=127.0.0.2\n" },
	{ "with a reason", OK,
	    { .verdict = BLOCK_LISTED, .code = "127.0.0.2", .text = "a b" },
	    "listed ip=192.0.2.7 zone=bl.example code=127.0.0.2 "
	    "text=a%20b\n" },
	{ "a list that is broken", OK,
	    { .verdict = BLOCK_BROKEN, .why = "parked" },
	    "broken ip=192.0.2.7 zone=bl.example why=parked\n" },
	{ "no answer", TEMP, { .verdict = BLOCK_UNLISTED },
	    "temp ip=192.0.2.7 zone=bl.example code=4.4.3 text=late\n" },
};

/* Cut anywhere, it is no answer, or at least the client is not listed. */
static bool
is_harmless(struct span line, const struct block_req *req)
{
	for (size_t n = 0; n < line.len; n++) {
		struct block_ans ans;
		struct fault f;

		if (wire_block_get_ans(span_head(line, n), req, &ans, &f) ==
		        OK &&
		    ans.verdict == BLOCK_LISTED && ans.code[0] == '\0')
			return false;
	}
	return true;
}

static void
test_answers(void)
{
	struct block_req req = request();
	struct buf b = BUF_INIT(RECORD_MAX + 1);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct block_ans ans;
		struct fault why, f;
		struct span line;
		enum outcome got;

		(void)fault_set(&why, TEMP, "4.4.3", 0, "late");
		buf_reset(&b);
		got = wire_block_put_ans(
		    &b, &req, answers[i].outcome, &answers[i].ans, &why, &f);
		line = buf_span(&b);
		tap_ok(got == OK && span_eq(line, answers[i].line),
		    "%s: written", answers[i].title);
		line.len--;
		got = wire_block_get_ans(line, &req, &ans, &f);
		tap_ok(got == answers[i].outcome &&
		        (got != OK ||
		            memcmp(&ans, &answers[i].ans, sizeof(ans)) == 0) &&
		        (got == OK || strcmp(f.code, "4.4.3") == 0),
		    "%s: read", answers[i].title);
		tap_ok(is_harmless(line, &req), "%s: cut anywhere",
		    answers[i].title);
	}
	buf_free(&b);
}

static void
test_strays(void)
{
	static const char *const lines[] = { "", "ok",
		"ok ip=192.0.2.7 zone=bl.example",
		"perm ip=192.0.2.7 zone=bl.example",
		"listed ip=192.0.2.8 zone=bl.example code=127.0.0.2",
		"listed ip=192.0.2.7 zone=other.example code=127.0.0.2",
		"listed ip=192.0.2.7 zone=bl.example",
		"listed ip=192.0.2.7 zone=bl.example code=127.0.0.2 x=1",
		"listed ip=192.0.2.7 zone=bl.example code=127.0.0.2 text=a%0Ab",
		"unlisted ip=192.0.2.7 zone=bl.example why=x",
		"maybe ip=192.0.2.7 zone=bl.example" };
	struct block_req req = request();

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct block_ans ans;
		struct fault f;

		tap_ok(wire_block_get_ans(span_of(lines[i]), &req, &ans, &f) ==
		            TEMP &&
		        f.error == EPROTO,
		    "no answer: %s", lines[i]);
	}
}

static void
test_status(void)
{
	struct block_status status = { .zone = "bl.example",
		.state = BLOCK_OFF,
		.v6 = true,
		.asked = 4,
		.listed = 3,
		.broken = 2,
		.failed = 1,
		.why = "parked" };
	struct block_status again;
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct fault f;
	bool end = true;

	tap_ok(wire_route_put_status(&b, &status, &f) == OK &&
	        wire_route_get_status(span_head(buf_span(&b), b.len - 1),
	            &again, &end, &f) == OK &&
	        !end && memcmp(&status, &again, sizeof(status)) == 0,
	    "the state of a list is written and read");
	tap_ok(wire_route_get_status(SPAN_LIT("ok"), &again, &end, &f) == OK &&
	        end,
	    "and their end");
	tap_ok(wire_route_get_status(SPAN_LIT("list state=odd zone=x asked=1 "
	                                      "listed=1 broken=1 failed=1"),
	           &again, &end, &f) == TEMP,
	    "another state is none");
	buf_free(&b);
}

int
main(void)
{
	test_requests();
	test_answers();
	test_strays();
	test_status();
	return tap_done();
}
