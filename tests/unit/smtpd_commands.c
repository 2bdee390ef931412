/* SPDX-License-Identifier: ISC */
/* commands.c, reply.c and entries.c: lines, counts, and what is told of them. */
#include "smtpd_rig.h"

#include "tap.h"

static void
test_limits(struct rig *r)
{
	int got = 0;
	size_t n = 0;

	rig_connect(r);
	(void)rig_reply(r);
	r->set.smtpd.max_errors = 3;
	(void)rig_say(r, "FOO", "", 0);
	(void)rig_say(r, "FOO", "", 0);
	got = rig_say(r, "FOO", "", 0);
	tap_ok(got == 421 && r->s.phase == PHASE_OVER,
	    "too many errors end the session with 421");
	rig_close(r);
	r->set.smtpd.max_errors = 1000000;

	rig_connect(r);
	(void)rig_reply(r);
	r->set.smtpd.max_idle_commands = 10;
	for (n = 0; n < 10; n++)
		got = rig_say(r, "NOOP", "", 0);
	tap_ok(got == 250, "ten idle commands are borne");
	got = rig_say(r, "NOOP", "", 0);
	tap_ok(got == 421, "the eleventh ends the session with 421");
	rig_close(r);
	r->set.smtpd.max_idle_commands = 1000000;

	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	for (n = 0; n < r->set.smtpd.max_recipients; n++)
		got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	tap_ok(got == 250, "max_recipients are taken");
	got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	tap_ok(got == 452 && strstr(r->got, "4.5.3") != NULL,
	    "one more gets 452 4.5.3");
	stub.queue = STUB_TAKES;
	got = rig_say(r, "DATA", ".\r\n", 3);
	tap_ok(got == 250 && stub.e.recipients == n,
	    "and the message goes to those that were taken");
	rig_close(r);
}

static void
test_lines(struct rig *r)
{
	static char line[200000];

	rig_connect(r);
	(void)rig_reply(r);
	memset(line, 'x', sizeof(line));
	memcpy(line, "NOOP ", 5);
	line[510] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 250, "512 octets are a command");
	memset(line + 510, 'x', 100);
	line[r->set.smtpd.command_max - 2] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 250, "command_max octets are one");
	line[r->set.smtpd.command_max - 2] = 'x';
	line[r->set.smtpd.command_max - 1] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 500 &&
	        strchr(r->got, '\n') == strrchr(r->got, '\n'),
	    "one more is 500, once");
	(void)send(r->pair[1], "NOOP\n", 5, 0);
	(void)session_step(&r->s);
	tap_ok(rig_reply(r) == 500, "a command that ends in bare LF is 500");
	r->set.smtpd.bare_lf = BARE_ACCEPT;
	(void)send(r->pair[1], "NOOP\n", 5, 0);
	(void)session_step(&r->s);
	tap_ok(rig_reply(r) == 250, "unless bare LF is accepted");
	r->set.smtpd.bare_lf = BARE_REJECT;
	rig_close(r);

	/* Nothing of what a client said comes back. */
	rig_connect(r);
	(void)rig_reply(r);
	(void)rig_say(r, "\x1b]0;owned\x07 \xFF", "", 0);
	tap_ok(strstr(r->got, "owned") == NULL && strchr(r->got, 0x1b) == NULL,
	    "no reply has the client's octets in it");
	rig_close(r);
}

static void
test_counts(struct rig *r)
{
	const struct settings was = r->set;
	int got = 0;

	stub.queue = STUB_TAKES;
	r->set.smtpd.max_errors = 3;
	rig_begin(r);
	for (int i = 0; i < 2; i++)
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
	tap_ok(rig_say(r, "DATA", ".\r\n", 3) == 250 &&
	        rig_say(r, "FOO", "", 0) == 500 &&
	        rig_say(r, "FOO", "", 0) == 500 &&
	        rig_say(r, "FOO", "", 0) == 421,
	    "errors are counted from the last message on");
	rig_close(r);

	r->set.smtpd.max_recipients = 2;
	rig_begin(r);
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 4; n++)
			got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
		if (got != 452)
			break;
		(void)rig_say(r, "RSET", "", 0);
		(void)rig_say(r, "MAIL FROM:<>", "", 0);
	}
	tap_ok(got == 452, "recipients too many are counted by transaction");
	rig_close(r);
	r->set.smtpd.max_recipients = was.smtpd.max_recipients;
	r->set.smtpd.max_errors = was.smtpd.max_errors;

	r->set.smtpd.max_idle_commands = 10;
	rig_begin(r);
	for (int i = 0; i < 20 && got != 421; i++)
		got = rig_say(r, "RCPT TO:<later@local.test>", "", 0);
	tap_ok(got == 421 && strstr(r->got, "without mail") != NULL,
	    "a session cannot live on our own trouble");
	rig_close(r);
	r->set.smtpd.max_idle_commands = was.smtpd.max_idle_commands;
}

/* What the journal was told since, in r->got. */
static void
rig_journal(struct rig *r, int fd)
{
	ssize_t n = read(fd, r->got, sizeof(r->got) - 1);

	r->got[n < 0 ? 0 : n] = '\0';
}

static void
test_journal(struct rig *r)
{
	struct journal *j = &r->server.journal;
	size_t max = r->set.smtpd.max_recipients;
	int tube[2];

	if (pipe2(tube, O_NONBLOCK | O_CLOEXEC) != 0)
		abort();
	j->fd = tube[1];
	r->set.smtpd.max_recipients = 400;
	rig_begin(r);
	for (int i = 0; i < 399; i++)
		(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	(void)send(r->pair[1], "DATA\r\n.\r\n", 9, 0);
	(void)shutdown(r->pair[0], SHUT_WR);
	(void)session_step(&r->s);
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(strstr(r->got, "\n97 ") != NULL &&
	        strstr(r->got, "n=400 to=bob") != NULL &&
	        strstr(r->got, "%00") == NULL,
	    "the journal has a message whose client is gone whole");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	r->set.smtpd.max_recipients = max;

	rig_begin(r);
	for (int i = 0; i < 18; i++)
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(span_count_lines(span_of(r->got)) == 6 &&
	        strstr(r->got, "rule=more n=13 helo=c.test\n") != NULL,
	    "the first refusals are told, then only their number");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	rig_begin(r);
	for (int i = 0; i < 10; i++) {
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
		(void)rig_say(r, "DATA", ".\r\n", 3);
		(void)rig_say(r, "MAIL FROM:<>", "", 0);
		(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	}
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(strstr(r->got, "rule=more") == NULL,
	    "each message has its own share of them");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	j->fd = -1;
	(void)close(tube[0]);
	(void)close(tube[1]);
}

static void
test_vrfy(struct rig *r)
{
	static const char user[] = "bob@local.test";

	rig_connect(r);
	r->set.smtpd.vrfy = VRFY_FULL;
	tap_ok(rig_say(r, "VRFY nobody@local.test", "", 0) == 252,
	    "vrfy = full tells nothing to who has not logged in");
	(void)span_copy(span_of(user), r->s.user, sizeof(r->s.user));
	tap_ok(rig_say(r, "VRFY alice@local.test", "", 0) == 250 &&
	        rig_say(r, "VRFY <alice@local.test>", "", 0) == 250,
	    "who has is told of an address that there is");
	tap_ok(rig_say(r, "VRFY nobody@local.test", "", 0) == 550,
	    "and of one that there is not");
	tap_ok(rig_say(r, "VRFY later@local.test", "", 0) == 451,
	    "and to come later, where it cannot be known now");
	tap_ok(rig_say(r, "VRFY <alice", "", 0) == 501, "syntax is syntax");
	r->set.smtpd.vrfy = VRFY_VAGUE;
	rig_close(r);
}

int
main(void)
{
	static struct rig r;

	rig_setup(&r);
	test_limits(&r);
	test_lines(&r);
	test_counts(&r);
	test_journal(&r);
	test_vrfy(&r);
	stub_server_end(&r.server, &r.set);
	return tap_done();
}
