/* SPDX-License-Identifier: ISC */
#include "password.h"

#include <string.h>

#include "../../pop3d/command.h"

#include "tap.h"

_Static_assert(sizeof("PASS \r\n") - 1 + PASSWORD_MAX == POP3_LINE_MAX,
    "PASS carries the longest password");

/* Does pop3d's parser find it in a PASS line, octet for octet? */
static bool
is_carried(struct span password)
{
	char line[POP3_LINE_MAX + 16] = "PASS ";
	struct pop3_command c;

	memcpy(line + 5, password.p, password.len);
	c = pop3_command_parse((struct span){ line, 5 + password.len });
	return 5 + password.len + 2 <= POP3_LINE_MAX && c.error == NULL &&
	    c.verb == POP3_PASS && c.argument.len > 0 &&
	    span_same(c.argument, password);
}

static void
try_password(const char *title, struct span password, bool want)
{
	struct fault f = FAULT_NONE;

	tap_ok(is_carried(password) == want &&
	        (password_check(password, &f) == OK) == want &&
	        (want || f.outcome == PERM),
	    "%s is %s", title, want ? "a password" : "none");
}

static void
try_each_octet(void)
{
	char text[3] = "a?b";
	struct fault f;
	int differ = 0;

	for (int c = 0; c <= 0xFF; c++) {
		struct span password = { text, 3 };

		text[1] = (char)c;
		if (is_carried(password) !=
		    (password_check(password, &f) == OK))
			differ++;
	}
	tap_ok(differ == 0, "each octet is allowed where pop3d takes it");
}

int
main(void)
{
	char digits[PASSWORD_MAX + 1];

	memset(digits, '7', sizeof(digits));
	try_password("a word", SPAN_LIT("secret"), true);
	try_password("what has spaces all around", SPAN_LIT("  a b  "), true);
	try_password("UTF-8", SPAN_LIT("m\xC3\xBCller"), true);
	try_password("Latin-1", SPAN_LIT("m\xFCller"), false);
	try_password("nothing", SPAN_LIT(""), false);
	try_password("what has a TAB", SPAN_LIT("a\tb"), false);
	try_password("what has an octet 0", SPAN_LIT("a\0b"), false);
	try_password(
	    "the longest", (struct span){ digits, PASSWORD_MAX }, true);
	try_password(
	    "one octet more", (struct span){ digits, PASSWORD_MAX + 1 }, false);
	try_each_octet();
	return tap_done();
}
