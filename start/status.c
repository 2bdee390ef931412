/* SPDX-License-Identifier: ISC */
/* status.c: `pneu status`: its parts, one after the other. */
#include "status.h"

#include <getopt.h>

#include "clock.h"
#include "output.h"
#include "verbs.h"

enum { OPTION_JSON = 256 };

const struct prog_option status_options[] = {
	{ OPTION_JSON, "json", NULL, "one JSON object a line" },
	{ 0, NULL, NULL, NULL },
};

enum outcome
verb_status(int argc, char *argv[], struct fault *f)
{
	struct status s = { .well = true };
	const char *value;
	int letter;

	while ((letter = prog_option(argc, argv, &value)) != -1)
		prog.json |= letter == OPTION_JSON;
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
