/* SPDX-License-Identifier: ISC */
/* lockouts_verb.c: who is locked out after failed logins, and in again. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "identity.h"
#include "journal.h"
#include "lockouts.h"
#include "operator.h"
#include "status.h"
#include "verbs.h"

#define SHOWN_MAX 20 /* lines of text; --json has all of them. Chosen */

/* OK with a NULL table: nothing was ever counted here. */
static enum outcome
open_lockouts(struct lockouts *l, struct fault *f)
{
	int fd = open(LOCKOUTS_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	enum outcome got;

	*l = (struct lockouts){ .table = NULL };
	if (fd == -1 && errno == ENOENT)
		return OK;
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, LOCKOUTS_FILE);
	got = lockouts_open(l, fd, &prog.settings, f);
	(void)close(fd);
	return got;
}

/* Told, but no fault of this system's: it goes by itself. */
static void
put_lockout(struct status *s, const struct lockout *who, bool shown)
{
	char until[CLOCK_TEXT_MAX];

	clock_text_ms(who->until_s * 1000, until);
	status_put(s,
	    json_pack("{s:s, s:s, s:o, s:I, s:s, s:b}", "what", "locked-out",
	        "kind", who->kind == LOCKOUT_ADDRESS ? "address" : "account",
	        "who", json_text(span_of(who->who)), "failures",
	        (json_int_t)who->failures, "until", until, "well", 1),
	    shown ? "locked out: {kind} {who|text}, {failures} failed logins, "
	            "until {until}  (let in again: pneu unlock)"
	          : "");
}

void
status_lockouts(struct status *s)
{
	struct fault f = FAULT_NONE;
	struct lockout who;
	struct lockouts l;
	size_t at = 0, n = 0;

	if (open_lockouts(&l, &f) != OK) {
		status_fail(s, "lockouts", NULL, &f);
		return;
	}
	while (
	    l.table != NULL && lockouts_next(&l, s->now_ms / 1000, &at, &who))
		put_lockout(s, &who, ++n <= SHOWN_MAX);
	if (n > SHOWN_MAX)
		output_note("  locked out: %zu more; --json has all of them\n",
		    n - SHOWN_MAX);
	lockouts_close(&l);
}

static void
journal_unlock(struct span who)
{
	struct journal journal;
	struct record_out out;

	journal_open(&journal, "pneu");
	out = journal_begin(&journal, CODE_UNLOCKED, NULL);
	record_put(out, "who", who);
	record_puts(out, "by", operator_name());
	journal_end(&journal, out);
	journal_flush(&journal);
	journal_close(&journal);
}

enum outcome
verb_unlock(int argc, char *argv[], struct fault *f)
{
	struct lockouts l;
	bool found;

	prog_options(argc, argv);
	if (optind != argc - 1)
		prog_refuse("say whom: an address, as ann@example.org, or an "
		            "IP address");
	(void)operator_name(); /* while we are who called us */
	if (prog_home(f) != OK || open_lockouts(&l, f) != OK)
		return f->outcome;
	found = l.table != NULL && lockouts_forget(&l, span_of(argv[optind]));
	lockouts_close(&l);
	if (!found)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%.128s: no failed logins are counted for that; `pneu "
		    "status` shows who is locked out",
		    argv[optind]);
	journal_unlock(span_of(argv[optind]));
	output(json_pack("{s:s, s:o}", "what", "unlocked", "who",
	           json_text(span_of(argv[optind]))),
	    "{who|text}: let in again");
	return OK;
}
