/* SPDX-License-Identifier: ISC */
#include "../../submit/arguments.h"

#include <string.h>

#include "tap.h"

#define WORDS 12

static const struct {
	const char *title;
	const char *argv[WORDS]; /* after the name */
	enum mode mode;
	const char *sender, *name; /* or NULL */
	bool header, dots;
	size_t recipients;
	bool wrong;
} cases[] = {
	{ "nothing", { NULL }, MODE_SEND, NULL, NULL, false, false, 0, false },
	{ "recipients", { "a", "b" }, MODE_SEND, NULL, NULL, false, false, 2,
	    false },
	{ "PHP's", { "-t", "-i" }, MODE_SEND, NULL, NULL, true, true, 0,
	    false },
	{ "letters together", { "-ti" }, MODE_SEND, NULL, NULL, true, true, 0,
	    false },
	{ "the old way", { "-oi", "-ot", "-oem", "a" }, MODE_SEND, NULL, NULL,
	    true, true, 1, false },
	{ "cron's", { "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root" },
	    MODE_SEND, NULL, "CronDaemon", false, true, 1, false },
	{ "cronie's",
	    { "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "bob" },
	    MODE_SEND, "bob", "CronDaemon", true, true, 0, false },
	{ "mutt's", { "-oem", "-oi", "-f", "a@x", "--", "b@x" }, MODE_SEND,
	    "a@x", NULL, false, true, 1, false },
	{ "git's", { "-i", "-f", "a@x", "b@x", "c@x" }, MODE_SEND, "a@x", NULL,
	    false, true, 2, false },
	{ "a value in the next word of letters", { "-tif", "a" }, MODE_SEND,
	    "a", NULL, true, true, 0, false },
	{ "an empty sender", { "-f", "", "b" }, MODE_SEND, "", NULL, false,
	    false, 1, false },
	{ "a session", { "-bs" }, MODE_SESSION, NULL, NULL, false, false, 0,
	    false },
	{ "mailq", { "-bp" }, MODE_LIST, NULL, NULL, false, false, 0, false },
	{ "the queue, at intervals", { "-q15m" }, MODE_RUN, NULL, NULL, false,
	    false, 0, false },
	{ "options of others",
	    { "-N", "never", "-R", "hdrs", "-V", "x", "-G", "-U", "-v", "a" },
	    MODE_SEND, NULL, NULL, false, false, 1, false },
	{ "reports", { "-Nfailure,delay,success", "a" }, MODE_SEND, NULL, NULL,
	    false, false, 1, false },
	{ "the version", { "-V" }, MODE_VERSION, NULL, NULL, false, false, 0,
	    false },
	{ "help", { "--help" }, MODE_HELP, NULL, NULL, false, false, 0, false },
	{ "a daemon", { "-bd" }, MODE_SEND, NULL, NULL, false, false, 0, true },
	{ "no such option", { "-Q" }, MODE_SEND, NULL, NULL, false, false, 0,
	    true },
	{ "no such long one", { "--no" }, MODE_SEND, NULL, NULL, false, false,
	    0, true },
	{ "a missing value", { "-f" }, MODE_SEND, NULL, NULL, false, false, 0,
	    true },
	{ "an option behind a recipient", { "a", "-fx" }, MODE_SEND, NULL, NULL,
	    false, false, 0, true },
	{ "a recipient that looks like one", { "--", "-X" }, MODE_SEND, NULL,
	    NULL, false, false, 0, true },
	{ "a bad -N", { "-N", "never,delay" }, MODE_SEND, NULL, NULL, false,
	    false, 0, true },
	{ "a bad -R", { "-R", "some" }, MODE_SEND, NULL, NULL, false, false, 0,
	    true },
	{ "an envelope id of two lines", { "-V", "a\r\nRCPT", "b" }, MODE_SEND,
	    NULL, NULL, false, false, 0, true },
	{ "a body of two words", { "-B", "7BIT SIZE=1" }, MODE_SEND, NULL, NULL,
	    false, false, 0, true },
};

static bool
is_same(const char *got, const char *want)
{
	return want == NULL ? got == NULL
	                    : got != NULL && strcmp(got, want) == 0;
}

static bool
is_right(size_t i, const struct arguments *a)
{
	return a->mode == cases[i].mode &&
	    is_same(a->sender, cases[i].sender) &&
	    is_same(a->name, cases[i].name) &&
	    a->reads_header == cases[i].header &&
	    a->takes_dots == cases[i].dots &&
	    a->recipients == cases[i].recipients;
}

static void
test_called(const char *name, enum mode want)
{
	char text[32];
	char *argv[] = { text, NULL };
	struct arguments a;
	struct fault f;

	(void)snprintf(text, sizeof(text), "%s", name);
	tap_ok(arguments_parse(1, argv, &a, &f) == OK && a.mode == want,
	    "called %s", name);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[WORDS][64] = { "sendmail" };
		char *argv[WORDS + 1] = { words[0] };
		struct arguments a;
		struct fault f = FAULT_NONE;
		int n = 1;

		for (; n < WORDS && cases[i].argv[n - 1] != NULL; n++) {
			(void)snprintf(words[n], sizeof(words[n]), "%s",
			    cases[i].argv[n - 1]);
			argv[n] = words[n];
		}
		tap_ok(arguments_parse(n, argv, &a, &f) == OK
		        ? !cases[i].wrong && is_right(i, &a)
		        : cases[i].wrong && f.outcome == PERM,
		    "%s", cases[i].title);
	}
	test_called("/usr/bin/mailq", MODE_LIST);
	test_called("newaliases", MODE_ALIASES);
	return tap_done();
}
