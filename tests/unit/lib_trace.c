/* SPDX-License-Identifier: ISC */
#include "trace.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"
#include "tap.h"

static const struct {
	const char *title, *line, *want;
	bool before, after;
} cases[] = {
	{ "a command is shown", "MAIL FROM:<a@b.test> SIZE=1",
	    "MAIL FROM:<a@b.test> SIZE=1", false, false },
	{ "in any case", "rcpt to:<a@b.test>", "rcpt to:<a@b.test>", false,
	    false },
	{ "a user's name is shown", "USER bob", "USER bob", false, false },
	{ "a password is not", "PASS se cret", "PASS [...]", false, false },
	{ "nor is a new one", "newpass se cret", "newpass [...]", false,
	    false },
	{ "nor in lower case", "pass secret", "pass [...]", false, false },
	{ "of AUTH the mechanism is",
	    "AUTH PLAIN AGJvYgBzZWNyZXQ=", "AUTH PLAIN [...]", false, true },
	{ "without an answer, too", "auth login", "auth login", false, true },
	{ "AUTH and an answer in its place",
	    "AUTH AGJvYgBzZWNyZXRzZWNyZXRzZWNyZXQ=", "AUTH", false, true },
	{ "what answers AUTH is not", "QUIT", "[4 octets]", true, true },
	{ "a line that is no command is not", "AGJvYgBzZWNyZXQ=", "[16 octets]",
	    false, false },
	{ "nor a verb with more before it", " PASS x", "[7 octets]", false,
	    false },
	{ "nor a tab for a space", "PASS\tx", "[6 octets]", false, false },
	{ "an empty one neither", "", "[0 octets]", false, false },
};

static void
test_redact(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT(200);
		bool answers = cases[i].before;

		trace_redact(span_of(cases[i].line), &answers, &b);
		tap_ok(span_eq(buf_span(&b), cases[i].want) &&
		        answers == cases[i].after,
		    "%s: %s", cases[i].title, b.p);
		buf_free(&b);
	}
}

/* What is in the FIFO now, decoded: the texts, one a line. */
static const char *
texts(int fd)
{
	static char all[4096];
	char room[16384];
	ssize_t n = read(fd, room, sizeof(room));
	struct span rest = { room, n < 0 ? 0 : (size_t)n }, line;
	struct record r;
	struct fault f;

	all[0] = '\0';
	while (span_next(&rest, '\n', &line))
		if (record_parse(line, &r, &f) == OK)
			(void)snprintf(all + strlen(all),
			    sizeof(all) - strlen(all), SPAN_FMT "\n",
			    SPAN_ARG(record_value(&r, "text")));
	return all;
}

static void
say(struct trace *t, bool by_client, const char *line)
{
	trace_line(t, by_client, span_of(line));
}

int
main(void)
{
	char path[] = "/tmp/pneu-trace.XXXXXX", number[16], fifo[64];
	struct trace t;
	int reader, both, writer;

	test_redact();
	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(path) == NULL)
		return 1;
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	(void)mkfifo(fifo, 0600);
	both = open(fifo, O_RDWR | O_NONBLOCK);
	writer = open(fifo, O_WRONLY | O_NONBLOCK);
	(void)close(both);
	(void)snprintf(number, sizeof(number), "%d", writer);

	(void)unsetenv(TRACE_ENV);
	trace_open(&t, "smtpd");
	trace_begin(&t, "192.0.2.7", 4711, "");
	tap_ok(!t.on, "without a descriptor nobody is told");
	(void)setenv(TRACE_ENV, number, 1);
	trace_open(&t, "smtpd");
	trace_begin(&t, "192.0.2.7", 4711, "");
	tap_ok(!t.on, "nor while nobody reads");
	reader = open(fifo, O_RDONLY | O_NONBLOCK);
	say(&t, true, "NOOP");
	tap_ok(texts(reader)[0] == '\0', "nor of a session that began before");
	trace_begin(&t, "192.0.2.7", 4711, "");
	say(&t, false, "220 hello\r\n");
	say(&t, true, "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9");
	say(&t, false, "334 cj1yT3ByTkdmd0ViZVJXZ2JORWtxTw==");
	say(&t, true, "Yz1iaXdzLHI9");
	say(&t, false, "235 2.7.0 welcome");
	say(&t, true, "QUIT");
	tap_ok(strcmp(texts(reader),
	           "220 hello\nAUTH SCRAM-SHA-256 [...]\n[challenge]\n[12 "
	           "octets]\n"
	           "235 2.7.0 welcome\nQUIT\n") == 0,
	    "a dialogue without its secrets");
	for (int i = 0; i < 2000; i++)
		say(&t, false, "250 2.0.0 a line that fills what a FIFO has");
	tap_ok(
	    t.on && t.lost > 0, "what has no room is counted, not waited for");
	(void)close(reader);
	say(&t, true, "QUIT");
	tap_ok(!t.on, "the reader's end ends it");
	(void)unlink(fifo);
	(void)rmdir(path);
	return tap_done();
}
