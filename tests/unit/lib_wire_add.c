/* SPDX-License-Identifier: ISC */
/* A message into the queue: both ends agree. */
#include "wire_add.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define QID "01M86GNVVYGA7B4C4WREP6F65E"

static const struct {
	const char *title, *in;
	enum outcome want;
	enum add_word word;
} cases[] = {
	{ "add begins", "add qid=" QID " from=<a@b.example>", OK, ADD_ADD },
	{ "the null reverse-path is one", "add qid=" QID " from=<>", OK,
	    ADD_ADD },
	{ "an address without brackets is refused", "add qid=" QID " from=a@b",
	    PERM, ADD_ADD },
	{ "octets after the brackets are refused",
	    "add qid=" QID " from=<a@b.example>x", PERM, ADD_ADD },
	{ "a line end in an address is refused", "to path=<a%0D%0Ab@c.example>",
	    PERM, ADD_TO },
	{ "a line end in a quoted address too", "to path=<\"a%0Ab\"@c.example>",
	    PERM, ADD_TO },
	{ "the null path is no recipient", "to path=<>", PERM, ADD_TO },
	{ "add without a qid is malformed", "add from=<>", TEMP, ADD_ADD },
	{ "a bad qid is malformed", "add qid=../../etc/passwd from=<>", TEMP,
	    ADD_ADD },
	{ "an unknown field is malformed", "add qid=" QID " from=<> x=1", TEMP,
	    ADD_ADD },
	{ "a control octet in orcpt is malformed",
	    "to path=<a@b.example> orcpt=x%0Ay", TEMP, ADD_TO },
	{ "data says how many octets", "data size=65536", OK, ADD_DATA },
	{ "more than inline is malformed", "data size=65537", TEMP, ADD_DATA },
	{ "data over a descriptor", "data fd=1", OK, ADD_DATA_FD },
	{ "data in chunks", "data chunked=1", OK, ADD_DATA_CHUNKED },
	{ "data of two kinds is malformed", "data fd=1 size=1", TEMP,
	    ADD_DATA },
	{ "a chunk", "chunk size=0", OK, ADD_CHUNK },
	{ "a message is dropped", "drop", OK, ADD_DROP },
	{ "and why", "drop text=no%20disk", OK, ADD_DROP },
	{ "not with a reason that hides another", "drop text=a%00b", TEMP,
	    ADD_DROP },
	{ "the end", "end", OK, ADD_END },
	{ "an unknown word is malformed", "remove qid=" QID, TEMP, ADD_END },
	{ "nothing is malformed", "", TEMP, ADD_END },
};

static void
test_lines(void)
{
	struct envelope e;
	struct add_line l;
	struct fault f;

	envelope_begin(&e);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got;

		f = FAULT_NONE;
		got = wire_add_get(span_of(cases[i].in), &e, &l, &f);
		tap_ok(got == cases[i].want &&
		        (got == TEMP || l.word == cases[i].word),
		    "%s", cases[i].title);
	}
	envelope_free(&e);
}

static void
fill(struct envelope *e)
{
	struct fault f;
	struct path path;

	envelope_begin(e);
	(void)qid_parse(span_of(QID), &e->qid);
	strcpy(e->ip, "2001:db8::7");
	strcpy(e->helo, "pc%7 \xC3\xB6");
	strcpy(e->body, "8BITMIME");
	if (path_parse_bare(
	        SPAN_LIT("ann@example.org"), &e->reverse_path, &f) != OK ||
	    path_parse_bare(SPAN_LIT("bob@example.org"), &path, &f) != OK ||
	    envelope_add_recipient(e, &path, SPAN_LIT("NEVER"),
	        SPAN_LIT("rfc822;bob@x"), &f) != OK ||
	    envelope_add_recipient(e, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
		abort();
}

static void
test_round_trip(void)
{
	struct envelope e, got;
	struct buf b = BUF_INIT(65536);
	struct span rest, line;
	struct add_line l;
	struct fault f;
	bool all = true;

	fill(&e);
	envelope_begin(&got);
	tap_ok(wire_add_put(&b, &e, &f) == OK, "a request is written");
	rest = buf_span(&b);
	while (span_next(&rest, '\n', &line))
		all = all && wire_add_get(line, &got, &l, &f) == OK;
	tap_ok(all && got.recipients == 2 && strcmp(got.helo, e.helo) == 0 &&
	        strcmp(got.recipient[0].orcpt, "rfc822;bob@x") == 0 &&
	        got.recipient[1].notify == NULL && got.recipient[1].n == 2,
	    "and read again, recipients in order");
	all = true;
	(void)span_next(&(struct span){ b.p, b.len }, '\n', &line);
	for (size_t n = 0; n < line.len; n++) {
		f = FAULT_NONE;
		all = all &&
		    (wire_add_get(span_head(line, n), &got, &l, &f) != OK ||
		        span_eq(qid_span(&got.qid), QID));
	}
	tap_ok(all,
	    "a truncated add is refused, or lacks fields and nothing else");
	envelope_free(&e);
	envelope_free(&got);
	buf_free(&b);
}

static void
test_answers(void)
{
	struct buf b = BUF_INIT(4096);
	struct qid qid, other;
	struct fault f, why, got = FAULT_NONE;
	enum add_answer answer;
	uint64_t offset = 0;

	(void)qid_parse(span_of(QID), &qid);
	(void)qid_parse(SPAN_LIT("01M86GNVW3CYKQ4TVE9SRRFD7Y"), &other);
	tap_ok(wire_add_put_answer(&b, ADD_OK, &qid, 0, NULL, &f) == OK &&
	        wire_add_get_answer(
	            buf_span(&b), &qid, &answer, &offset, &got) == OK &&
	        answer == ADD_OK,
	    "ok is ok");
	tap_ok(wire_add_get_answer(
	           buf_span(&b), &other, &answer, &offset, &got) == TEMP,
	    "an answer for another message is not ours");
	buf_reset(&b);
	tap_ok(wire_add_put_answer(&b, ADD_WRITE, &qid, 63, NULL, &f) == OK &&
	        wire_add_get_answer(
	            buf_span(&b), &qid, &answer, &offset, &got) == OK &&
	        answer == ADD_WRITE && offset == 63,
	    "write says where to begin");
	buf_reset(&b);
	(void)fault_set(&why, TEMP, "4.3.1", 0, "disk full");
	tap_ok(wire_add_put_answer(&b, ADD_FAILED, &qid, 0, &why, &f) == OK &&
	        wire_add_get_answer(
	            buf_span(&b), &qid, &answer, &offset, &got) == TEMP &&
	        strcmp(got.code, "4.3.1") == 0 &&
	        strcmp(got.text, "disk full") == 0,
	    "a failure comes with its code and text");
	tap_ok(wire_add_get_answer(SPAN_LIT("great qid=" QID), &qid, &answer,
	           &offset, &got) == TEMP,
	    "an unknown word is temp");
	tap_ok(wire_add_get_answer(SPAN_LIT("ok qid=" QID " x=1"), &qid,
	           &answer, &offset, &got) == TEMP,
	    "an unknown field is not ok");
	buf_free(&b);
}

int
main(void)
{
	test_lines();
	test_round_trip();
	test_answers();
	return tap_done();
}
