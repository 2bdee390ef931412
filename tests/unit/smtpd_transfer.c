/* SPDX-License-Identifier: ISC */
/* transfer.c and lib/submit.c: content, from the client to queue-add. */
#include "smtpd_rig.h"

#include "clock.h"
#include "tap.h"

/* What arrives is what was sent, in the inline form and by descriptor. */
static void
test_content(struct rig *r, size_t lines)
{
	struct buf in = BUF_INIT(1UL << 24);
	bool is_big = lines > 1000;
	int got;

	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<a@peer.test> BODY=8BITMIME", "", 0);
	(void)rig_say(r, "RCPT TO:<alice@local.test>", "", 0);
	buf_adds(&in, "Subject: x\r\nMessage-ID:\r\n <id@peer.test>\r\n\r\n");
	for (size_t i = 0; i < lines; i++)
		buf_adds(&in, "..a line that begins with a dot, then some\r\n");
	buf_adds(&in, ".\r\n");
	stub.queue = STUB_TAKES;
	if (is_big) {
		/* More than a socket takes: a child sends it. */
		pid_t child = fork();

		if (child == 0) {
			size_t at = 0;

			(void)!write(r->pair[1], "DATA\r\n", 6);
			while (at < in.len) {
				ssize_t n =
				    write(r->pair[1], in.p + at, in.len - at);
				if (n <= 0)
					_exit(1);
				at += (size_t)n;
			}
			_exit(0);
		}
		(void)session_step(&r->s);
		got = rig_reply(r);
	} else {
		got = rig_say(r, "DATA", in.p, in.len);
	}
	tap_ok(got == 250 && stub.content_size > in.len - lines - 3 &&
	        stub.content_size < in.len - lines - 3 + 300,
	    "%zu stuffed lines are queued with a dot less each", lines);
	tap_ok(r->s.phase == PHASE_READY && r->server.submit.fd == -1,
	    "and nothing of them stays");
	if (!is_big) {
		struct span c = buf_span(&stub.content);

		tap_ok(span_has_prefix(c,
		           "Received: from c.test\r\n\tby "
		           "mx.local.test (Pneu) with ESMTP id "),
		    "the trace field comes first");
		tap_ok(strstr(stub.content.p,
		           "\r\n\tfor <alice@local.test>;") != NULL,
		    "and names the only recipient");
	} else {
		tap_ok(r->server.submit.has_held,
		    "who held a descriptor knows it");
	}
	rig_close(r);
	buf_free(&in);
	stub_close_file();
	serve_stopping = 0;
	r->server.submit.has_held = false;
}

/* Commands behind the end of a message with bare CR or LF get no answer. */
static void
test_smuggling(struct rig *r)
{
	static const struct {
		const char *title, *start;
		size_t start_len, filling;
		const char *end;
		bool ends;
	} cases[] = {
		{ "CR CR LF . CR LF", "x", 1, 0, "\r\r\n.\r\n", true },
		{ "the same behind an octet 0", "\0\r\nx", 4, 0, "\r\r\n.\r\n",
		    true },
		{ "LF behind a line that is too long", "", 0, 1200,
		    "\r\nx\n\r\n.\r\n", true },
		{ "CR early in one that is", "x\ry", 3, 3000, "\r\n.\r\n",
		    true },
		{ "an octet 0 alone", "\0", 1, 0, "\r\n.\r\n", false },
	};
	struct buf in = BUF_INIT(8192);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&in);
		buf_add(
		    &in, (struct span){ cases[i].start, cases[i].start_len });
		for (size_t n = cases[i].filling; n > 0; n--)
			buf_addc(&in, 'x');
		buf_adds(&in, cases[i].end);
		buf_adds(&in, "MAIL FROM:<admin@local.test>\r\n");
		rig_begin(r);
		(void)rig_say(r, "DATA", in.p, in.len);
		tap_ok(strstr(r->got, "550 5.6.0") != NULL &&
		        (r->s.phase == PHASE_OVER) == cases[i].ends,
		    "%s, and commands after the end: the session %s",
		    cases[i].title, cases[i].ends ? "ends" : "goes on");
		rig_close(r);
	}
	buf_free(&in);
}

/* The model has those that end in CR LF. */
static void
test_chunk_lines(struct rig *r)
{
	static char line[4000];

	rig_begin(r);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say_raw(r, SPAN_LIT("BDAT 4\nRSET\r\n")) == 501 &&
	        r->s.phase == PHASE_OVER,
	    "BDAT that ends in a bare LF ends the session");
	rig_close(r);
	memset(line, ' ', sizeof(line) - 1);
	memcpy(line, "BDAT 4", 6);
	rig_begin(r);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say(r, line, "", 0) == 501 && r->s.phase == PHASE_OVER,
	    "and so does one that is too long");
	rig_close(r);
	rig_begin(r);
	memcpy(line, "NOOP", 4);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say(r, line, "", 0) == 500 &&
	        rig_say(r, "BDAT 0 LAST", "", 0) == 250,
	    "another line does not");
	rig_close(r);
}

/* A message of more than one request, 100 octets from its end `octet`. */
static struct span
big_message(char octet)
{
	static char big[90000];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = "xxxxxxxx\r\n"[i % 10];
	big[sizeof(big) - 100] = octet;
	memcpy(big + sizeof(big) - 5, "\r\n.\r\n", 5);
	return (struct span){ big, sizeof(big) };
}

static void
test_dropped(struct rig *r)
{
	const uint64_t timeout = r->server.submit.add.timeout_ms;

	tap_ok(timeout >= 120000 && timeout < 600000,
	    "queue-add is waited for, but not longer than a client waits");
	stub.queue = STUB_TAKES;
	stub.closes = stub.drops = 0;
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	tap_ok(rig_message(r, big_message('\n')) == 550 && stub.drops == 1 &&
	        stub.drop_text[0] == '\0' && stub.closes == 0,
	    "a big message that is refused leaves queue-add's connection");
	tap_ok(rig_message(r, SPAN_LIT("a\r\n.\r\n")) == 250,
	    "and the next one is queued");
	stub.disk = STUB_DISK_FULL;
	tap_ok(rig_message(r, big_message('x')) == 452 &&
	        strstr(r->got,
	            "452 4.3.1 insufficient storage, try again later\r\n") !=
	            NULL &&
	        stub.drops == 2 && stub.drop_text[0] == '\0',
	    "a full disk is 452 4.3.1 for a big message too");
	stub.disk = STUB_DISK_FAILS;
	tap_ok(rig_message(r, big_message('x')) == 451 && stub.drops == 3 &&
	        stub.drop_text[0] != '\0',
	    "of one that fails queue-add is told");
	stub.disk = STUB_DISK;
	rig_go_on(r);
}

static void
test_out_of_step(struct rig *r)
{
	rig_begin(r);
	stub.queue = STUB_STRAYS;
	tap_ok(rig_say(r, "DATA", "a\r\n.\r\n", 6) == 451 &&
	        r->server.submit.add.fd == -1,
	    "an answer for another message ends queue-add's connection");
	stub.queue = STUB_TAKES;
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	stub.resolve_strays = true;
	tap_ok(rig_say(r, "RCPT TO:<bob@local.test>", "", 0) == 451 &&
	        r->server.resolve.fd == -1,
	    "one for another address ends resolve's");
	tap_ok(rig_say(r, "RCPT TO:<bob@local.test>", "", 0) == 250,
	    "and the next question gets its own answer");
	rig_close(r);
}

static void
test_repeated(struct rig *r)
{
	rig_begin(r);
	stub.sends_failing = 1;
	tap_ok(rig_say(r, "DATA", "a\r\n.\r\n", 6) == 250 &&
	        stub.sends_failing == 0,
	    "what could not be sent is sent once more");
	stub.sends_failing = 1;
	tap_ok(rig_message(r, big_message('\0')) == 550 &&
	        stub.sends_failing == 0 && strstr(r->got, "NUL") != NULL,
	    "and the first try is not the reason of a later refusal");
	rig_go_on(r);
}

/* Others have sent since MAIL: what was let in then is not let in now. */
static void
test_space(struct rig *r)
{
	struct server *v = &r->server;
	char body[999];

	memset(body, 'x', sizeof(body));
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	v->space_ms = clock_mono_ms();
	v->space = 999;
	tap_ok(rig_say(r, "MAIL FROM:<> SIZE=1000", "", 0) == 452,
	    "what SIZE says and there is no room for is refused at MAIL");
	v->space = 1000;
	tap_ok(rig_say(r, "MAIL FROM:<> SIZE=1000", "", 0) == 250 &&
	        rig_say(r, "RCPT TO:<bob@local.test>", "", 0) == 250,
	    "what there is room for is let in");
	v->space_ms = clock_mono_ms();
	v->space = 999;
	tap_ok(rig_say(r, "DATA", "", 0) == 452,
	    "and refused at DATA when the room went meanwhile");
	tap_ok(rig_say(r, "BDAT 999", body, 999) == 250,
	    "a chunk that there is room for is taken");
	v->space_ms = clock_mono_ms();
	v->space = 998;
	tap_ok(rig_say(r, "BDAT 999 LAST", body, 999) == 452 &&
	        r->s.phase == PHASE_READY,
	    "one that there is none for is read, and ends the message with "
	    "452");
	rig_close(r);
	v->space_ms = 0;
}

int
main(void)
{
	static struct rig r;

	rig_setup(&r);
	test_content(&r, 3);
	test_content(&r, 30000);
	test_smuggling(&r);
	test_chunk_lines(&r);
	test_dropped(&r);
	test_out_of_step(&r);
	test_repeated(&r);
	test_space(&r);
	stub_server_end(&r.server, &r.set);
	return tap_done();
}
