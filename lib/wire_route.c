/* SPDX-License-Identifier: ISC */
/* wire_route.c: questions to route, both ends. */
#include "wire_route.h"

#include <errno.h>
#include <string.h>

#include "wire.h"

#define REQ(member) offsetof(struct asked, member)
#define ANS(member) offsetof(struct block_ans, member)
#define ST(member)  offsetof(struct block_status, member)

/* A request as it stands in the record. */
struct asked {
	char ip[ROUTE_IP_MAX + 1];
	struct span zone, codes;
};

static const struct wire_field request[] = {
	{ "ip", WIRE_TEXT, REQ(ip), ROUTE_IP_MAX, WIRE_GRAPH },
	{ "zone", WIRE_SPAN, REQ(zone), BLOCK_ZONE_MAX, WIRE_GRAPH },
	{ "codes", WIRE_SPAN, REQ(codes), BLOCK_CODES_TEXT_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field listed[] = {
	{ "code", WIRE_TEXT, ANS(code), sizeof("255.255.255.255") - 1,
	    WIRE_GRAPH },
	{ "text", WIRE_TEXT, ANS(text), ROUTE_TEXT_MAX,
	    WIRE_OPTIONAL | WIRE_CLEAN },
	{ .key = NULL },
};
static const struct wire_field broken[] = {
	{ "why", WIRE_TEXT, ANS(why), ROUTE_WHY_MAX, WIRE_CLEAN },
	{ .key = NULL },
};
static const struct wire_field nothing[] = { { .key = NULL } };

static const struct {
	const char *word;
	const struct wire_field *fields;
} verdicts[] = {
	[BLOCK_UNLISTED] = { "unlisted", nothing },
	[BLOCK_LISTED] = { "listed", listed },
	[BLOCK_BROKEN] = { "broken", broken },
};
#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

static const char *const states[] = {
	[BLOCK_UNTESTED] = "untested",
	[BLOCK_GOOD] = "good",
	[BLOCK_OFF] = "off",
};
#define STATES (sizeof(states) / sizeof(states[0]))

static const struct wire_field status_fields[] = {
	{ "zone", WIRE_TEXT, ST(zone), BLOCK_ZONE_MAX, WIRE_GRAPH },
	{ "asked", WIRE_NUMBER, ST(asked), UINT64_MAX, 0 },
	{ "listed", WIRE_NUMBER, ST(listed), UINT64_MAX, 0 },
	{ "broken", WIRE_NUMBER, ST(broken), UINT64_MAX, 0 },
	{ "failed", WIRE_NUMBER, ST(failed), UINT64_MAX, 0 },
	{ "v6", WIRE_FLAG, ST(v6), 1, 0 },
	{ "why", WIRE_TEXT, ST(why), ROUTE_WHY_MAX,
	    WIRE_OPTIONAL | WIRE_CLEAN },
	{ .key = NULL },
};

/* ---- Is a client listed? ---- */

enum outcome
wire_block_put_req(struct buf *b, const struct block_req *req, struct fault *f)
{
	char codes[BLOCK_CODES_TEXT_MAX + 1];
	struct asked a = { .zone = span_of(req->list.zone) };

	(void)span_copy(span_of(req->ip), a.ip, sizeof(a.ip));
	block_codes_text(&req->list, codes);
	a.codes = span_of(codes);
	return wire_write(b, "block", request, &a, f);
}

enum outcome
wire_block_get_req(struct span line, struct block_req *req, struct fault *f)
{
	struct record r;
	struct asked a;

	*req = (struct block_req){ .ip = "" };
	if (wire_read(line, "block", request, &r, &a, f) != OK)
		return f->outcome;
	if (block_zone_parse(a.zone, &req->list, f) != OK ||
	    block_codes_parse(a.codes, ',', &req->list, f) != OK)
		return fault_set(f, TEMP, "4.3.0", 0, "block: malformed");
	(void)span_copy(span_of(a.ip), req->ip, sizeof(req->ip));
	return OK;
}

enum outcome
wire_block_put_ans(struct buf *b, const struct block_req *req,
    enum outcome outcome, const struct block_ans *ans,
    const struct fault *answer, struct fault *f)
{
	struct record_out out = record_begin(b,
	    outcome == OK ? verdicts[ans->verdict].word : outcome_word(TEMP));

	record_puts(out, "ip", req->ip);
	record_puts(out, "zone", req->list.zone);
	if (outcome == OK)
		wire_put(out, verdicts[ans->verdict].fields, ans);
	else
		record_put_fault(out, answer);
	return record_end(out, f);
}

static enum outcome
malformed_answer(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "route answer");
}

enum outcome
wire_block_get_ans(struct span line, const struct block_req *req,
    struct block_ans *ans, struct fault *f)
{
	struct record r;
	struct span ip, zone;
	size_t v = 0;

	*ans = (struct block_ans){ .verdict = BLOCK_UNLISTED };
	if (record_parse(line, &r, f) != OK ||
	    !record_take(&r, "ip", ROUTE_IP_MAX, &ip) ||
	    !record_take(&r, "zone", BLOCK_ZONE_MAX, &zone) ||
	    !span_eq(ip, req->ip) || !span_eq(zone, req->list.zone))
		return malformed_answer(f);
	while (v < VERDICTS && !record_is(&r, verdicts[v].word))
		v++;
	if (v < VERDICTS) {
		ans->verdict = (enum block_verdict)v;
		return wire_take(&r, verdicts[v].fields, ans) &&
		        record_all_taken(&r)
		    ? OK
		    : malformed_answer(f);
	}
	/* `ok` earns nothing here, and `perm` is no answer of a list. */
	if (record_outcome(&r, f) != TEMP)
		return malformed_answer(f);
	return TEMP;
}

/* ---- How do the lists do? ---- */

const char *
block_state_name(enum block_state state)
{
	return states[state];
}

bool
wire_route_is_lists(struct span line)
{
	return span_eq(line, "lists");
}

void
wire_route_put_lists(struct buf *b)
{
	buf_adds(b, "lists\n");
}

enum outcome
wire_route_put_status(
    struct buf *b, const struct block_status *status, struct fault *f)
{
	struct record_out out = record_begin(b, "list");

	record_puts(out, "state", states[status->state]);
	wire_put(out, status_fields, status);
	return record_end(out, f);
}

enum outcome
wire_route_put_end(struct buf *b, struct fault *f)
{
	return record_end(record_begin(b, "ok"), f);
}

enum outcome
wire_route_get_status(
    struct span line, struct block_status *status, bool *end, struct fault *f)
{
	struct record r;
	struct span state;
	size_t i = 0;

	*status = (struct block_status){ .state = BLOCK_UNTESTED };
	*end = false;
	if (record_parse(line, &r, f) != OK)
		return malformed_answer(f);
	if (record_is(&r, "ok") && record_all_taken(&r)) {
		*end = true;
		return OK;
	}
	if (!record_is(&r, "list") || !record_take(&r, "state", 16, &state))
		return malformed_answer(f);
	while (i < STATES && !span_eq(state, states[i]))
		i++;
	if (i == STATES || !wire_take(&r, status_fields, status) ||
	    !record_all_taken(&r))
		return malformed_answer(f);
	status->state = (enum block_state)i;
	return OK;
}
