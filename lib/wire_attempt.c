/* SPDX-License-Identifier: ISC */
/* wire_attempt.c: one message to one next hop, both ends. */
#include "wire_attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

void
attempt_begin(struct attempt *a)
{
	memset(a, 0, sizeof(*a));
	envelope_begin(&a->envelope);
}

static void
drop_addresses(struct attempt *a)
{
	for (size_t i = 0; i < a->envelope.recipients; i++) {
		free(a->address[i]);
		a->address[i] = NULL;
	}
}

void
attempt_reset(struct attempt *a)
{
	drop_addresses(a);
	envelope_reset(&a->envelope);
	a->nexthop[0] = '\0';
	a->state = ATTEMPT_NONE;
}

void
attempt_free(struct attempt *a)
{
	drop_addresses(a);
	envelope_free(&a->envelope);
	attempt_begin(a);
}

/* ---- The request. ---- */

enum outcome
wire_attempt_put(struct buf *b, const struct envelope *e, const char *nexthop,
    struct fault *f)
{
	struct record_out out = record_begin(b, "attempt");
	char time[CLOCK_TEXT_MAX];

	clock_text_ms(e->time_ms, time);
	record_put(out, "qid", qid_span(&e->qid));
	record_puts(out, "nexthop", nexthop);
	record_puts(out, "time", time);
	record_put_num(out, "start", e->start);
	record_put_num(out, "size", e->size);
	record_put_num(out, "skip", e->skip);
	envelope_put_path(out, "from", &e->reverse_path);
	envelope_put_parameters(out, e);
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

static bool
is_all(struct span s, bool (*is)(int))
{
	struct cur c = cur_over(s);

	(void)cur_while(&c, is);
	return cur_peek(&c) == -1;
}

static bool
is_no_control(int octet)
{
	return octet >= ' ' && octet != 0x7F;
}

static bool
take_facts(struct record *r, struct envelope *e)
{
	struct span qid, time;

	return record_take(r, "qid", QID_LEN, &qid) &&
	    qid_parse(qid, &e->qid) &&
	    record_take(r, "time", CLOCK_TEXT_MAX, &time) &&
	    clock_parse_ms(time, &e->time_ms) &&
	    record_take_num(r, "start", 0, UINT32_MAX, &e->start) &&
	    record_take_num(r, "size", 0, INT64_MAX - UINT32_MAX, &e->size) &&
	    record_take_num(r, "skip", 0, e->size, &e->skip);
}

/* They may end as words of an SMTP command, so none has a space or line end. */
static bool
take_parameters(struct record *r, struct envelope *e)
{
	return envelope_take_parameters(r, e) &&
	    is_all(buf_span(&e->body), is_graph) &&
	    is_all(buf_span(&e->ret), is_graph) &&
	    is_all(buf_span(&e->envid), is_graph);
}

static enum outcome
get_first(struct record *r, struct attempt *a, struct fault *f)
{
	struct envelope *e = &a->envelope;

	attempt_reset(a);
	if (!take_facts(r, e) || !take_parameters(r, e) ||
	    !record_take_text(r, "nexthop", a->nexthop, sizeof(a->nexthop)) ||
	    !is_all(span_of(a->nexthop), is_no_control))
		return malformed(f, "bad field");
	if (envelope_take_reverse_path(r, "from", &e->reverse_path, f) != OK)
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
take_address(struct record *r, char **out, struct fault *f)
{
	struct path path;

	*out = NULL;
	if (record_find(r, SPAN_LIT("address")) == NULL)
		return OK;
	if (envelope_take_forward_path(r, "address", &path, f) != OK)
		return malformed(f, "bad address");
	*out = strdup(path.text);
	return *out == NULL ? malformed(f, "no memory") : OK;
}

static enum outcome
get_to(struct record *r, struct attempt *a, struct fault *f)
{
	struct envelope *e = &a->envelope;
	size_t i = e->recipients;
	struct span notify, orcpt;
	struct path path;
	uint64_t n;

	if (i == ATTEMPT_RCPT_MAX)
		return fault_set(
		    f, TEMP, FAULT_TOO_MANY, 0, "attempt: too many recipients");
	if (!take_number(r, e, &n) ||
	    !record_take_optional(r, "notify", ENVELOPE_NOTIFY_MAX, &notify) ||
	    !is_all(notify, is_graph) ||
	    !record_take_optional(r, "orcpt", ENVELOPE_ORCPT_MAX, &orcpt) ||
	    !is_all(orcpt, is_no_control))
		return malformed(f, "bad field of to");
	if (envelope_take_forward_path(r, "path", &path, f) != OK)
		return malformed(f, "bad forward-path");
	if (take_address(r, &a->address[i], f) != OK)
		return f->outcome;
	if (!record_all_taken(r))
		(void)malformed(f, "unknown field of to");
	else if (envelope_add_recipient(e, &path, notify, orcpt, f) == OK) {
		e->recipient[i].n = (uint32_t)n;
		return OK;
	}
	free(a->address[i]);
	a->address[i] = NULL;
	return TEMP;
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
wire_attempt_put_ans(
    struct buf *b, uint32_t n, const struct attempt_ans *ans, struct fault *f)
{
	const struct fault *why = &ans->fault;
	struct record_out out = record_begin(b, outcome_word(why->outcome));

	record_put_num(out, "n", n);
	record_put_optional(out, "host", span_of(ans->host));
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
	char code[FAULT_CODE_MAX];
	struct span text;

	if (!record_take_text_optional(r, "code", code, sizeof(code)) ||
	    !record_take_optional(r, "text", FAULT_TEXT_MAX, &text))
		return false;
	(void)fault_set(why, OK, code[0] == '2' ? code : "2.0.0", 0, SPAN_FMT,
	    SPAN_ARG(text));
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
	if (!record_take_text_optional(
	        &r, "host", ans->host, sizeof(ans->host)) ||
	    !is_all(span_of(ans->host), is_graph))
		return no_answer(f, "bad host");
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
