/* SPDX-License-Identifier: ISC */
/*
 * content.c: the same whatever pieces the octets come in, and the same as a
 * reading of RFC 5321 that searches for CRLF.CRLF and knows nothing else.
 */
#include "../../smtpd/content.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define IN_MAX 64

struct result {
	bool ended;
	size_t used;
	enum rule refused;
	bool dots;
	size_t len;
	char out[8 * IN_MAX];
};

static struct smtpd_settings set;
static struct content c;
static struct envelope e;
static size_t trace; /* octets of the trace field */

static void
begin(void)
{
	content_begin(&c, &e, "h", NULL);
	trace = c.buf.len;
}

static struct span
stored(void)
{
	return span_from(buf_span(&c.buf), trace);
}

static void
take_chunk(const char *text)
{
	bool ended;

	(void)content_take(&c, span_of(text), false, &ended);
}

/* Feed `in`, cut at `cut` (and again every `cut` octets when `all`). */
static void
feed(struct span in, size_t cut, bool all, struct result *r)
{
	size_t at = 0, end = cut;

	begin();
	memset(r, 0, sizeof(*r));
	for (;;) {
		struct span piece =
		    span_from(span_head(in, end < in.len ? end : in.len), at);

		at += content_take(&c, piece, true, &r->ended);
		if (r->ended || end >= in.len)
			break;
		end = all ? end + cut : in.len;
	}
	r->used = at;
	r->refused = c.refused;
	r->dots = c.dots;
	if (c.refused == RULE_NONE) {
		struct span out = stored();

		r->len = out.len;
		memcpy(r->out, out.p, out.len);
	}
	content_reset(&c);
}

/* The end by search: ".CRLF" at the start, or after a CRLF. */
static bool
find_end(struct span in, size_t *after)
{
	if (in.len >= 3 && memcmp(in.p, ".\r\n", 3) == 0) {
		*after = 3;
		return true;
	}
	for (size_t i = 0; i + 5 <= in.len; i++) {
		if (memcmp(in.p + i, "\r\n.\r\n", 5) == 0) {
			*after = i + 5;
			return true;
		}
	}
	return false;
}

static bool
has_bare_lf(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			return true;
	return false;
}

static bool
has_bare_cr(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\r' && (i + 1 == s.len || s.p[i + 1] != '\n'))
			return true;
	return false;
}

/* Dots away, by the text of 4.5.2; in has CRLF ends only. */
static size_t
unstuff(struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		bool at_start = i == 0 || in.p[i - 1] == '\n';

		if (!(at_start && in.p[i] == '.'))
			out[n++] = in.p[i];
	}
	return n;
}

static bool
is_right(struct span in, const struct result *r)
{
	size_t after = 0, n, parts;
	bool ends = find_end(in, &after);
	struct span text, out;
	char want[8 * IN_MAX];

	if (ends != r->ended)
		return false;
	if (!ends)
		return true; /* what is there so far is judged when it ends */
	text = span_head(in, after - 3);
	if (r->used != after)
		return false;
	if (has_bare_cr(text) ||
	    (set.bare_lf == BARE_REJECT && has_bare_lf(text)))
		return r->refused != RULE_NONE;
	if (span_find(text, '\0') < text.len)
		return r->refused == RULE_NUL;
	out = (struct span){ r->out, r->len };
	if (r->refused != RULE_NONE || has_bare_lf(out) || has_bare_cr(out) ||
	    (out.len > 0 && out.p[out.len - 1] != '\n'))
		return false;
	if (has_bare_lf(text))
		return true; /* accepted: CRLF ends are all that is asked */
	/* Without a field or an empty line first, one parts it from ours. */
	parts = text.len > 0 && text.p[0] != '\r' ? 2 : 0;
	memcpy(want, "\r\n", 2);
	n = parts + unstuff(text, want + parts);
	return n == r->len && memcmp(want, r->out, n) == 0 &&
	    r->dots ==
	    ((n > 0 && want[0] == '.') || memmem(want, n, "\n.", 2) != NULL);
}

static bool
is_same(const struct result *a, const struct result *b)
{
	return a->ended == b->ended && a->used == b->used &&
	    (a->refused == RULE_NONE) == (b->refused == RULE_NONE) &&
	    (a->refused != RULE_NONE ||
	        (a->len == b->len && a->dots == b->dots &&
	            memcmp(a->out, b->out, a->len) == 0));
}

static size_t
try_one(struct span in)
{
	struct result whole, cut;

	feed(in, in.len, false, &whole);
	if (!is_right(in, &whole))
		return 1;
	for (size_t i = 1; i < in.len; i++) {
		feed(in, i, false, &cut);
		if (!is_same(&whole, &cut))
			return 1;
	}
	feed(in, 1, true, &cut);
	return is_same(&whole, &cut) ? 0 : 1;
}

static void
show(struct span in)
{
	printf("# ");
	for (size_t i = 0; i < in.len; i++)
		printf("%s",
		    in.p[i] == '\r'       ? "\\r"
		        : in.p[i] == '\n' ? "\\n"
		        : in.p[i] == '\0' ? "\\0"
		        : in.p[i] == '.'  ? "."
		                          : "x");
	printf("\n");
}

/* All strings of these octets up to `most`, then random longer ones. */
static void
test_all(size_t most, const char *title)
{
	static const char letters[] = "\r\n.x";
	char text[IN_MAX];
	size_t wrong = 0, tried = 0;
	uint32_t seed = 5321;

	for (size_t len = 1; len <= most; len++) {
		for (size_t n = 0; n < 1UL << (2 * len); n++) {
			struct span in = { text, len };

			for (size_t i = 0; i < len; i++)
				text[i] = letters[n >> (2 * i) & 3];
			tried++;
			if (try_one(in) != 0 && wrong++ < 5)
				show(in);
		}
	}
	for (size_t n = 0; n < 20000; n++) {
		struct span in = { text, 0 };

		for (; in.len < 24; in.len++) {
			seed = seed * 1664525U + 1013904223U;
			text[in.len] = "\r\n.x\r\n.\0"[seed >> 20 & 7];
		}
		tried++;
		if (try_one(in) != 0 && wrong++ < 5)
			show(in);
	}
	tap_ok(wrong == 0, "%s (%zu texts, every cut)", title, tried);
}

/* A text line of n octets and the end of data, in pieces of `piece` octets. */
static enum rule
rule_of_line(size_t n, size_t piece)
{
	static char text[3000];
	bool ended = false;
	size_t at = 0, end = 0;

	memset(text, 'x', n);
	memcpy(text + n, "\r\n.\r\n", 5);
	begin();
	while (!ended) {
		end = end + piece < n + 5 ? end + piece : n + 5;
		at += content_take(
		    &c, (struct span){ text + at, end - at }, true, &ended);
	}
	return c.refused;
}

static void
test_long_lines(void)
{
	tap_ok(rule_of_line(998, 3000) == RULE_NONE &&
	        rule_of_line(998, 1) == RULE_NONE,
	    "a line of 998 octets and CRLF is taken");
	tap_ok(rule_of_line(999, 3000) == RULE_TEXT_LINE &&
	        rule_of_line(999, 1) == RULE_TEXT_LINE,
	    "one of 999 is not, and its end is found");
}

static void
test_header(void)
{
	struct buf in = BUF_INIT(65536);
	bool ended;

	for (int i = 0; i < 100; i++)
		buf_adds(&in, "reCeived: from x\r\n\tby y\r\n");
	buf_adds(&in, "Message-ID:\r\n  <a@b> \r\n\r\nReceived: no\r\n.\r\n");
	set.received_max = 100;
	begin();
	(void)content_take(&c, buf_span(&in), true, &ended);
	tap_ok(c.refused == RULE_NONE && c.received_fields == 100,
	    "100 Received fields are borne, those of the body do not count");
	tap_ok(
	    strcmp(c.message_id, "<a@b>") == 0, "a folded Message-ID is found");
	set.received_max = 99;
	begin();
	(void)content_take(&c, buf_span(&in), true, &ended);
	tap_ok(ended && c.refused == RULE_LOOP, "more than allowed is a loop");
	buf_reset(&in);
	buf_adds(&in, "Message-ID:\r\nSubject: a\r\n b\r\n\r\n.\r\n");
	begin();
	(void)content_take(&c, buf_span(&in), true, &ended);
	tap_ok(c.message_id[0] == '\0',
	    "an empty Message-ID does not take the next field's text");
	buf_free(&in);
}

static void
test_chunks(void)
{
	begin();
	take_chunk(".\r\n..x\r");
	take_chunk("\nend");
	content_close(&c);
	tap_ok(c.refused == RULE_NONE && c.dots &&
	        span_eq(stored(), "\r\n.\r\n..x\r\nend\r\n"),
	    "chunks are not unstuffed, meet inside CRLF and end with one");
	begin();
	take_chunk("x\r");
	content_close(&c);
	tap_ok(c.refused == RULE_BARE_CR, "a last CR alone is bare");
}

/*
 * Wherever it is cut, and however much of it has gone before the next piece
 * comes: what stands behind the trace field.
 */
static bool
is_parted(const char *text, size_t piece, const char *want)
{
	struct span in = span_of(text);
	struct buf out = BUF_INIT(4096);
	bool good, ended;

	begin();
	for (size_t at = 0; at < in.len; at += piece) {
		(void)content_take(
		    &c, span_head(span_from(in, at), piece), false, &ended);
		buf_add(&out, buf_span(&c.buf));
		buf_reset(&c.buf);
	}
	content_close(&c);
	buf_add(&out, buf_span(&c.buf));
	good = c.refused == RULE_NONE &&
	    span_eq(span_from(buf_span(&out), trace), want) &&
	    c.size ==
	        span_of(want).len -
	            (want[0] == '\r' && text[0] != '\r' ? 2 : 0);
	buf_free(&out);
	content_reset(&c);
	return good;
}

static void
test_first_line(void)
{
	static const char *const titles[] = { "SP", "TAB", "text",
		"a line of white space", "an mbox line", "a field",
		"an empty line", "a line without its end" };
	static const char *const texts[][2] = {
		{ " x\r\nTo: a\r\n\r\nb\r\n", "\r\n x\r\nTo: a\r\n\r\nb\r\n" },
		{ "\tfor <ceo@x>; 1 Jan\r\nTo: a\r\n",
		    "\r\n\tfor <ceo@x>; 1 Jan\r\nTo: a\r\n" },
		{ "hello\r\nReceived: x\r\n", "\r\nhello\r\nReceived: x\r\n" },
		{ " \r\nTo: a\r\n", "\r\n \r\nTo: a\r\n" },
		{ "From a@b 10:30\r\nTo: a\r\n",
		    "\r\nFrom a@b 10:30\r\nTo: a\r\n" },
		{ "To: a\r\n b\r\n\r\nb\r\n", "To: a\r\n b\r\n\r\nb\r\n" },
		{ "\r\n b\r\n", "\r\n b\r\n" },
		{ "hello", "\r\nhello\r\n" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bool good = true;

		for (size_t piece = 1; piece <= strlen(texts[i][0]); piece++)
			good =
			    good && is_parted(texts[i][0], piece, texts[i][1]);
		tap_ok(good, "behind the trace field: %s first", titles[i]);
	}
}

/* An LF alone is accepted, but what it makes of a dot is no end. */
static void
test_bare_dots(void)
{
	static const char *const texts[] = { "a\n.\nb\r\n.\r\n",
		"a\r\n.\nb\r\n.\r\n", "a\n.\r\nb\r\n.\r\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct result r;
		bool good = true;

		for (size_t cut = 1; cut < strlen(texts[i]); cut++) {
			feed(span_of(texts[i]), cut, true, &r);
			good = good && r.ended && r.len == 11 &&
			    memcmp(r.out, "\r\na\r\n.\r\nb\r\n", 11) == 0;
		}
		tap_ok(good, "a dot beside a bare end stays (%zu)", i + 1);
	}
}

/* Of an endless line only its end is looked for, and no more is kept. */
static void
test_endless_line(void)
{
	static char part[60000];
	bool ended = false;

	memset(part, '.', sizeof(part));
	begin();
	for (int i = 0; i < 20; i++)
		(void)content_take(
		    &c, (struct span){ part, sizeof(part) }, true, &ended);
	tap_ok(!ended && c.refused == RULE_TEXT_LINE && c.line.len < 2000 &&
	        !buf_failed(&c.line),
	    "of a line without an end no more is kept than of a long one");
	(void)content_take(&c, SPAN_LIT("\r\n."), true, &ended);
	(void)content_take(&c, SPAN_LIT("\r\n"), true, &ended);
	tap_ok(ended, "and the end of data behind it is found");
}

/* Without room for the end of the last line nothing is whole. */
static void
test_no_room(void)
{
	size_t max = c.buf.max;

	begin();
	take_chunk("a\r\n\r\nend");
	c.buf.max = c.buf.len;
	content_close(&c);
	tap_ok(c.refused == RULE_LOCAL_ERROR, "a lack of room is no message");
	c.buf.max = max;
	content_reset(&c);
}

int
main(void)
{
	content_init(&c, &set);
	envelope_begin(&e);
	set.max_size = 1000000;
	set.text_line_max = 1000;
	set.received_max = 100;
	test_all(7, "DATA with bare CR and LF refused is read as it is meant");
	set.bare_lf = BARE_ACCEPT;
	test_all(7, "LF accepted, it becomes CRLF and never the end of data");
	test_bare_dots();
	set.bare_lf = BARE_REJECT;
	test_long_lines();
	test_endless_line();
	test_header();
	test_first_line();
	test_chunks();
	test_no_room();
	content_free(&c);
	envelope_free(&e);
	return tap_done();
}
