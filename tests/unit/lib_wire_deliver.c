/* SPDX-License-Identifier: ISC */
#include "wire_deliver.h"

#include <string.h>

#include "tap.h"

#define QID   "01JDE3V0Z0ABCDEFGHJKMNPQRS"
#define NAME  "1732419355." QID "R1,S=41,W=41,D=0"
#define OTHER "01JDE3V0Z0ABCDEFGHJKMNPQRT"

static struct deliver_req
request(enum deliver_word word)
{
	struct deliver_req req = { .word = word };

	if (word == DELIVER_DELIVER) {
		(void)strcpy(req.qid.text, QID);
		(void)strcpy(req.file, "in/" QID);
		(void)strcpy(req.name, NAME);
		req.n = 1;
		req.again = true;
	}
	if (word == DELIVER_DELIVER || word == DELIVER_SYNC)
		(void)strcpy(req.path, "example.org/bob");
	return req;
}

static bool
same(const struct deliver_req *a, const struct deliver_req *b)
{
	return a->word == b->word && a->n == b->n && a->again == b->again &&
	    strcmp(a->qid.text, b->qid.text) == 0 &&
	    strcmp(a->file, b->file) == 0 && strcmp(a->name, b->name) == 0 &&
	    strcmp(a->path, b->path) == 0;
}

static void
test_requests(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f = FAULT_NONE;
	struct deliver_req req, got;
	size_t taken = 0;

	for (int w = DELIVER_DELIVER; w <= DELIVER_HELLO; w++) {
		req = request((enum deliver_word)w);
		buf_reset(&b);
		tap_ok(wire_deliver_put_req(&b, &req, &f) == OK &&
		        wire_deliver_get_req(buf_span(&b), &got, &f) == OK &&
		        same(&req, &got),
		    "request %d is the same after its way", w);
		if (w == DELIVER_HELLO)
			break;
		for (size_t n = 0; n + 2 < b.len; n++)
			if (wire_deliver_get_req(
			        span_head(buf_span(&b), n), &got, &f) == OK &&
			    same(&req, &got))
				taken++;
	}
	tap_ok(taken == 0, "no request cut short is taken for the whole");
	buf_free(&b);
}

static const struct {
	const char *title, *line;
	enum outcome want;
} requests[] = {
	{ "a delivery is read",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME
	    " path=example.org/bob",
	    OK },
	{ "content apart is read",
	    "deliver qid=" QID " n=1 file=message/01JDE3/" QID " name=" NAME
	    " path=example.org/bob again=1",
	    OK },
	{ "a path upwards is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME
	    " path=example.org/../root",
	    TEMP },
	{ "an absolute path is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME " path=/etc",
	    TEMP },
	{ "an absolute file is refused",
	    "deliver qid=" QID " n=1 file=/etc/passwd name=" NAME " path=a/b",
	    TEMP },
	{ "a file of the queue itself is refused",
	    "deliver qid=" QID " n=1 file=run.lock name=" NAME " path=a/b",
	    TEMP },
	{ "the content of another message is refused",
	    "deliver qid=" QID " n=1 file=in/" OTHER " name=" NAME " path=a/b",
	    TEMP },
	{ "an envelope is refused",
	    "deliver qid=" QID " n=1 file=hold/" QID " name=" NAME " path=a/b",
	    TEMP },
	{ "another shard is refused",
	    "deliver qid=" QID " n=1 file=message/01JDE4/" QID " name=" NAME
	    " path=a/b",
	    TEMP },
	{ "a file that is being written is refused",
	    "deliver qid=" QID " n=1 file=in/." QID " name=" NAME " path=a/b",
	    TEMP },
	{ "a 0 in a path is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME
	    " path=a/b%00/c",
	    TEMP },
	{ "a foreign name is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=x path=a/b", TEMP },
	{ "a name with flags is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME
	    ":2,S path=a/b",
	    TEMP },
	{ "the name of another message is refused",
	    "deliver qid=" OTHER " n=1 file=in/" QID " name=" NAME " path=a/b",
	    TEMP },
	{ "the name of another recipient is refused",
	    "deliver qid=" QID " n=2 file=in/" QID " name=" NAME " path=a/b",
	    TEMP },
	{ "recipient 0 is refused",
	    "deliver qid=" QID " n=0 file=in/" QID " name=" NAME " path=a/b",
	    TEMP },
	{ "an unknown key is refused",
	    "deliver qid=" QID " n=1 file=in/" QID " name=" NAME
	    " path=a/b x=1",
	    TEMP },
	{ "a sync of nothing is refused", "sync", TEMP },
	{ "a sync of one and of all is refused", "sync path=a/b all=1", TEMP },
	{ "all=0 is refused", "sync all=0", TEMP },
	{ "hello takes nothing", "hello x=1", TEMP },
	{ "an unknown word is refused", "remove path=a/b", TEMP },
	{ "an empty line is refused", "", TEMP },
};

static void
test_answers(void)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f = FAULT_NONE, why = FAULT_NONE;
	struct deliver_req req = request(DELIVER_DELIVER), other;
	enum deliver_how how;
	size_t taken = 0;

	for (int h = DELIVER_LINK; h < DELIVER_NONE; h++) {
		buf_reset(&b);
		tap_ok(wire_deliver_put_ans(
		           &b, &req, OK, (enum deliver_how)h, &why, &f) == OK &&
		        wire_deliver_get_ans(buf_span(&b), &req, &how, &f) ==
		            OK &&
		        how == (enum deliver_how)h,
		    "ok, how %d, is the same after its way", h);
	}
	for (size_t n = 0; n + 2 < b.len; n++)
		if (wire_deliver_get_ans(
		        span_head(buf_span(&b), n), &req, &how, &f) == OK)
			taken++;
	tap_ok(taken == 0, "no answer cut short is ok");

	other = req;
	other.n = 2;
	tap_ok(wire_deliver_get_ans(buf_span(&b), &other, &how, &f) == TEMP,
	    "ok for one recipient is not ok for another");
	(void)strcpy(other.qid.text, OTHER);
	other.n = 1;
	tap_ok(wire_deliver_get_ans(buf_span(&b), &other, &how, &f) == TEMP,
	    "ok for one message is not ok for another");
	other = request(DELIVER_SYNC);
	tap_ok(wire_deliver_get_ans(SPAN_LIT("ok path=example.org/ann"), &other,
	           &how, &f) == TEMP,
	    "ok for one mailbox is not ok for another");
	tap_ok(wire_deliver_get_ans(SPAN_LIT("ok"), &other, &how, &f) == TEMP,
	    "ok for nothing settles nothing");

	(void)fault_set(&why, TEMP, "4.2.2", 0, "over quota");
	buf_reset(&b);
	tap_ok(wire_deliver_put_ans(&b, &req, TEMP, DELIVER_NONE, &why, &f) ==
	            OK &&
	        wire_deliver_get_ans(buf_span(&b), &req, &how, &f) == TEMP &&
	        strcmp(f.code, "4.2.2") == 0 &&
	        strcmp(f.text, "over quota") == 0 && how == DELIVER_NONE,
	    "temp arrives with its code and text");
	buf_free(&b);
}

int
main(void)
{
	struct deliver_req got;
	struct fault f;

	test_requests();
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		tap_ok(wire_deliver_get_req(span_of(requests[i].line), &got,
		           &f) == requests[i].want,
		    "%s", requests[i].title);
	test_answers();
	return tap_done();
}
