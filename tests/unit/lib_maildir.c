/* SPDX-License-Identifier: ISC */
/* Names of messages in a mailbox: made of the envelope, read again. */
#include "maildir.h"

#include <string.h>

#include "tap.h"

#define QID "01M86GNVVYGA7B4C4WREP6F65E"

static const struct {
	const char *title, *name;
	bool ours;
	uint64_t octets;
	bool dots;
} cases[] = {
	{ "our name is read", "1795515150." QID "R1,S=322,W=322", true, 322,
	    true },
	{ "D=0 says that no line begins with a dot",
	    "1795515150." QID "R1,S=322,W=322,D=0", true, 322, false },
	{ "flags do not belong to it",
	    "1795515150." QID "R1,S=322,W=322,D=0:2,RS", true, 322, false },
	{ "seconds that are not those of the qid are foreign",
	    "1795515151." QID "R1,S=322,W=322", false, 0, false },
	{ "S and W that differ are foreign", "1795515150." QID "R1,S=322,W=323",
	    false, 0, false },
	{ "a number with a leading zero is foreign",
	    "1795515150." QID "R1,S=0322,W=0322", false, 0, false },
	{ "recipient 0 is foreign", "1795515150." QID "R0,S=322,W=322", false,
	    0, false },
	{ "more behind it is foreign", "1795515150." QID "R1,S=322,W=322,X=1",
	    false, 0, false },
	{ "a qid in lower case is foreign",
	    "1795515150.01m86gnvvyga7b4c4wrep6f65eR1,S=1,W=1", false, 0,
	    false },
	{ "another program's name is foreign", "1795515150.M1P2.host", false, 0,
	    false },
	{ "no name is foreign", "", false, 0, false },
};

static void
test_table(void)
{
	struct maildir_name m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool got = maildir_parse_name(span_of(cases[i].name), &m);

		tap_ok(got == cases[i].ours &&
		        (!got ||
		            (m.octets == cases[i].octets &&
		                m.dots == cases[i].dots && m.n == 1)),
		    "%s", cases[i].title);
	}
}

static void
test_round_trip(void)
{
	struct maildir_name m = {
		.n = 4294967295U, .octets = 9223372036854775807U, .dots = false
	};
	struct maildir_name again;
	char name[MAILDIR_NAME_MAX];
	bool all = true;

	(void)qid_parse(span_of(QID), &m.qid);
	maildir_make_name(&m, name);
	tap_ok(maildir_parse_name(span_of(name), &again) && again.n == m.n &&
	        again.octets == m.octets && !again.dots &&
	        strcmp(again.qid.text, m.qid.text) == 0,
	    "the longest name we make is read again");
	for (size_t n = 0; n < strlen(name) - 4; n++) /* ,D=0 is optional */
		all = all &&
		    !maildir_parse_name(span_head(span_of(name), n), &again);
	tap_ok(all, "every truncation of a name is foreign");
	tap_ok(span_eq(maildir_base(span_of("a,S=1:2,S")), "a,S=1") &&
	        span_eq(maildir_base(span_of("a")), "a"),
	    "the base is what stands before the colon");
}

int
main(void)
{
	test_table();
	test_round_trip();
	return tap_done();
}
