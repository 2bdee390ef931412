/* SPDX-License-Identifier: ISC */
/* wire_attempt.c: one message to one next hop, both ends. */
#include "wire_attempt.h"

#include <errno.h>

#include "mem.h"

#define AT(member)  offsetof(struct envelope, member)
#define ANS(member) offsetof(struct attempt_ans, member)
#define SIZE_MOST   (INT64_MAX - UINT32_MAX) /* an offset beside it fits */

static const struct wire_field facts[] = {
	{ "qid", WIRE_QID, AT(qid), 0, 0 },
	{ "time", WIRE_TIME, AT(time_ms), 0, 0 },
	{ "start", WIRE_NUMBER, AT(start), UINT32_MAX, 0 },
	{ "size", WIRE_NUMBER, AT(size), SIZE_MOST, 0 },
	{ "skip", WIRE_NUMBER, AT(skip), SIZE_MOST, 0 },
	{ "dots", WIRE_FLAG, AT(dots), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field nexthop_field[] = {
	{ "nexthop", WIRE_TEXT, 0, ATTEMPT_NEXTHOP_MAX, WIRE_CLEAN },
	{ .key = NULL },
};
static const struct wire_field ans_facts[] = {
	{ "host", WIRE_TEXT, ANS(host), ATTEMPT_HOST_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ "reply", WIRE_NUMBER, ANS(reply), 599, WIRE_OPTIONAL },
	{ "dsn", WIRE_FLAG, ANS(dsn), 1, 0 },
	{ "tls", WIRE_TEXT, ANS(tls), ATTEMPT_TLS_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ "verified", WIRE_TEXT, ANS(verified), ATTEMPT_TLS_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ .key = NULL },
};
static const struct wire_field begin_fields[] = {
	{ "qid", WIRE_QID, 0, 0, 0 },
	{ .key = NULL },
};

void
attempt_begin(struct attempt *a)
{
	*a = (struct attempt){ .state = ATTEMPT_NONE };
	envelope_begin(&a->envelope);
}

void
attempt_reset(struct attempt *a)
{
	envelope_reset(&a->envelope);
	a->nexthop[0] = '\0';
	a->state = ATTEMPT_NONE;
}

void
attempt_free(struct attempt *a)
{
	envelope_free(&a->envelope);
	attempt_begin(a);
}

/* ---- The request. ---- */

enum outcome
wire_attempt_put(struct buf *b, const struct envelope *e, const char *nexthop,
    struct fault *f)
{
	struct record_out out = record_begin(b, "attempt");

	wire_put(out, facts, e);
	wire_put(out, nexthop_field, nexthop);
	envelope_put_path(out, "from", &e->reverse_path);
	wire_put(out, envelope_parameters, e);
	return record_end(out, f);
}

enum outcome
wire_attempt_put_to(struct buf *b, const struct recipient *r,
    const char *address, struct fault *f)
{
	struct record_out out = record_begin(b, "to");
	struct path path;

	record_put_num(out, "n", r->n);
	envelope_put_recipient(out, "path", r);
	if (address != NULL) {
		if (path_parse_bare(span_of(address), &path, f) != OK) {
			buf_undo(b, out.start);
			return fault_context(f, "address");
		}
		envelope_put_path(out, "address", &path);
	}
	return record_end(out, f);
}

void
wire_attempt_put_end(struct buf *b)
{
	buf_add(b, SPAN_LIT("end\n"));
}

static enum outcome
malformed(struct fault *f, const char *what)
{
	return fault_set(f, TEMP, "4.3.0", 0, "attempt: %s", what);
}

static enum outcome
get_first(struct record *r, struct attempt *a, struct fault *f)
{
	struct envelope *e = &a->envelope;

	attempt_reset(a);
	if (!wire_take(r, facts, e) || e->skip > e->size ||
	    !wire_take(r, nexthop_field, a->nexthop) ||
	    !wire_take(r, envelope_parameters, e))
		return malformed(f, "bad field");
	if (envelope_take_path(r, "from", PATH_REVERSE, &e->reverse_path, f) !=
	    OK)
		return malformed(f, "bad reverse-path");
	if (!record_all_taken(r))
		return malformed(f, "unknown field");
	a->state = ATTEMPT_OPEN;
	return OK;
}

/* Numbers rise, so that one that comes twice is noticed. */
static bool
take_number(struct record *r, const struct envelope *e, uint64_t *n)
{
	uint64_t after =
	    e->recipients == 0 ? 0 : e->recipient[e->recipients - 1].n;

	return after < UINT32_MAX &&
	    record_take_num(r, "n", after + 1, UINT32_MAX, n);
}

static enum outcome
get_to(struct record *r, struct attempt *a, struct fault *f)
{
	struct envelope *e = &a->envelope;
	size_t i = e->recipients;
	struct path address = { .len = 0 };
	uint64_t n;

	if (i == ATTEMPT_RCPT_MAX)
		return fault_set(
		    f, TEMP, FAULT_TOO_MANY, 0, "attempt: too many recipients");
	if (!take_number(r, e, &n))
		return malformed(f, "bad number of a recipient");
	if (record_find(r, SPAN_LIT("address")) != NULL &&
	    envelope_take_path(r, "address", PATH_FORWARD, &address, f) != OK)
		return malformed(f, "bad address");
	if (envelope_take_recipient(r, "path", e, f) != OK)
		return malformed(f, "bad recipient");
	e->recipient[i].n = (uint32_t)n;
	if (address.len > 0)
		e->recipient[i].address = mem_text(address.text);
	return OK;
}

enum outcome
wire_attempt_get(struct span line, struct attempt *a, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return fault_context(f, "attempt");
	if (record_is(&r, "attempt") && a->state != ATTEMPT_OPEN)
		return get_first(&r, a, f);
	if (record_is(&r, "to") && a->state == ATTEMPT_OPEN)
		return get_to(&r, a, f);
	if (!record_is(&r, "end") || a->state != ATTEMPT_OPEN)
		return malformed(f, "unknown word, or out of turn");
	if (a->envelope.recipients == 0)
		return malformed(f, "no recipient");
	if (!record_all_taken(&r))
		return malformed(f, "unknown field of end");
	a->state = ATTEMPT_WHOLE;
	return OK;
}

/* ---- The answer. ---- */

enum outcome
wire_attempt_put_begin(struct buf *b, const struct qid *qid, struct fault *f)
{
	return wire_write(b, "begin", begin_fields, qid, f);
}

bool
wire_attempt_is_begin(struct span line, const struct qid *qid)
{
	struct record r;
	struct qid its;
	struct fault f;

	return wire_read(line, "begin", begin_fields, &r, &its, &f) == OK &&
	    span_same(qid_span(&its), qid_span(qid));
}

enum outcome
wire_attempt_put_ans(
    struct buf *b, uint32_t n, const struct attempt_ans *ans, struct fault *f)
{
	const struct fault *why = &ans->fault;
	struct record_out out = record_begin(b, outcome_word(why->outcome));

	record_put_num(out, "n", n);
	wire_put(out, ans_facts, ans);
	record_put_optional(out, "code", span_of(why->code));
	record_put_optional(out, "text", span_of(why->text));
	return record_end(out, f);
}

enum outcome
wire_attempt_put_ans_end(
    struct buf *b, const struct qid *qid, bool all_nexthop, struct fault *f)
{
	struct record_out out = record_begin(b, "end");

	record_put(out, "qid", qid_span(qid));
	if (all_nexthop)
		record_puts(out, "scope", "nexthop");
	return record_end(out, f);
}

static enum outcome
no_answer(struct fault *f, const char *what)
{
	return fault_set(
	    f, TEMP, "4.3.0", EPROTO, "answer to attempt: %s", what);
}

/* `ok` may say how the host put it. */
static bool
take_success(struct record *r, struct fault *why)
{
	struct span text;
	char code[FAULT_CODE_MAX];

	if (!record_take_code(r, '2', "2.0.0", code) ||
	    !record_take_optional(r, "text", FAULT_TEXT_MAX, &text))
		return false;
	(void)fault_set(why, OK, code, 0, SPAN_FMT, SPAN_ARG(text));
	return true;
}

enum outcome
wire_attempt_get_ans(
    struct span line, uint32_t n, struct attempt_ans *ans, struct fault *f)
{
	struct record r;
	uint64_t number;

	*ans = (struct attempt_ans){ .fault = FAULT_NONE };
	if (record_parse(line, &r, f) != OK)
		return no_answer(f, "no record");
	if (!record_take_num(&r, "n", n, n, &number))
		return no_answer(f, "for another recipient");
	if (!wire_take(&r, ans_facts, ans))
		return no_answer(f, "bad field");
	if (record_outcome(&r, &ans->fault) == OK
	        ? !take_success(&r, &ans->fault)
	        : ans->fault.error == EPROTO)
		return no_answer(f, "malformed");
	return record_all_taken(&r) ? OK : no_answer(f, "unknown field");
}

enum outcome
wire_attempt_get_end(
    struct span line, const struct qid *qid, bool *all_nexthop, struct fault *f)
{
	struct record r;
	struct span its, scope;

	*all_nexthop = false;
	if (record_parse(line, &r, f) != OK || !record_is(&r, "end"))
		return no_answer(f, "no end");
	if (!record_take(&r, "qid", QID_LEN, &its) ||
	    !span_same(its, qid_span(qid)))
		return no_answer(f, "end of another one");
	if (!record_take_optional(&r, "scope", 16, &scope) ||
	    (scope.len > 0 && !span_eq(scope, "nexthop")) ||
	    !record_all_taken(&r))
		return no_answer(f, "malformed end");
	*all_nexthop = scope.len > 0;
	return OK;
}
