/* SPDX-License-Identifier: ISC */
#include "../../submit/message.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *text, *out, *to; /* to NULL: refused */
	bool dots, from;
} cases[] = {
	{ "lines end in CRLF", "A: b\n\nx\r\ny", "A: b\r\n\r\nx\r\ny\r\n", "",
	    false, false },
	{ "dots are doubled", "\n.x\n..\n", "\r\n..x\r\n...\r\n", "", true,
	    false },
	{ "a dot alone ends it", "\nx\n.\ny\n", "\r\nx\r\n", "", false, false },
	{ "with -i it does not", "\nx\n.\ny\n", "\r\nx\r\n..\r\ny\r\n", "",
	    true, false },
	{ "in CRLF, too", "\nx\r\n.\r\ny\r\n", "\r\nx\r\n", "", false, false },
	{ "mbox's line is left out", "From a b\nA: b\n\nx\n",
	    "A: b\r\n\r\nx\r\n", "", false, false },
	{ "Bcc goes, with all its lines",
	    "To: a\nBCC: b,\n c\nFrom: d\n\nBcc: e\n",
	    "To: a\r\nFrom: d\r\n\r\nBcc: e\r\n", "a\nb\nc\n", false, true },
	{ "even in front of the body", "Bcc: b\n\nx\n", "\r\nx\r\n", "b\n",
	    false, false },
	{ "even without a body", "To: a\nBcc: b", "To: a\r\n", "a\nb\n", false,
	    false },
	{ "what follows no field is body", "To: a\nhello\nCc: b\n",
	    "To: a\r\nhello\r\nCc: b\r\n", "a\n", false, false },
	{ "a message without a header", "hello\nTo: b\n", "hello\r\nTo: b\r\n",
	    "", false, false },
	{ "nothing at all", "", "", "", false, false },
	{ "Resent- goes before the others",
	    "To: a\nResent-To: b\nResent-Bcc: c\n\n",
	    "To: a\r\nResent-To: b\r\n\r\n", "b\nc\n", false, false },
	{ "white space before the colon", "To : a\n\n", "To : a\r\n\r\n", "a\n",
	    false, false },
	{ "no address is told", "To: a b\n\n", "To: a b\r\n\r\n", NULL, false,
	    false },
};

static enum outcome
put(void *arg, struct span piece, struct fault *f)
{
	(void)f;
	buf_add(arg, piece);
	return OK;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addresses to = ADDRESSES_INIT;
		struct buf out = BUF_INIT(4096);
		struct message m;
		struct fault f = FAULT_NONE;
		enum outcome got;
		bool good;

		message_begin(&m, span_of(cases[i].text), cases[i].dots);
		got = message_recipients(&m, &to, &f);
		good = message_put(&m, put, &out, &f) == OK &&
		    span_eq(buf_span(&out), cases[i].out) &&
		    m.has_from == cases[i].from &&
		    (cases[i].to == NULL ? got == PERM
		                         : got == OK &&
		                span_eq(buf_span(&to.text), cases[i].to));
		if (!good)
			printf(
			    "# %d %s\n# %s# %s", got, f.text, out.p, to.text.p);
		tap_ok(good, "%s", cases[i].title);
		addresses_free(&to);
		buf_free(&out);
	}
}

static void
test_long(void)
{
	struct buf text = BUF_INIT(65536), out = BUF_INIT(65536);
	struct message m;
	struct fault f;
	struct span rest, line;
	size_t longest = 0, octets = 0;
	bool whole = true;

	/* An odd octet first: characters of two octets lie across the limit. */
	buf_adds(&text, "\nx");
	for (int i = 0; i < 2000; i++)
		buf_adds(&text, "\xC3\xBC");
	message_begin(&m, buf_span(&text), false);
	tap_ok(m.is_8bit && message_put(&m, put, &out, &f) == OK,
	    "a long line is taken");
	rest = buf_span(&out);
	while (span_next(&rest, '\n', &line)) {
		longest = line.len > longest ? line.len : longest;
		octets += line.len;
		whole = whole && utf8_is_valid(line);
	}
	tap_ok(longest <= MESSAGE_LINE_MAX + 1 && octets > 4001,
	    "in pieces of the right length");
	tap_ok(whole, "and not within a character");
	buf_free(&text);
	buf_free(&out);
}

int
main(void)
{
	test_cases();
	test_long();
	return tap_done();
}
