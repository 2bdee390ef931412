/* SPDX-License-Identifier: ISC */
#include "../../pop3d/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static const struct {
	const char *title, *in, *out;
	uint64_t lines;
} cases[] = {
	{ "as it lies", "A: b\r\n\r\nhi\r\n", "A: b\r\n\r\nhi\r\n.\r\n",
	    SPOOL_ALL },
	{ "dots at line starts, and only there, are doubled",
	    ".\r\n..\r\n..a\r\na.b\r\n", "..\r\n...\r\n...a\r\na.b\r\n.\r\n",
	    SPOOL_ALL },
	{ "a missing end of line is added", "a\r\n.end", "a\r\n..end\r\n.\r\n",
	    SPOOL_ALL },
	{ "LF leaves as CRLF", "a\nb\r\n\nc\n", "a\r\nb\r\n\r\nc\r\n.\r\n",
	    SPOOL_ALL },
	{ "CR alone makes no line", "a\r.b\rc\r\n", "a\r.b\rc\r\n.\r\n",
	    SPOOL_ALL },
	{ "CR at the end is not a line end", "a\r", "a\r\r\n.\r\n", SPOOL_ALL },
	{ "an empty file", "", ".\r\n", SPOOL_ALL },
	{ "TOP 0: header section and the empty line",
	    "A: b\r\nC: d\r\n\r\nx\r\ny\r\n", "A: b\r\nC: d\r\n\r\n.\r\n", 0 },
	{ "TOP 1: one line of the body", "A: b\r\n\r\nx\r\ny\r\n",
	    "A: b\r\n\r\nx\r\n.\r\n", 1 },
	{ "TOP with more lines than there are", "A: b\r\n\r\nx\r\ny\r\n",
	    "A: b\r\n\r\nx\r\ny\r\n.\r\n", 100 },
	{ "an empty line in the body counts", "A: b\r\n\r\n\r\ny\r\n",
	    "A: b\r\n\r\n\r\n.\r\n", 1 },
	{ "TOP of a file with LF", "A: b\n\nx\ny\n", "A: b\r\n\r\nx\r\n.\r\n",
	    1 },
	{ "TOP without an empty line: all of the header", "A: b\r\nC: d\r\n",
	    "A: b\r\nC: d\r\n.\r\n", 0 },
	{ "TOP where the body has dots", "A: b\r\n\r\n.\r\n.\r\n",
	    "A: b\r\n\r\n..\r\n.\r\n", 1 },
};

/* One message in two pieces, cut at n. */
static bool
cut_at(size_t i, size_t n)
{
	struct span in = span_of(cases[i].in), end;
	char out[200];
	struct spool p;
	size_t len;

	spool_begin(&p, cases[i].lines);
	len = spool_piece(&p, span_head(in, n), out);
	if (!p.done)
		len += spool_piece(&p, span_from(in, n), out + len);
	end = spool_end(&p);
	memcpy(out + len, end.p, end.len);
	return span_eq((struct span){ out, len + end.len }, cases[i].out);
}

static void
test_cuts(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = true;

		for (size_t n = 0; n <= strlen(cases[i].in); n++)
			good = cut_at(i, n) && good;
		tap_ok(good, "%s, however it is cut", cases[i].title);
	}
}

/* A whole file to one that is appended to, as by `>>`, both ways of sending. */
static bool
is_sent(const char *octets, size_t len, uint64_t said, bool as_it_is)
{
	char in[] = "/tmp/pneu-spool.XXXXXX", out[] = "/tmp/pneu-spool.XXXXXX";
	struct message_file file = { mkstemp(in), said, as_it_is };
	int to = mkstemp(out);
	char *got = malloc(2 * len + 16);
	struct stream s;
	struct fault f;
	ssize_t n;
	bool good;

	if (got == NULL || file.fd == -1 || to == -1 ||
	    write(file.fd, octets, len) != (ssize_t)len ||
	    lseek(file.fd, 0, SEEK_SET) != 0 ||
	    fcntl(to, F_SETFL, O_APPEND) != 0)
		abort();
	(void)unlink(in);
	(void)unlink(out);
	stream_begin(&s, -1, to, 0);
	good = stream_put(&s, SPAN_LIT("+OK\r\n"), &f) == OK &&
	    spool_message(&s, &file, SPOOL_ALL, &f) == OK &&
	    stream_flush(&s, &f) == OK;
	n = pread(to, got, 2 * len + 16, 0);
	good = good && n == (ssize_t)len + 8 &&
	    memcmp(got, "+OK\r\n", 5) == 0 &&
	    memcmp(got + 5, octets, len) == 0 &&
	    memcmp(got + 5 + len, ".\r\n", 3) == 0;
	stream_free(&s);
	free(got);
	(void)close(file.fd);
	(void)close(to);
	return good;
}

static void
test_files(void)
{
	static const size_t sizes[] = { 2, 4096, 32768, 65000, 65507, 65508,
		65509, 65520, 65527, 65528, 65529, 65535, 65536, 1 << 20 };
	char *octets = malloc(1 << 20);

	if (octets == NULL)
		abort();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i];

		memset(octets, 'x', n);
		memcpy(octets + n - 2, "\r\n", 2);
		tap_ok(
		    is_sent(octets, n, n, true) && is_sent(octets, n, n, false),
		    "a file of %zu octets arrives whole, both ways", n);
	}
	memset(octets, 'x', 5000);
	memcpy(octets + 4998, "\r\n", 2);
	tap_ok(is_sent(octets, 5000, 4000, true) &&
	        is_sent(octets, 5000, 6000, true) &&
	        is_sent(octets, 5000, 1 << 20, true) &&
	        is_sent(octets, 5000, 0, true),
	    "a name that lies about the size loses nothing");
	free(octets);
}

/* open() does not know of a bad block, read() does. */
static void
test_unreadable(void)
{
	static const uint64_t octets[] = { 9, 99999 };
	char in[] = "/tmp/pneu-spool.XXXXXX";
	int fd = mkstemp(in);
	struct message_file file = { open(in, O_WRONLY | O_CLOEXEC), 0, true };
	struct stream s;
	struct fault f;

	if (fd == -1 || file.fd == -1)
		abort();
	(void)unlink(in);
	for (int i = 0; i < 3; i++) {
		file.as_it_is = i < 2;
		file.octets = octets[i % 2];
		stream_begin(&s, -1, -1, 0);
		tap_ok(spool_message(&s, &file, SPOOL_ALL, &f) == TEMP &&
		        f.error == EBADF && s.wbuf.len == 0,
		    "a file that cannot be read leaves nothing in the reply");
		stream_free(&s);
	}
	(void)close(file.fd);
	(void)close(fd);
}

int
main(void)
{
	test_cuts();
	test_files();
	test_unreadable();
	return tap_done();
}
