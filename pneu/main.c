/* SPDX-License-Identifier: ISC */
/*
 * pneu: the operator's front door and the supervisor. The only program that
 * may run as root; every verb that does not need it becomes the home's owner
 * first.
 */
#include <getopt.h>
#include <string.h>

#include "buf.h"
#include "verbs.h"

/* The verbs for --help, from their table. */
static const char *
verbs_text(void)
{
	static struct buf text = BUF_INIT(4096);

	buf_adds(&text, "Verbs:\n");
	for (const struct verb *v = verbs; v->name != NULL; v++)
		buf_addf(&text, "  %-12s %s\n", v->name, v->about.summary);
	buf_adds(&text, "\n`pneu VERB --help` tells more of each.\n");
	return text.p;
}

int
main(int argc, char *argv[])
{
	const struct prog_about about = { .name = "pneu",
		.usage = "[-C DIR] VERB [ARGUMENT...]",
		.summary = "A mail system of small programs joined by pipes: "
		           "its supervisor and its operator's command.",
		.more = verbs_text(),
		.verbs = true };
	const struct verb *verb = verbs;
	struct fault f = FAULT_NONE;

	prog_begin(&about);
	prog_options(argc, argv); /* only these stand before a verb */
	if (optind == argc)
		prog_refuse("no verb");
	while (verb->name != NULL && strcmp(verb->name, argv[optind]) != 0)
		verb++;
	if (verb->name == NULL)
		prog_refuse("%s is not one of the verbs, which --help lists",
		    argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt begins anew. getopt(3), GNU */
	prog.about = &verb->about;
	(void)verb->run(argc, argv, &f); /* prog_exit reads the fault */
	prog_exit(&f);
}
