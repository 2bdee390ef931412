/* SPDX-License-Identifier: ISC */
/* Names of messages in a mailbox: made of the envelope, read again. */
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
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

static void
set_time(int dir, uint64_t ms)
{
	const struct timespec now = { .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };
	const struct timespec times[2] = { now, now };

	if (futimens(dir, times) != 0)
		abort();
}

struct looks {
	int dir, n;
	bool busy; /* it changes during each look */
	bool early; /* a look in the tick of the last change */
};

static enum outcome
count_look(void *arg, struct fault *f)
{
	struct looks *l = arg;
	uint64_t now = clock_wall_ms();
	struct stat st;

	(void)f;
	if (fstat(l->dir, &st) != 0)
		abort();
	l->early = l->early ||
	    now - (uint64_t)st.st_mtim.tv_sec * 1000 -
	            (uint64_t)st.st_mtim.tv_nsec / 1000000 <
	        MAILDIR_TICK_MS;
	l->n++;
	if (l->busy)
		set_time(l->dir, now - 5000 + (uint64_t)l->n);
	return OK;
}

static void
test_looks(void)
{
	char name[] = "/tmp/pneu-maildir.XXXXXX";
	int dir = mkdtemp(name) == NULL ? -1 : open(name, O_RDONLY);
	struct looks l = { .dir = dir };
	struct fault f;

	set_time(dir, clock_wall_ms());
	tap_ok(
	    maildir_look(dir, count_look, &l, &f) == OK && !l.early && l.n == 1,
	    "a change is not looked at while another could go unseen");
	l = (struct looks){ .dir = dir };
	set_time(dir, clock_wall_ms() + 3600000);
	tap_ok(maildir_look(dir, count_look, &l, &f) == OK && l.n == 1,
	    "a time to come is not waited for");
	l = (struct looks){ .dir = dir, .busy = true };
	tap_ok(maildir_look(dir, count_look, &l, &f) == TEMP &&
	        f.error == EAGAIN && l.n == MAILDIR_LOOKS,
	    "what changes all the time is not looked at for ever");
	(void)close(dir);
	(void)rmdir(name);
}

int
main(void)
{
	test_looks();
	test_table();
	test_round_trip();
	return tap_done();
}
