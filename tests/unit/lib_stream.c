/* SPDX-License-Identifier: ISC */
/* lib_stream.c: lines and octets of one session, over a socket and a pipe. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "tap.h"

#define NO_LINE ((enum line_ending) - 1) /* the input ends before */

static const struct {
	const char *title, *in, *line;
	size_t max;
	enum line_ending ending;
} cases[] = {
	{ "a line ends with CRLF", "NOOP\r\nQ", "NOOP", 512, LINE_CRLF },
	{ "a bare LF is told", "NOOP\nQ", "NOOP", 512, LINE_LF },
	{ "an empty line", "\r\nQ", "", 512, LINE_CRLF },
	{ "an empty line with a bare LF", "\nQ", "", 512, LINE_LF },
	{ "a bare CR stays in the line", "a\rb\r\n", "a\rb", 512, LINE_CRLF },
	{ "two CRs: one belongs to the line", "a\r\r\n", "a\r", 512,
	    LINE_CRLF },
	{ "a line that just fits", "abc\r\n", "abc", 5, LINE_CRLF },
	{ "one octet more is long", "abcd\r\nQ", "abcd\r", 5, LINE_LONG },
	{ "of a long line the start is told", "abcdefgh\r\nQ", "abcde", 5,
	    LINE_LONG },
	{ "no line at the end of input", "", "", 5, NO_LINE },
	{ "half a line at the end of input", "ab", "", 5, NO_LINE },
	{ "a long half line at the end of input", "abcdefgh", "", 5, NO_LINE },
};

/* As a session waits for it. TEMP: it ends, or its line has no end. */
static enum outcome
next_line(struct stream *s, size_t max, struct span *line,
    enum line_ending *ending, struct fault *f)
{
	while (!stream_take_line(s, max, line, ending)) {
		if (stream_fill(s, f) != OK)
			return f->outcome;
		if (s->ended) {
			*line = SPAN_EMPTY;
			*ending = NO_LINE;
			return OK;
		}
	}
	return *ending == LINE_ENDLESS ? TEMP : OK;
}

/* What was written by a peer that is gone: a socket or a pipe to read. */
static int
peer_said(struct span text, bool socket)
{
	struct fault f;
	int fd[2];

	if (socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : pipe(fd))
		return -1;
	if (fork() == 0) {
		(void)close(fd[0]);
		_exit(fds_write_all(fd[1], text, &f) == OK ? 0 : 1);
	}
	(void)close(fd[1]);
	return fd[0];
}

static void
test_lines(bool socket)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = peer_said(span_of(cases[i].in), socket);
		struct stream s;
		struct span line;
		enum line_ending ending;
		struct fault f;

		stream_begin(&s, fd, -1, 2000);
		tap_ok(next_line(&s, cases[i].max, &line, &ending, &f) == OK &&
		        ending == cases[i].ending &&
		        span_eq(line, cases[i].line),
		    "%s: %s", socket ? "socket" : "pipe", cases[i].title);
		stream_free(&s);
		(void)close(fd);
		(void)wait(NULL);
	}
}

static void
test_long_lines(void)
{
	struct buf b = BUF_INIT(4 << 20);
	struct stream s;
	struct span line;
	enum line_ending ending;
	struct fault f;
	int fd;

	while (b.len < 200000)
		buf_adds(&b, "0123456789");
	buf_adds(&b, "\r\nNEXT\r\n");
	fd = peer_said(buf_span(&b), true);
	stream_begin(&s, fd, -1, 2000);
	tap_ok(next_line(&s, 1000, &line, &ending, &f) == OK &&
	        ending == LINE_LONG,
	    "a line larger than the buffer is long once");
	tap_ok(next_line(&s, 1000, &line, &ending, &f) == OK &&
	        ending == LINE_CRLF && span_eq(line, "NEXT"),
	    "and the line after it is whole");
	(void)close(fd);
	(void)wait(NULL);
	buf_reset(&b);
	while (b.len < 3 << 20)
		buf_adds(&b, "0123456789abcdef");
	fd = peer_said(buf_span(&b), true);
	stream_again(&s, fd, -1, 2000);
	tap_ok(next_line(&s, 1000, &line, &ending, &f) == TEMP,
	    "a line without an end ends the session");
	(void)close(fd);
	(void)wait(NULL);
	stream_free(&s);
	buf_free(&b);
}

/* Many lines in few reads: each must come out once, in order. */
static void
test_many_lines(bool socket)
{
	struct buf b = BUF_INIT(1 << 20);
	struct stream s;
	struct span line;
	enum line_ending ending;
	struct fault f;
	char want[32];
	int fd, wrong = 0;

	for (int i = 0; i < 30000; i++)
		buf_addf(&b, "line %d\r\n", i);
	fd = peer_said(buf_span(&b), socket);
	stream_begin(&s, fd, -1, 2000);
	for (int i = 0; i < 30000; i++) {
		(void)snprintf(want, sizeof(want), "line %d", i);
		if (next_line(&s, 512, &line, &ending, &f) != OK ||
		    !span_eq(line, want))
			wrong++;
	}
	tap_ok(wrong == 0 && next_line(&s, 512, &line, &ending, &f) == OK &&
	        ending == NO_LINE,
	    "%s: 30000 lines come out in order, then the end",
	    socket ? "socket" : "pipe");
	stream_free(&s);
	(void)close(fd);
	(void)wait(NULL);
	buf_free(&b);
}

static void
test_replies(void)
{
	struct stream s;
	struct span line;
	enum line_ending ending;
	struct fault f;
	char got[64];
	int pair[2];
	ssize_t n;

	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	stream_begin(&s, pair[0], pair[0], 2000);
	fds_set_timeouts(pair[0], 30, 30);
	tap_ok(stream_put(&s, SPAN_LIT("250 one\r\n"), &f) == OK &&
	        stream_put(&s, SPAN_LIT("250 two\r\n"), &f) == OK &&
	        recv(pair[1], got, sizeof(got), MSG_DONTWAIT) == -1,
	    "replies are collected");
	tap_ok(next_line(&s, 512, &line, &ending, &f) == TEMP &&
	        f.error == ETIMEDOUT,
	    "silence past the deadline is told");
	n = recv(pair[1], got, sizeof(got), MSG_DONTWAIT);
	tap_ok(n == 18 && memcmp(got, "250 one\r\n250 two\r\n", 18) == 0,
	    "replies leave before a wait, in one write");
	(void)!write(pair[1], "RSET\r\nSTARTTLS\r\ninjected\r\n", 26);
	tap_ok(next_line(&s, 512, &line, &ending, &f) == OK &&
	        span_eq(line, "RSET") &&
	        span_eq(stream_waiting(&s), "STARTTLS\r\ninjected\r\n"),
	    "what waits can be looked at");
	stream_drop_input(&s);
	tap_ok(stream_waiting(&s).len == 0, "and dropped in one call");
	(void)close(pair[1]);
	tap_ok(stream_put(&s, SPAN_LIT("x"), &f) == OK &&
	        stream_flush(&s, &f) == TEMP && f.error == EPIPE,
	    "a reply to nobody is a fault");
	stream_free(&s);
	(void)close(pair[0]);
}

/* A reply larger than the buffer, to a peer that reads slowly or not at all. */
static void
test_large_reply(bool socket)
{
	struct buf b = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
	struct stream s;
	struct fault f;
	size_t got = 1;
	int fd[2], status;

	for (int i = 0; b.len < 500000; i++)
		buf_addf(&b, "%d ", i);
	(void)!(socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : pipe(fd));
	if (fork() == 0) {
		(void)close(fd[0]);
		stream_begin(&s, -1, fd[1], 5000);
		_exit(stream_put(&s, buf_span(&b), &f) == OK &&
		            stream_flush(&s, &f) == OK
		        ? 0
		        : 1);
	}
	(void)close(fd[1]);
	while (got > 0 && fds_read_some(fd[0], &back, 1000, &got, &f) == OK)
		continue;
	(void)wait(&status);
	tap_ok(status == 0 && span_same(buf_span(&b), buf_span(&back)),
	    "%s: a reply of 500000 octets arrives whole",
	    socket ? "socket" : "pipe");
	(void)close(fd[0]);
	buf_free(&b);
	buf_free(&back);
}

/* Who reads on after the deadline must not take what is left for the end. */
static void
test_half_a_reply(void)
{
	struct buf b = BUF_INIT(1 << 20);
	struct stream s;
	struct fault f;
	char got[4096];
	int fd[2];

	while (b.len < 500000)
		buf_adds(&b, "1 100\r\n");
	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	fds_set_timeouts(fd[1], 30, 30);
	stream_begin(&s, -1, fd[1], 30);
	tap_ok(stream_put(&s, buf_span(&b), &f) == TEMP && f.error == ETIMEDOUT,
	    "half of a reply is sent when its deadline passes");
	while (recv(fd[0], got, sizeof(got), MSG_DONTWAIT) > 0)
		continue;
	tap_ok(stream_put(&s, SPAN_LIT(".\r\n"), &f) == OK &&
	        stream_flush(&s, &f) == TEMP &&
	        recv(fd[0], got, sizeof(got), MSG_DONTWAIT) == -1,
	    "and nothing follows, though there is room again");
	stream_again(&s, -1, fd[1], 30);
	tap_ok(stream_put(&s, SPAN_LIT("+OK\r\n"), &f) == OK &&
	        stream_flush(&s, &f) == OK &&
	        recv(fd[0], got, sizeof(got), MSG_DONTWAIT) == 5,
	    "until the next session");
	stream_free(&s);
	(void)close(fd[0]);
	(void)close(fd[1]);
	buf_free(&b);
}

static void
test_deadline_of_pipe(void)
{
	struct stream s;
	struct fault f;
	int in[2], out[2];
	char full[4096];

	memset(full, 'x', sizeof(full));
	(void)!pipe(in);
	(void)!pipe(out);
	stream_begin(&s, in[0], out[1], 30);
	tap_ok(stream_fill(&s, &f) == TEMP && f.error == ETIMEDOUT,
	    "a pipe keeps the deadline when nothing comes");
	fds_set_nonblock(out[1], true);
	while (write(out[1], full, sizeof(full)) > 0)
		continue;
	fds_set_nonblock(out[1], false);
	tap_ok(stream_put(&s, SPAN_LIT("x"), &f) == OK &&
	        stream_flush(&s, &f) == TEMP && f.error == ETIMEDOUT,
	    "and when nobody reads");
	stream_free(&s);
	(void)close(in[0]);
	(void)close(in[1]);
	(void)close(out[0]);
	(void)close(out[1]);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_lines(true);
	test_lines(false);
	test_long_lines();
	test_many_lines(true);
	test_many_lines(false);
	test_replies();
	test_large_reply(true);
	test_large_reply(false);
	test_half_a_reply();
	test_deadline_of_pipe();
	return tap_done();
}
