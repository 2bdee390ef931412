/* SPDX-License-Identifier: ISC */
/* lib_hostname.c: whatever the machine is called, we give a name that is one. */
#include "hostname.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"
/* Over 253 octets: too long with any host before it. */
#define LONG_DOMAIN L63 "." L63 "." L63 "." L63

static const char *machine;

/* In libc's place. */
int
gethostname(char *name, size_t len)
{
	(void)snprintf(name, len, "%s", machine);
	return 0;
}

static const struct {
	const char *title, *set, *machine, *domain, *want;
	enum outcome outcome;
} cases[] = {
	{ "what is set stands before the machine's name", "mx.example.org",
	    "pc.example.net", "", "mx.example.org", OK },
	{ "which is not even looked at", "mx.example.org", "(none)", "",
	    "mx.example.org", OK },
	{ "the machine's own, if it is qualified", "", "pc.example.net",
	    "example.org", "pc.example.net", OK },
	{ "else in the first local domain", "", "pc", "example.org",
	    "pc.example.org", OK },
	{ "or in none", "", "pc", "", "pc.localdomain", OK },
	{ "a domain that is not ASCII cannot stand in EHLO", "", "pc",
	    "b\xC3\xBC"
	    "cher.example",
	    "pc.localdomain", OK },
	{ "a kernel without a name", "", "(none)", "example.org",
	    "localhost.example.org", PERM },
	{ "a space", "", "a b", "example.org", "localhost.example.org", PERM },
	{ "an underscore", "", "my_host", "", "localhost.localdomain", PERM },
	{ "an underscore in a qualified name", "", "my_host.example.net",
	    "example.org", "localhost.example.org", PERM },
	{ "a dot at the end", "", "pc.example.net.", "example.org",
	    "localhost.example.org", PERM },
	{ "a line feed, which would begin another line of a header", "",
	    "pc\nBcc: x", "example.org", "localhost.example.org", PERM },
	{ "no name at all", "", "", "example.org", "localhost.example.org",
	    PERM },
	{ "a local domain that leaves no room", "", "pc", LONG_DOMAIN,
	    "localhost.localdomain", PERM },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *domain = (char *)(uintptr_t)cases[i].domain;
		struct settings s;
		char name[HOSTNAME_SIZE];
		struct fault f;
		enum outcome got;

		memset(&s, 0, sizeof(s));
		s.pneu.hostname = (char *)(uintptr_t)cases[i].set;
		s.resolve.domain.value = &domain;
		s.resolve.domain.n = domain[0] != '\0';
		machine = cases[i].machine;
		got = hostname_find(&s, name, &f);
		tap_ok(
		    got == cases[i].outcome && strcmp(name, cases[i].want) == 0,
		    "%s: %s", cases[i].title, name);
		tap_ok(got == OK || strstr(f.text, "no host name") != NULL,
		    "said: %s", got == OK ? "nothing" : f.text);
	}
	return tap_done();
}
