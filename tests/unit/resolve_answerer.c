/* SPDX-License-Identifier: ISC */
#include "../../resolve/answerer.h"

#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "prog.h"
#include "tap.h"

int
main(void)
{
	static const struct prog_about about = { .name = "test" };
	struct answerer a = { .journal = { .fd = -1,
		                  .program = "test",
		                  .pending = BUF_INIT(JOURNAL_PENDING_MAX) } };
	struct journal *j = &a.journal;
	int null = open("/dev/null", O_WRONLY), err = dup(STDERR_FILENO);

	prog_begin(&about);
	if (null == -1 || err == -1 || dup2(null, STDERR_FILENO) == -1)
		return 1;
	j->fd = null;
	for (int i = 0; i < 1000; i++)
		answerer_alarm_seldom(&a, "alias-loop", "around");
	tap_ok(j->pending_entries == 1, "a flood of alarms is one alarm");
	a.alarm_ms = clock_mono_ms() - ANSWERER_ALARM_MS;
	answerer_alarm_seldom(&a, "alias-loop", "around");
	tap_ok(j->pending_entries == 2, "a minute later it is raised again");
	answerer_alarm(&a, "directory", "damaged");
	answerer_alarm(&a, "directory", "damaged");
	tap_ok(j->pending_entries == 4,
	    "what no client can bring about is "
	    "always told");
	(void)dup2(err, STDERR_FILENO);
	buf_free(&j->pending);
	return tap_done();
}
