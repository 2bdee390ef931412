/* SPDX-License-Identifier: ISC */
/*
 * route.c: questions and lists. What libunbound calls only notes what came;
 * everything that follows is done once a round, in finish().
 */
#include "route.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "prog.h"

#define TYPE_A      1 /* RFC 1035 3.2.2 */
#define TYPE_TXT    16
#define CLIENTS_MAX 1024 /* connections: each smtpd keeps one. Ours */
#define ROUTE_TEMP  "4.4.3" /* directory server failure. RFC 3463 3.5 */

static const char *const test_ip[ROUTE_TESTS] = { "127.0.0.2", "127.0.0.1",
	"::ffff:7f00:2", "::ffff:7f00:1" };
#define TESTS_V4 2 /* of these; the rest is IPv6 */

enum kind { KIND_BLOCK, KIND_TEST, KIND_LISTS, KIND_PLAN };

/* What one client waits for, in the order of its requests. */
struct asks {
	struct client *client;
	struct question *first, *last;
};

struct question {
	struct question *next; /* of all */
	struct question *later; /* the same client's next one */
	struct route *route;
	struct asks *asks; /* NULL: nobody waits for it */
	enum kind kind;
	size_t test; /* which of the tests */
	struct plan *plan; /* of KIND_PLAN */
	struct list *list; /* NULL: of no list of the configuration */
	struct block_req req;
	uint64_t deadline_ms; /* monotonic */
	bool waits; /* for the first test of its list */
	bool pending; /* the DNS will call on_answer() */
	bool came, failed; /* it did; and there was no answer */
	bool asks_text; /* listed: now for the reason */
	enum block_meaning meaning;
	bool decided; /* these three are the answer */
	enum outcome outcome;
	struct block_ans ans;
	struct fault fault;
};

/* ---- Lists ---- */

static struct list *
find_list(struct route *r, const char *zone)
{
	for (size_t i = 0; i < r->lists; i++)
		if (strcmp(r->list[i].status.zone, zone) == 0)
			return &r->list[i];
	return NULL;
}

/* An operator hears of it once, however often it is met. */
static void
switch_off(struct route *r, struct list *l, const char *why)
{
	uint64_t now_ms = clock_mono_ms();
	bool was_off = l->status.state == BLOCK_OFF;

	(void)span_copy(span_head(span_of(why), ROUTE_WHY_MAX), l->status.why,
	    sizeof(l->status.why));
	if (l->status.state == BLOCK_GOOD &&
	    now_ms - l->good_ms >= r->self_test_ms)
		l->retry_ms = ROUTE_RETRY_MS; /* it was well for long */
	if (l->retry_ms > r->self_test_ms)
		l->retry_ms = r->self_test_ms;
	l->test_ms = now_ms + l->retry_ms;
	l->retry_ms *= 2;
	l->failures = 0;
	l->status.state = BLOCK_OFF;
	if (was_off)
		return;
	journal_alarm(
	    &r->journal, NULL, "block list %s is off: %s", l->status.zone, why);
	prog_warn("block list %s is off, nobody is refused by it: %s",
	    l->status.zone, why);
}

static bool
is_found(enum block_meaning m)
{
	return m == MEANS_LISTED || m == MEANS_OTHER;
}

/* NULL: it passed. */
static const char *
why_not_good(const struct list *l)
{
	if (l->silent)
		return "its self-test (RFC 5782 5) was not answered";
	if (l->found[0] == MEANS_REFUSAL || l->found[1] == MEANS_REFUSAL)
		return "it refuses our questions (127.255.255.0/24): ask its "
		       "operator, or another resolver";
	if (l->found[0] == MEANS_NOTHING)
		return "it does not list 127.0.0.2, as every list does (RFC "
		       "5782 5)";
	if (!is_found(l->found[0]))
		return "it lists 127.0.0.2 by no code of a block list";
	if (l->found[1] != MEANS_NOTHING)
		return "it lists 127.0.0.1, as who lists everybody does (RFC "
		       "5782 5)";
	return NULL;
}

static void
judge_list(struct route *r, struct list *l)
{
	const char *why = why_not_good(l);

	if (why != NULL) {
		switch_off(r, l, why);
		return;
	}
	if (l->status.state == BLOCK_OFF)
		prog_warn(
		    "block list %s passes its self-test again", l->status.zone);
	if (l->status.state != BLOCK_GOOD)
		l->good_ms = clock_mono_ms();
	l->status.state = BLOCK_GOOD;
	l->status.why[0] = '\0';
	l->status.v6 = is_found(l->found[2]) && l->found[3] == MEANS_NOTHING;
	l->test_ms = clock_mono_ms() + r->self_test_ms;
}

/* ---- Questions ---- */

static struct question *
question_new(struct route *r, enum kind kind)
{
	struct question *q = mem_new(1, sizeof(*q));

	*q = (struct question){ .route = r,
		.next = r->questions,
		.kind = kind,
		.deadline_ms = clock_mono_ms() + r->timeout_ms };
	r->questions = q;
	return q;
}

static void
decide_temp(struct question *q, const char *why)
{
	q->decided = true;
	q->outcome = fault_set(&q->fault, TEMP, ROUTE_TEMP, 0, "%s", why);
}

static void
decide(struct question *q, enum block_verdict verdict, const char *why)
{
	q->decided = true;
	q->outcome = OK;
	q->ans.verdict = verdict;
	(void)span_copy(span_head(span_of(why), ROUTE_WHY_MAX), q->ans.why,
	    sizeof(q->ans.why));
}

/* From libunbound: note what came, nothing else. */
static void
on_answer(void *arg, enum dns_trust trust, struct span packet)
{
	struct question *q = arg;

	q->pending = false;
	q->came = true;
	q->failed = trust <= DNS_BOGUS;
	if (q->failed || q->decided)
		return;
	if (q->asks_text)
		block_read_text(packet, q->ans.text);
	else
		q->meaning = block_read(packet, &q->req.list, q->ans.code);
}

static void
ask_dns(struct question *q, int type)
{
	struct route *r = q->route;
	char name[BLOCK_NAME_MAX + 1];
	struct fault f;

	q->came = false;
	(void)block_name(q->req.ip, q->req.list.zone, name);
	q->pending = true;
	if (dns_ask(r->dns, name, type, on_answer, q, &f) == OK)
		return;
	q->pending = false;
	decide_temp(q, f.text);
}

/* A list that is not known to be good is not asked. */
static void
begin_block(struct question *q)
{
	const struct list *l = q->list;

	q->waits = l != NULL && l->status.state == BLOCK_UNTESTED;
	if (q->waits)
		return;
	if (l != NULL && l->status.state == BLOCK_OFF)
		decide(q, BLOCK_BROKEN, l->status.why);
	else if (l != NULL && !l->status.v6 && block_is_v6(q->req.ip))
		decide(q, BLOCK_UNLISTED, "");
	else
		ask_dns(q, TYPE_A);
}

static void
begin_test(struct route *r, struct list *l)
{
	l->testing = ROUTE_TESTS;
	l->silent = false;
	l->test_ms = UINT64_MAX; /* its end says when again */
	for (size_t i = 0; i < ROUTE_TESTS; i++) {
		struct question *q = question_new(r, KIND_TEST);

		q->list = l;
		q->test = i;
		(void)span_copy(
		    span_of(test_ip[i]), q->req.ip, sizeof(q->req.ip));
		(void)span_copy(span_of(l->status.zone), q->req.list.zone,
		    sizeof(q->req.list.zone));
		ask_dns(q, TYPE_A);
		if (q->decided) { /* it could not be asked */
			q->decided = false;
			q->came = q->failed = true;
		}
	}
}

/* ---- What became of them ---- */

static void
note_failure(struct question *q, const char *why)
{
	struct list *l = q->list;

	decide_temp(q, why);
	if (l == NULL || l->status.state != BLOCK_GOOD)
		return;
	l->status.failed++;
	if (++l->failures >= ROUTE_FAILURES_MAX)
		switch_off(q->route, l,
		    "several questions in a row were not answered");
}

static void
note_broken(struct question *q)
{
	char why[ROUTE_WHY_MAX + 1];
	struct buf b = BUF_INIT(sizeof(why));

	buf_addf(&b, "it answered %s, which %s", q->ans.code,
	    q->meaning == MEANS_REFUSAL ? "says that it refuses the question"
	                                : "is no code of a block list");
	(void)span_copy(buf_span(&b), why, sizeof(why));
	buf_free(&b);
	decide(q, BLOCK_BROKEN, why);
	if (q->list != NULL) {
		q->list->status.broken++;
		if (q->list->status.state == BLOCK_GOOD)
			switch_off(q->route, q->list, why);
	}
}

static void
judge_block(struct question *q)
{
	struct list *l = q->list;

	if (q->asks_text) { /* with it or without */
		decide(q, BLOCK_LISTED, "");
		return;
	}
	if (q->failed || q->meaning == MEANS_NO_MESSAGE) {
		note_failure(q, "the DNS has no answer");
		return;
	}
	if (l != NULL)
		l->failures = 0;
	switch (q->meaning) {
	case MEANS_LISTED:
		if (l != NULL)
			l->status.listed++;
		q->asks_text = true;
		ask_dns(q, TYPE_TXT);
		/* Too many questions cost the reason, not the verdict. */
		if (q->decided)
			decide(q, BLOCK_LISTED, "");
		break;
	case MEANS_REFUSAL:
	case MEANS_UNKNOWN:
		note_broken(q);
		break;
	default:
		decide(q, BLOCK_UNLISTED, "");
		break;
	}
}

static void
judge_test(struct question *q)
{
	struct list *l = q->list;
	bool answered = q->came && !q->failed && q->meaning != MEANS_NO_MESSAGE;

	q->decided = true;
	l->found[q->test] = answered ? q->meaning : MEANS_NOTHING;
	if (!answered && q->test < TESTS_V4)
		l->silent = true;
	if (--l->testing == 0)
		judge_list(q->route, l);
}

static bool
advance_plan(struct question *q, uint64_t now_ms)
{
	bool more = plan_advance(q->plan, now_ms);

	q->decided = plan_is_done(q->plan);
	return more;
}

/* True: there may be more to do at once. */
static bool
advance(struct question *q, uint64_t now_ms)
{
	bool late = now_ms >= q->deadline_ms;

	if (q->kind == KIND_PLAN)
		return advance_plan(q, now_ms);
	if (q->kind == KIND_LISTS)
		q->decided = true;
	else if (q->kind == KIND_TEST && (q->came || late))
		judge_test(q);
	else if (q->waits && late)
		decide_temp(q, "the list is not tested yet");
	else if (q->waits && q->list->status.state != BLOCK_UNTESTED)
		begin_block(q);
	else if (q->came)
		judge_block(q);
	else if (late && q->asks_text)
		decide(q, BLOCK_LISTED, "");
	else if (late)
		note_failure(q, "the DNS did not answer in time");
	else
		return false;
	return !q->decided;
}

/* ---- Answers ---- */

static void
put_lists(const struct route *r, struct buf *out)
{
	struct fault f;

	for (size_t i = 0; i < r->lists; i++)
		(void)!wire_route_put_status(out, &r->list[i].status, &f);
	(void)!wire_route_put_end(out, &f);
}

/* False: when the client has read what is there. */
static bool
put_answer(const struct question *q, struct buf *out)
{
	struct fault f;

	if (out->len > CLIENT_OUT_MAX)
		return false;
	if (q->kind == KIND_PLAN)
		plan_put(q->plan, out);
	else if (q->kind == KIND_LISTS)
		put_lists(q->route, out);
	else
		(void)!wire_block_put_ans(
		    out, &q->req, q->outcome, &q->ans, &q->fault, &f);
	return true;
}

/* In the order of the requests, as far as they are decided. */
static void
answer_client(struct asks *a)
{
	struct question *q;

	while ((q = a->first) != NULL && q->decided &&
	    put_answer(q, &a->client->outbuf)) {
		a->first = q->later;
		q->asks = NULL;
	}
	a->client->owed = a->first != NULL;
}

/* Nobody waits for it, nor libunbound with a pointer to it. */
static bool
is_over(const struct question *q)
{
	return q->decided && q->asks == NULL && !q->pending &&
	    (q->plan == NULL || plan_is_idle(q->plan));
}

static void
question_free(struct question *q)
{
	plan_free(q->plan);
	free(q);
}

static void
sweep(struct route *r)
{
	struct question **at = &r->questions, *q;

	while ((q = *at) != NULL)
		if (is_over(q)) {
			*at = q->next;
			question_free(q);
		} else {
			at = &q->next;
		}
}

static void
advance_all(struct route *r, bool tests, uint64_t now_ms)
{
	for (struct question *q = r->questions; q != NULL; q = q->next)
		while ((q->kind == KIND_TEST) == tests && !q->decided &&
		    advance(q, now_ms))
			; /* what the cache has comes at once */
}

static void
finish(void *arg)
{
	struct route *r = arg;
	uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < r->lists; i++)
		if (now_ms >= r->list[i].test_ms)
			begin_test(r, &r->list[i]);
	advance_all(r, true, now_ms); /* others may wait for a test's end */
	advance_all(r, false, now_ms);
	for (struct question *q = r->questions; q != NULL; q = q->next)
		if (q->asks != NULL)
			answer_client(q->asks);
	sweep(r);
}

/* ---- The service ---- */

static struct asks *
asks_of(struct client *c)
{
	struct asks *a = c->state;

	if (a == NULL) {
		c->state = a = mem_new(1, sizeof(*a));
		a->client = c;
	}
	return a;
}

static void
enqueue(struct client *c, struct question *q)
{
	struct asks *a = asks_of(c);

	q->asks = a;
	if (a->first == NULL)
		a->first = q;
	else
		a->last->later = q;
	a->last = q;
	c->owed = true;
}

static enum outcome
take_plan(struct route *r, struct client *c, struct span line, struct fault *f)
{
	struct hosts_req req;
	struct question *q;

	if (wire_hosts_get_req(line, &req, f) != OK)
		return f->outcome;
	q = question_new(r, KIND_PLAN);
	q->plan = plan_new(&r->planner, &req);
	q->deadline_ms = plan_deadline_ms(q->plan);
	enqueue(c, q);
	return OK;
}

static enum outcome
take_line(void *arg, struct client *c, struct span line, struct fault *f)
{
	struct route *r = arg;
	char name[BLOCK_NAME_MAX + 1];
	struct block_req req;
	struct question *q;

	if (wire_route_is_lists(line)) {
		enqueue(c, question_new(r, KIND_LISTS));
		return OK;
	}
	if (wire_hosts_is_req(line))
		return take_plan(r, c, line, f);
	if (wire_block_get_req(line, &req, f) != OK)
		return f->outcome;
	if (!block_name(req.ip, req.list.zone, name))
		return fault_set(f, TEMP, "4.3.0", 0, "block: no address");
	q = question_new(r, KIND_BLOCK);
	q->req = req;
	q->list = find_list(r, req.list.zone);
	if (q->list != NULL)
		q->list->status.asked++;
	enqueue(c, q);
	begin_block(q);
	return OK;
}

static void
after(void *arg)
{
	journal_flush(&((struct route *)arg)->journal);
}

static void
gone(void *arg, struct client *c)
{
	struct asks *a = c->state;

	(void)arg;
	for (struct question *q = a == NULL ? NULL : a->first; q != NULL;
	     q = q->later) {
		q->asks = NULL;
		q->decided = true;
	}
	free(a);
	c->state = NULL;
}

static void
sooner(int *wait_ms, uint64_t at_ms, uint64_t now_ms)
{
	uint64_t left = at_ms > now_ms ? at_ms - now_ms : 0;

	if (left > INT_MAX)
		left = INT_MAX;
	if (*wait_ms < 0 || left < (uint64_t)*wait_ms)
		*wait_ms = (int)left;
}

static size_t
prepare(void *arg, struct pollfd *p, size_t max, int *wait_ms)
{
	const struct route *r = arg;
	uint64_t now_ms = clock_mono_ms();

	(void)max;
	*p = (struct pollfd){ dns_fd(r->dns), POLLIN, 0 };
	*wait_ms = dns_wait_ms(r->dns);
	for (const struct question *q = r->questions; q != NULL; q = q->next)
		if (!q->decided)
			sooner(wait_ms, q->deadline_ms, now_ms);
		else if (q->asks != NULL && q->asks->first == q &&
		    q->asks->client->outbuf.len <= CLIENT_OUT_MAX)
			*wait_ms = 0; /* the client has read: the next one */
	for (size_t i = 0; i < r->lists; i++)
		if (r->list[i].test_ms != UINT64_MAX)
			sooner(wait_ms, r->list[i].test_ms, now_ms);
	return 1;
}

static void
ready(void *arg, const struct pollfd *p, size_t n)
{
	(void)p;
	(void)n;
	dns_work(((struct route *)arg)->dns);
}

/* ---- From its beginning to its end ---- */

static enum outcome
begin_lists(struct route *r, const struct setting_list *lines, struct fault *f)
{
	struct block_list parsed;

	r->list = mem_new(lines->n + 1, sizeof(*r->list));
	for (size_t i = 0; i < lines->n; i++) {
		struct list *l = &r->list[r->lists];

		if (block_list_parse(span_of(lines->value[i]), &parsed, f) !=
		    OK)
			return fault_context(f, "[connect] rbl");
		if (find_list(r, parsed.zone) != NULL)
			continue;
		(void)span_copy(span_of(parsed.zone), l->status.zone,
		    sizeof(l->status.zone));
		l->retry_ms = ROUTE_RETRY_MS;
		r->lists++;
	}
	return OK;
}

enum outcome
route_begin(struct route *r, const struct settings *s, struct fault *f)
{
	*r = (struct route){ .timeout_ms = s->route.timeout_ms,
		.self_test_ms = s->route.self_test_ms };
	journal_open(&r->journal, prog.about->name);
	if (begin_lists(r, &s->connect.rbl, f) != OK ||
	    dns_begin(&r->dns, s, f) != OK ||
	    planner_begin(&r->planner, r->dns, &r->journal, s, f) != OK)
		return f->outcome;
	return OK;
}

void
route_free(struct route *r)
{
	dns_free(r->dns);
	while (r->questions != NULL) {
		struct question *q = r->questions;

		r->questions = q->next;
		question_free(q);
	}
	planner_free(&r->planner);
	free(r->list);
	journal_close(&r->journal);
}

enum outcome
route_serve(struct route *r, struct fault *f)
{
	const struct line_service service = { .line = take_line,
		.finish = finish,
		.after = after,
		.gone = gone,
		.prepare = prepare,
		.ready = ready,
		.clients_max = CLIENTS_MAX };

	return serve_lines(&service, r, f);
}
