/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static const struct {
	const char *title, *text, *error; /* error NULL: it is good */
} cases[] = {
	{ "an empty file is good", "", NULL },
	{ "comments and blank lines are passed over",
	    "# a\n\n  # b\n[smtpd]\n\n", NULL },
	{ "spaces around are of no matter", " [smtpd]\n  timeout=  30s  \n",
	    NULL },
	{ "a size has a unit", "[smtpd]\nmax_size = 25M\n", NULL },
	{ "an unknown section has its line", "\n[smtp]\n",
	    ":2: unknown section [smtp]" },
	{ "an unknown key has its line", "[smtpd]\ntimeuot = 5m\n",
	    ":2: unknown setting timeuot in [smtpd]" },
	{ "a key of another section is unknown", "[pop3d]\nmax_size = 25M\n",
	    ":2: unknown setting max_size in [pop3d]" },
	{ "a key before a section", "max = 3\n", "before any [section]" },
	{ "a number out of range says the range", "[smtpd]\nmax = 257\n",
	    "max wants a number from 1 to 256" },
	{ "a time without sense says what is wanted",
	    "[smtpd]\ntimeout = soon\n", "timeout wants a time" },
	{ "a size below the floor", "[smtpd]\ncommand_max = 511\n",
	    "from 512 to 16K" },
	{ "a choice says its choices", "[smtpd]\nbare_lf = maybe\n",
	    "bare_lf is one of: reject accept" },
	{ "a setting twice", "[smtpd]\nmax = 3\nmax = 4\n",
	    ":3: max is set twice" },
	{ "settings must agree", "[smtpd]\nstart = 9\nmax = 8\n",
	    ":2: [smtpd] start is over [smtpd] max" },
	{ "of each pool", "[pop3-session]\nmin_idle = 9\nmax = 8\n",
	    ":2: [pop3-session] min_idle is over [pop3-session] max" },
	{ "with what another section says", "[queue]\nrecipients_max = 100\n",
	    ":2: [smtpd] max_recipients is over [queue] recipients_max" },
	{ "parking ends below where it begins", "[storage]\nlow_pct = 99\n",
	    ":2: [storage] low_pct is over [storage] high_pct" },
	{ "a former name says what to write", "[queue]\nmin_free = 1M\n",
	    ":2: min_free is not in [queue] any more: write min_free = 1M "
	    "under [storage]" },
	{ "also of a role", "[smtpd submission]\nmin_free = 1M\n",
	    ":2: min_free is not in [smtpd submission] any more: write "
	    "min_free = 1M under [storage]" },
	{ "a role has settings of its own",
	    "[smtpd submission]\nmax = 8\n[smtpd]\nmax = 9\n", NULL },
	{ "an unknown role is an unknown section", "[smtpd imap]\n",
	    ":1: unknown section [smtpd imap]" },
	{ "a section without roles has none", "[pop3d submission]\n",
	    ":1: unknown section [pop3d submission]" },
	{ "a list stays in the section itself",
	    "[smtpd submission]\nlisten = 127.0.0.1:587\n",
	    ":2: listen belongs in [smtpd], also for submission" },
	{ "a role's setting twice", "[smtpd submission]\nmax = 8\nmax = 9\n",
	    ":3: max is set twice in [smtpd submission]" },
	{ "a role's settings must agree, with those that it inherits too",
	    "[smtpd]\nstart = 9\n[smtpd submission]\nmax = 8\n",
	    ":4: [smtpd submission] start is over [smtpd submission] max" },
	{ "no ']'", "[smtpd\n", ":1: no ']'" },
	{ "carriage returns at the ends of lines are of no matter",
	    "[smtpd]\r\nbanner = hello\r\n\r\ntimeout = 30s\r\n", NULL },
	{ "nor is a byte order mark before the first",
	    "\xEF\xBB\xBF[smtpd]\ntimeout = 30s\n", NULL },
	{ "anywhere else it is not passed over",
	    "[smtpd]\n\xEF\xBB\xBF[pop3d]\n",
	    ":2: neither [section] nor key = value" },
	{ "UTF-16 is said to be that", "\xFF\xFE[", ":1: in UTF-16: save it" },
	{ "in either order", "\xFE\xFF", ":1: in UTF-16: save it" },
	{ "but within a value", "[smtpd]\nbanner = a\rb\n",
	    ":2: the value of banner has a control character" },
	{ "nor any other control octet", "[smtpd]\nbanner = \033[2J\n",
	    ":2: the value of banner has a control character" },
	{ "a value that is not UTF-8", "[smtpd]\nbanner = \xC3(\n",
	    ":2: the value of banner has a control character, or is not "
	    "UTF-8" },
	{ "a host name that is none", "[pneu]\nhostname = my_host\n",
	    ":2: [pneu] hostname = my_host: not a host name" },
	{ "nor is one that is not ASCII",
	    "[pneu]\nhostname = mx.b\xC3\xBC"
	    "cher.example\n",
	    ":2: [pneu] hostname = mx.b\xC3\xBC"
	    "cher.example: not a host" },
	{ "a local domain may be",
	    "[resolve]\ndomain = b\xC3\xBC"
	    "cher.example\n",
	    NULL },
	{ "a local domain that is none", "[resolve]\ndomain = a..b\n",
	    ":2: [resolve] domain = a..b: not a domain name" },
	{ "a line that is nothing", "[smtpd]\nhello\n",
	    "neither [section] nor key = value" },
};

static char path[] = "/tmp/pneu-unit-config.XXXXXX";

static enum outcome
load(const char *text, struct settings *s, struct buf *errors)
{
	struct fault f = FAULT_NONE;
	FILE *out = fopen(path, "w");

	if (out == NULL || fputs(text, out) == EOF || fclose(out) != 0)
		return TEMP;
	buf_reset(errors);
	return config_load(s, path, errors, &f);
}

static void
test_values(void)
{
	struct settings s;
	struct buf errors = BUF_INIT(65536), b = BUF_INIT(4096);
	struct fault f = FAULT_NONE;

	tap_ok(config_load(&s, NULL, &errors, &f) == OK &&
	        s.smtpd.service.max == 20 && s.smtpd.timeout_ms == 300000 &&
	        s.smtpd.listen.n == 1,
	    "the defaults alone are good");
	config_free(&s);
	tap_ok(load("[smtpd]\nlisten = [::1]:25\nlisten = 127.0.0.1:25\n"
	            "timeout = 90\n[resolve]\ndomain = a.test\n",
	           &s, &errors) == OK &&
	        s.smtpd.listen.n == 2 &&
	        strcmp(s.smtpd.listen.value[0], "[::1]:25") == 0 &&
	        s.smtpd.timeout_ms == 90000 && s.resolve.domain.n == 1,
	    "repeated keys are a list that replaces the default");
	for (const struct setting_row *r = setting_rows; r->section; r++) {
		if (strcmp(r->key, "timeout") != 0 ||
		    (strcmp(r->section, "smtpd") != 0 &&
		        strcmp(r->section, "pop3d") != 0))
			continue;
		buf_reset(&b);
		config_put_value(&b, &s, r, ",");
		tap_ok(
		    strcmp(b.p,
		        strcmp(r->section, "smtpd") == 0 ? "90s" : "10m") == 0,
		    "[%s] timeout is shown as %s", r->section, b.p);
	}
	config_free(&s);
	buf_free(&b);
	buf_free(&errors);
}

/* What is printed as a default is what the parser takes for it. */
static void
test_rows(void)
{
	struct settings s, again;
	struct buf errors = BUF_INIT(65536), text = BUF_INIT(65536);
	struct fault f = FAULT_NONE;
	const char *section = "";
	enum outcome got = config_load(&s, NULL, &errors, &f);

	for (const struct setting_row *r = setting_rows; r->section; r++) {
		if (strcmp(section, r->section) != 0)
			buf_addf(&text, "[%s]\n", r->section);
		section = r->section;
		buf_addf(&text, "%s = ", r->key);
		config_put_value(&text, &s, r, "");
		buf_addc(&text, '\n');
		if (r->help == NULL || r->help[0] == '\0')
			got = PERM;
	}
	tap_ok(got == OK && load(text.p, &again, &errors) == OK,
	    "every default is shown as it may be written: %s", errors.p);
	config_free(&s);
	config_free(&again);
	buf_free(&text);
	buf_free(&errors);
}

static void
test_roles(void)
{
	struct settings s;
	struct buf errors = BUF_INIT(65536), text = BUF_INIT(65536);

	tap_ok(load("[smtpd submission]\nmax = 7\nbanner = hello\n"
	            "[smtpd]\nmax_size = 10M\nbanner = ESMTP\n",
	           &s, &errors) == OK &&
	        s.smtpd.service.max == 20 && s.submission.service.max == 7 &&
	        strcmp(s.submission.banner, "hello") == 0 &&
	        s.submission.max_size == 10UL << 20,
	    "what a role does not say is as in its section");
	config_take_role(&s, config_find_role(span_of("smtpd"), span_of("mx")));
	tap_ok(s.smtpd.role == ROLE_MX && s.smtpd.service.max == 20,
	    "mx is the section itself");
	config_take_role(
	    &s, config_find_role(span_of("smtpd"), span_of("submission")));
	tap_ok(s.smtpd.role == ROLE_SUBMISSION && s.smtpd.service.max == 7 &&
	        strcmp(s.smtpd.banner, "hello") == 0,
	    "a program with another role has that one's settings in its place");
	config_free(&s);
	buf_reset(&text);
	buf_addf(&text, "[smtpd submission]\nbanner = %05000d\n", 0);
	tap_ok(load(text.p, &s, &errors) == PERM &&
	        strstr(errors.p, ":2: banner is too long") != NULL &&
	        strcmp(s.submission.banner, "ESMTP Pneu") == 0,
	    "a wrong one is as in its section, too");
	config_free(&s);
	buf_free(&text);
	buf_free(&errors);
}

int
main(void)
{
	struct buf errors = BUF_INIT(65536);
	struct settings s;
	int fd = mkstemp(path);

	if (fd == -1)
		return 1;
	(void)close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum outcome got = load(cases[i].text, &s, &errors);

		tap_ok(cases[i].error == NULL ? got == OK && errors.len == 0
		                              : got == PERM &&
		            strstr(errors.p, cases[i].error) != NULL,
		    "%s", cases[i].title);
		config_free(&s);
	}
	(void)load("[smtpd]\nx = 1\ny = 2\n", &s, &errors);
	config_free(&s);
	tap_ok(
	    strstr(errors.p, ":2:") != NULL && strstr(errors.p, ":3:") != NULL,
	    "all errors are told, not the first alone");
	test_values();
	test_rows();
	test_roles();
	(void)unlink(path);
	buf_free(&errors);
	return tap_done();
}
