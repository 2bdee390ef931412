/* SPDX-License-Identifier: ISC */
#include "../../smtpd/fixup.h"

#include <string.h>

#include "../../smtpd/content.h"
#include "tap.h"

static const struct {
	const char *title, *in, *user, *name, *added; /* D: the date */
	const char *behind; /* what stands behind it */
} cases[] = {
	{ "all that is missing is added", "Subject: x\r\n\r\nhi\r\n.\r\n",
	    "bob@x", "Bob B.", "D,From: \"Bob B.\" <bob@x>,I", "\r\nhi\r\n" },
	{ "without a name the address alone", "Subject: x\r\n\r\n.\r\n",
	    "bob@x", "", "D,From: bob@x,I", "\r\n" },
	{ "of nobody no From", "Subject: x\r\n\r\n.\r\n", "", "", "D,I",
	    "\r\n" },
	{ "what is there is kept, in any case",
	    "DATE: y\r\nfrom: z\r\nMessage-Id:\r\n <a@b>\r\n\r\n.\r\n", "bob@x",
	    "", "", "\r\n" },
	{ "a message without a header gets one", "hi\r\n.\r\n", "bob@x", "",
	    "D,From: bob@x,I", "\r\nhi\r\n" },
	{ "one without a body too", "Subject: x\r\n.\r\n", "bob@x", "",
	    "D,From: bob@x,I", "" },
	{ "an empty one too", ".\r\n", "bob@x", "", "D,From: bob@x,I", "" },
	{ "a line that is no field ends the header",
	    "Subject: x\r\nhello\r\nDate: y\r\n.\r\n", "bob@x", "",
	    "D,From: bob@x,I", "hello\r\nDate: y\r\n" },
	{ "a folded From is one", "From:\r\n a@b\r\nDate: y\r\n\r\n.\r\n",
	    "bob@x", "", "I", "\r\n" },
};

/* The fields that were added, D and I for those that differ. */
static bool
is_added(struct span got, const char *want, const char *behind)
{
	struct span rest = span_of(want), field, line;

	while (span_next(&rest, ',', &field)) {
		if (!span_next(&got, '\n', &line))
			return false;
		line.len -= line.len > 0; /* CR */
		if (span_eq(field, "D") ? !span_has_prefix(line, "Date: ")
		        : span_eq(field, "I")
		        ? !span_has_prefix(line, "Message-ID: <01") ||
		            line.p[line.len - 1] != '>'
		        : !span_same(field, line))
			return false;
	}
	return span_eq(got, behind);
}

int
main(void)
{
	static struct smtpd_settings set = {
		.max_size = 1000000, .text_line_max = 1000, .received_max = 100
	};
	struct content c;
	struct envelope e;
	bool ended;

	content_init(&c, &set);
	envelope_begin(&e);
	qid_draw(&e.qid);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *body = strstr(cases[i].in, "\r\n\r\n");
		size_t trace, head;

		content_begin(&c, &e, "mx.org", NULL);
		fixup_begin(
		    &c.fixup, &e.qid, "mx.org", cases[i].user, cases[i].name);
		trace = c.buf.len;
		(void)content_take(&c, span_of(cases[i].in), true, &ended);
		content_end(&c);
		/* What the client sent stands in front, unchanged. */
		head = cases[i].in[0] == '.' ? 0
		    : body != NULL           ? (size_t)(body - cases[i].in) + 2
		    : strncmp(cases[i].in, "hi", 2) == 0
		    ? 0
		    : (size_t)(strchr(cases[i].in, '\n') - cases[i].in) + 1;
		tap_ok(ended && c.refused == RULE_NONE &&
		        memcmp(c.buf.p + trace, cases[i].in, head) == 0 &&
		        is_added(span_from(buf_span(&c.buf), trace + head),
		            cases[i].added, cases[i].behind),
		    "%s", cases[i].title);
	}
	tap_ok(c.message_id[0] == '\0' || c.message_id[0] == '<',
	    "the Message-ID is the journal's, too");
	content_free(&c);
	envelope_free(&e);
	return tap_done();
}
