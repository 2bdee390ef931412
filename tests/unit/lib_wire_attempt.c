/* SPDX-License-Identifier: ISC */
/* One message to one next hop: both ends agree. */
#include "wire_attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define QID   "01M86GNVVYGA7B4C4WREP6F65E"
#define OTHER "01M86GNVW3CYKQ4TVE9SRRFD7Y"
#define TIME  "2026-11-24T03:04:05.123Z"
#define FIRST                                                                  \
	"attempt qid=" QID " nexthop=pager time=" TIME                         \
	" start=63 size=4312 skip=17 from=<ann@example.net>"
#define TO1 "\nto n=1 path=<bob@example.org>"

static const struct {
	const char *title, *lines;
	enum outcome want; /* of the last line; those before it are OK */
} requests[] = {
	{ "an attempt begins", FIRST, OK },
	{ "a recipient follows", FIRST TO1, OK },
	{ "and the end", FIRST TO1 "\nend", OK },
	{ "the null reverse-path is one",
	    "attempt qid=" QID " nexthop=a/b time=" TIME
	    " start=0 size=0 skip=0 from=<>",
	    OK },
	{ "numbers need not be consecutive",
	    FIRST TO1 "\nto n=7 path=<a@example.org>", OK },
	{ "an address beside the path",
	    FIRST "\nto n=1 path=<a@b.example> address=<c@d.example>", OK },
	{ "a second attempt on the connection", FIRST TO1 "\nend\n" FIRST, OK },
	{ "a number twice is malformed", FIRST TO1 TO1, TEMP },
	{ "a number that falls is malformed",
	    FIRST "\nto n=2 path=<a@b.example>" TO1, TEMP },
	{ "a number beyond the last one is malformed",
	    FIRST "\nto n=4294967295 path=<a@b.example>"
	          "\nto n=4294967296 path=<a@b.example>",
	    TEMP },
	{ "recipient 0 is malformed", FIRST "\nto n=0 path=<a@b.example>",
	    TEMP },
	{ "no recipient is malformed", FIRST "\nend", TEMP },
	{ "a recipient before the attempt is malformed",
	    "to n=1 path=<a@b.example>", TEMP },
	{ "an end before the attempt is malformed", "end", TEMP },
	{ "a second end is malformed", FIRST TO1 "\nend\nend", TEMP },
	{ "an attempt inside another is malformed", FIRST TO1 "\n" FIRST,
	    TEMP },
	{ "an attempt without a next hop is malformed",
	    "attempt qid=" QID " time=" TIME " start=0 size=0 skip=0 from=<>",
	    TEMP },
	{ "an empty next hop is malformed",
	    "attempt qid=" QID " nexthop= time=" TIME
	    " start=0 size=0 skip=0 from=<>",
	    TEMP },
	{ "an attempt without a qid is malformed",
	    "attempt nexthop=a time=" TIME " start=0 size=0 skip=0 from=<>",
	    TEMP },
	{ "one with a bad qid is malformed",
	    "attempt qid=../x nexthop=a time=" TIME
	    " start=0 size=0 skip=0 from=<>",
	    TEMP },
	{ "one without a time is malformed",
	    "attempt qid=" QID " nexthop=a start=0 size=0 skip=0 from=<>",
	    TEMP },
	{ "one that skips more than there is is malformed",
	    "attempt qid=" QID " nexthop=a time=" TIME
	    " start=0 size=9 skip=10 from=<>",
	    TEMP },
	{ "that no line begins with a dot is one fact",
	    FIRST " dots=0" TO1 "\nend", OK },
	{ "that one does is malformed: it is the case without the word",
	    FIRST " dots=1", TEMP },
	{ "one whose size cannot be added to is malformed",
	    "attempt qid=" QID " nexthop=a time=" TIME
	    " start=1 size=9223372036854775807 skip=0 from=<>",
	    TEMP },
	{ "a reverse-path without brackets is malformed",
	    "attempt qid=" QID " nexthop=a time=" TIME
	    " start=0 size=0 skip=0 from=a@b.example",
	    TEMP },
	{ "an unknown field is malformed", FIRST " x=1", TEMP },
	{ "of a recipient too", FIRST TO1 " x=1", TEMP },
	{ "beside an address too", FIRST TO1 " address=<a@b.example> x=1",
	    TEMP },
	{ "of the end too", FIRST TO1 "\nend x=1", TEMP },
	{ "the null path is no recipient", FIRST "\nto n=1 path=<>", TEMP },
	{ "nor an address", FIRST TO1 " address=<>", TEMP },
	{ "an unknown word is malformed", "deliver qid=" QID, TEMP },
	{ "nothing is malformed", "", TEMP },
};

static enum outcome
get_all(struct attempt *a, struct span rest)
{
	enum outcome last = OK;
	struct span line;
	struct fault f;

	attempt_reset(a);
	if (rest.len == 0)
		return wire_attempt_get(rest, a, &f);
	while (last == OK && span_next(&rest, '\n', &line))
		last = wire_attempt_get(line, a, &f);
	return rest.len > 0 ? PERM : last;
}

static void
test_requests(void)
{
	struct attempt a;

	attempt_begin(&a);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		tap_ok(
		    get_all(&a, span_of(requests[i].lines)) == requests[i].want,
		    "%s", requests[i].title);
	attempt_free(&a);
}

/* Each field with each octet that may end a line or a word of a command. */
static void
test_octets(void)
{
	static const struct {
		const char *before, *after;
		bool space; /* may have one */
	} fields[] = {
		{ "attempt nexthop=a%s qid=" QID " time=" TIME
		  " start=0 size=0 skip=0 from=<>",
		    NULL, true },
		{ FIRST " body=8%s", NULL, false },
		{ FIRST " ret=F%s", NULL, false },
		{ FIRST " envid=x%s", NULL, false },
		{ "to n=1 path=<a%s@b.example>", FIRST, false },
		{ "to n=1 path=<a@b.example> address=<a%s@b.example>", FIRST,
		    false },
		{ "to n=1 path=<a@b.example> notify=N%s", FIRST, false },
		{ "to n=1 path=<a@b.example> orcpt=rfc822;%s", FIRST, true },
	};
	struct attempt a;
	char line[600], code[4];
	struct fault f;
	bool right;

	attempt_begin(&a);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		right = true;
		for (unsigned c = 0; c <= 0x7F; c = c == 0x20 ? 0x7F : c + 1) {
			enum outcome want =
			    c == 0x20 && fields[i].space ? OK : TEMP;

			(void)snprintf(code, sizeof(code), "%%%02X", c);
			(void)snprintf(
			    line, sizeof(line), fields[i].before, code);
			attempt_reset(&a);
			if (fields[i].after != NULL &&
			    wire_attempt_get(
			        span_of(fields[i].after), &a, &f) != OK)
				abort();
			if (wire_attempt_get(span_of(line), &a, &f) != want)
				right = false;
		}
		tap_ok(right, "no control octet gets in by field %zu", i);
	}
	attempt_free(&a);
}

static void
test_too_many(void)
{
	struct attempt a;
	struct fault f = FAULT_NONE;
	char line[64];
	enum outcome got;
	int n = 1;

	attempt_begin(&a);
	got = wire_attempt_get(SPAN_LIT(FIRST), &a, &f);
	for (; got == OK && n < 2 * ATTEMPT_RCPT_MAX; n++) {
		(void)snprintf(line, sizeof(line),
		    "to n=%d path=<a@b.example> address=<c@d.example>", n);
		got = wire_attempt_get(span_of(line), &a, &f);
	}
	tap_ok(got == TEMP && fault_is(&f, FAULT_TOO_MANY) &&
	        a.envelope.recipients == ATTEMPT_RCPT_MAX,
	    "one recipient more than the most is refused");
	attempt_free(&a);
}

static void
fill(struct envelope *e)
{
	struct fault f;
	struct path path;

	envelope_begin(e);
	if (!qid_parse(span_of(QID), &e->qid) ||
	    path_parse_bare(
	        SPAN_LIT("ann@example.net"), &e->reverse_path, &f) != OK ||
	    path_parse_bare(SPAN_LIT("bob@example.org"), &path, &f) != OK ||
	    envelope_add_recipient(e, &path, SPAN_LIT("NEVER"),
	        SPAN_LIT("rfc822;bob@x"), &f) != OK ||
	    envelope_add_recipient(e, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
		abort();
	e->recipient[1].n = 3;
	e->time_ms = 1795575845123;
	e->start = 318;
	e->size = 4312;
	e->skip = 63;
	e->smtputf8 = true;
	e->dots = false;
	strcpy(e->body, "8BITMIME");
	strcpy(e->ret, "HDRS");
	strcpy(e->envid, "QQ314159");
}

static bool
same(const struct envelope *a, const struct envelope *b)
{
	return strcmp(a->qid.text, b->qid.text) == 0 &&
	    a->time_ms == b->time_ms && a->start == b->start &&
	    a->size == b->size && a->skip == b->skip &&
	    a->smtputf8 == b->smtputf8 && a->dots == b->dots &&
	    strcmp(a->reverse_path.text, b->reverse_path.text) == 0 &&
	    strcmp(a->body, b->body) == 0 && strcmp(a->ret, b->ret) == 0 &&
	    strcmp(a->envid, b->envid) == 0;
}

static void
test_round_trip(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct envelope e;
	struct attempt a;
	struct fault f;
	const struct recipient *r;
	size_t taken = 0;

	fill(&e);
	attempt_begin(&a);
	tap_ok(wire_attempt_put(&b, &e, "mail host", &f) == OK &&
	        wire_attempt_put_to(&b, &e.recipient[0], NULL, &f) == OK &&
	        wire_attempt_put_to(
	            &b, &e.recipient[1], "sue@example.net", &f) == OK,
	    "an attempt is written");
	wire_attempt_put_end(&b);
	tap_ok(get_all(&a, buf_span(&b)) == OK && a.state == ATTEMPT_WHOLE &&
	        same(&a.envelope, &e) && strcmp(a.nexthop, "mail host") == 0,
	    "and read again with all its facts");
	r = a.envelope.recipient;
	tap_ok(a.envelope.recipients == 2 && r[0].n == 1 && r[1].n == 3 &&
	        strcmp(r[0].notify, "NEVER") == 0 &&
	        strcmp(r[0].orcpt, "rfc822;bob@x") == 0 &&
	        r[1].notify == NULL && r[1].orcpt == NULL &&
	        strcmp(r[1].forward_path.text, "bob@example.org") == 0 &&
	        r[0].address == NULL &&
	        strcmp(r[1].address, "sue@example.net") == 0,
	    "its recipients in order, with number and address");
	/* Without its last LF `end` is whole. */
	for (size_t n = 0; n + 1 < b.len; n++)
		if (get_all(&a, span_head(buf_span(&b), n)) == OK &&
		    a.state == ATTEMPT_WHOLE)
			taken++;
	tap_ok(taken == 0, "none that is cut short is whole");
	b.len = 0;
	tap_ok(
	    wire_attempt_put_to(&b, &e.recipient[0], "no address", &f) != OK &&
	        b.len == 0,
	    "an address that is none is not written");
	envelope_free(&e);
	attempt_free(&a);
	buf_free(&b);
}

static const struct {
	const char *title, *line;
	enum outcome want, says;
	const char *code;
} answers[] = {
	{ "ok is ok", "ok n=3", OK, OK, "2.0.0" },
	{ "ok in the words of a host",
	    "ok n=3 host=mx.example.net code=2.1.5 text=fine", OK, OK,
	    "2.1.5" },
	{ "ok with the code of a failure is ok", "ok n=3 code=5.1.1", OK, OK,
	    "2.0.0" },
	{ "ok with a code that has an octet 0 is ok", "ok n=3 code=2.%000.0",
	    OK, OK, "2.0.0" },
	{ "temp is temp", "temp n=3 code=4.2.2 text=full", OK, TEMP, "4.2.2" },
	{ "perm is perm", "perm n=3 code=5.1.1 text=no", OK, PERM, "5.1.1" },
	{ "perm without a code is one", "perm n=3", OK, PERM, "5.0.0" },
	{ "temp with a code of perm is temp", "temp n=3 code=5.1.1", OK, TEMP,
	    "4.3.0" },
	{ "an answer for another recipient is none", "ok n=2", TEMP, OK, "" },
	{ "an answer for nobody is none", "ok", TEMP, OK, "" },
	{ "an unknown word is none", "great n=3", TEMP, OK, "" },
	{ "an unknown field is none", "ok n=3 x=1", TEMP, OK, "" },
	{ "a host with a line end is none", "ok n=3 host=a%0Ab", TEMP, OK, "" },
	{ "a host with a space is none", "temp n=3 host=a%20b", TEMP, OK, "" },
	{ "a host with its address and port",
	    "ok n=3 host=mx.example.net[2001:db8::1]:25", OK, OK, "2.0.0" },
	{ "a reply has its code", "perm n=3 reply=550 code=5.1.1 text=no", OK,
	    PERM, "5.1.1" },
	{ "no reply has that code", "perm n=3 reply=600 code=5.1.1", TEMP, OK,
	    "" },
	{ "how it was encrypted is one fact",
	    "ok n=3 dsn=1 tls=TLSv1.3 verified=dane", OK, OK, "2.0.0" },
	{ "a version with a line end is none", "ok n=3 tls=a%0A", TEMP, OK,
	    "" },
	{ "a long word of what verified is none",
	    "ok n=3 tls=TLSv1.3 verified=0123456789abcdef", TEMP, OK, "" },
	{ "dsn is 1 or missing", "ok n=3 dsn=2", TEMP, OK, "" },
	{ "a beginning is no answer", "begin qid=" QID, TEMP, OK, "" },
	{ "the end is no answer", "end qid=" QID, TEMP, OK, "" },
	{ "nothing is no answer", "", TEMP, OK, "" },
};

static void
test_answers(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct attempt_ans ans = { .fault = FAULT_NONE }, got;
	struct fault f;
	size_t taken = 0;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		enum outcome end =
		    wire_attempt_get_ans(span_of(answers[i].line), 3, &got, &f);

		tap_ok(end == answers[i].want &&
		        (end == OK || f.error == EPROTO) &&
		        (end != OK ||
		            (got.fault.outcome == answers[i].says &&
		                fault_is(&got.fault, answers[i].code))),
		    "%s", answers[i].title);
	}
	(void)fault_set(&ans.fault, TEMP, "4.4.1", 0, "a b%%\xC3\xB6\n");
	(void)strcpy(ans.host, "mx1.example.net[192.0.2.1]:25");
	(void)strcpy(ans.tls, "TLSv1.3");
	(void)strcpy(ans.verified, "cert");
	ans.reply = 451;
	ans.dsn = true;
	tap_ok(wire_attempt_put_ans(&b, 3, &ans, &f) == OK &&
	        wire_attempt_get_ans(buf_span(&b), 3, &got, &f) == OK &&
	        got.fault.outcome == TEMP &&
	        strcmp(got.fault.text, ans.fault.text) == 0 &&
	        strcmp(got.host, ans.host) == 0 && got.reply == 451 &&
	        got.dsn && strcmp(got.tls, "TLSv1.3") == 0 &&
	        strcmp(got.verified, "cert") == 0,
	    "an answer is the same after its way");
	buf_reset(&b);
	ans = (struct attempt_ans){ .fault = FAULT_NONE };
	tap_ok(wire_attempt_put_ans(&b, 31, &ans, &f) == OK &&
	        wire_attempt_get_ans(buf_span(&b), 31, &got, &f) == OK &&
	        got.fault.outcome == OK && got.reply == 0 && !got.dsn &&
	        got.tls[0] == '\0',
	    "ok without words too");
	for (size_t n = 0; n + 1 < b.len; n++)
		if (wire_attempt_get_ans(
		        span_head(buf_span(&b), n), 31, &got, &f) == OK)
			taken++;
	tap_ok(taken == 0, "no answer cut short is one");
	buf_free(&b);
}

static void
test_begin(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;
	struct qid qid, other;
	size_t taken = 0;

	(void)qid_parse(span_of(QID), &qid);
	(void)qid_parse(span_of(OTHER), &other);
	tap_ok(wire_attempt_put_begin(&b, &qid, &f) == OK &&
	        wire_attempt_is_begin(buf_span(&b), &qid),
	    "an attempt begins on both sides");
	for (size_t n = 0; n + 1 < b.len; n++)
		if (wire_attempt_is_begin(span_head(buf_span(&b), n), &qid))
			taken++;
	tap_ok(taken == 0, "no beginning cut short is one");
	tap_ok(!wire_attempt_is_begin(buf_span(&b), &other) &&
	        !wire_attempt_is_begin(SPAN_LIT("begin"), &qid) &&
	        !wire_attempt_is_begin(SPAN_LIT("end qid=" QID), &qid) &&
	        !wire_attempt_is_begin(SPAN_LIT("begin qid=" QID " x=1"), &qid),
	    "nor that of another one, or with something else in it");
	buf_free(&b);
}

static void
test_ends(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;
	struct qid qid, other;
	size_t taken = 0;
	bool all = false;

	(void)qid_parse(span_of(QID), &qid);
	(void)qid_parse(span_of(OTHER), &other);
	tap_ok(wire_attempt_put_ans_end(&b, &qid, true, &f) == OK &&
	        wire_attempt_get_end(buf_span(&b), &qid, &all, &f) == OK && all,
	    "the end says that the next hop is the cause");
	for (size_t n = 0; n + 1 < b.len; n++)
		if (wire_attempt_get_end(
		        span_head(buf_span(&b), n), &qid, &all, &f) == OK &&
		    all)
			taken++;
	tap_ok(taken == 0, "no end cut short says so");
	tap_ok(wire_attempt_get_end(buf_span(&b), &other, &all, &f) == TEMP &&
	        f.error == EPROTO,
	    "the end of another one is none");
	buf_reset(&b);
	tap_ok(wire_attempt_put_ans_end(&b, &qid, false, &f) == OK &&
	        wire_attempt_get_end(buf_span(&b), &qid, &all, &f) == OK &&
	        !all,
	    "or that it is not");
	tap_ok(wire_attempt_get_end(SPAN_LIT("end qid=" QID " scope=all"), &qid,
	           &all, &f) == TEMP &&
	        wire_attempt_get_end(
	            SPAN_LIT("end qid=" QID " x=1"), &qid, &all, &f) == TEMP &&
	        wire_attempt_get_end(SPAN_LIT("end"), &qid, &all, &f) == TEMP,
	    "an end with something else in it is none");
	buf_free(&b);
}

int
main(void)
{
	test_requests();
	test_octets();
	test_too_many();
	test_round_trip();
	test_answers();
	test_begin();
	test_ends();
	return tap_done();
}
