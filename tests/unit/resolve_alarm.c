/* SPDX-License-Identifier: ISC */
#include "../../resolve/alarm.h"

#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "prog.h"
#include "tap.h"

int
main(void)
{
	static const struct prog_about about = { .name = "test" };
	struct journal j = { .fd = -1,
		.program = "test",
		.pending = BUF_INIT(JOURNAL_PENDING_MAX) };
	uint64_t last_ms = 0;
	int null = open("/dev/null", O_WRONLY), err = dup(STDERR_FILENO);

	prog_begin(&about);
	if (null == -1 || err == -1 || dup2(null, STDERR_FILENO) == -1)
		return 1;
	j.fd = null;
	for (int i = 0; i < 1000; i++)
		alarm_raise_seldom(&j, &last_ms, "alias-loop", "around");
	tap_ok(j.pending_entries == 1, "a flood of alarms is one alarm");
	last_ms = clock_mono_ms() - ALARM_MS;
	alarm_raise_seldom(&j, &last_ms, "alias-loop", "around");
	tap_ok(j.pending_entries == 2, "a minute later it is raised again");
	alarm_raise(&j, "directory", "damaged");
	alarm_raise(&j, "directory", "damaged");
	tap_ok(j.pending_entries == 4,
	    "what no client can bring about is "
	    "always told");
	(void)dup2(err, STDERR_FILENO);
	buf_free(&j.pending);
	return tap_done();
}
