/* SPDX-License-Identifier: ISC */
/* status.c: `pneu status`: its parts, one after the other. */
#include "status.h"

#include "clock.h"
#include "verbs.h"

enum outcome
verb_status(int argc, char *argv[], struct fault *f)
{
	struct status s = { .well = true };

	prog_options(argc, argv);
	if (prog_home(f) != OK)
		return f->outcome;
	s.now_ms = clock_wall_ms();
	status_services(&s);
	status_queue(&s, prog.settings.queue.directory);
	status_journal(&s);
	status_disk(&s, "queue", prog.settings.queue.directory);
	status_disk(&s, "mail", prog.settings.mail.directory);
	status_disk(&s, "journal", "journal");
	output(json_pack("{s:s, s:b}", "what", "verdict", "well", (int)s.well),
	    NULL);
	if (!s.well)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "problems found: see the lines marked !");
	return OK;
}
