/* SPDX-License-Identifier: ISC */
/*
 * queue: the operator's verbs on the queue. Reads the queue's directories;
 * asks queue-run over its socket for what changes something. It trusts the
 * operator; what stands in an envelope came from strangers and is shown with
 * nothing in it that a terminal would obey.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prog.h"
#include "verbs.h"

static struct request request = { .settings = &prog.settings };

static const struct prog_option options[] = {
	{ 0, "state", "STATE", "only messages in that state", &request.state },
	{ 0, "address", "ADDRESS",
	    "only from or to that address; @DOMAIN for a whole domain",
	    &request.address },
	{ 0, "reason", "TEXT", "why; kept with the message", &request.reason },
	{ 0, "content", NULL, "show the message itself", &request.content },
	{ 0, "yes", NULL, "do not ask", &request.yes },
	{ 0, "clear-trouble", NULL,
	    "tidy: you have looked at the disk; it is trusted again",
	    &request.clear_trouble },
	{ 0, "wait", NULL,
	    "tidy: wait up to pneu.drain for those who use the queue",
	    &request.wait },
	{ .name = NULL },
};

static const struct verb verbs[] = {
	{ "list", 0, 0, verb_list, NULL, false },
	{ "show", 1, SIZE_MAX, verb_show, NULL, false },
	{ "hold", 0, SIZE_MAX, verb_change, "held", false },
	{ "release", 0, SIZE_MAX, verb_release, "released", false },
	{ "delete", 0, SIZE_MAX, verb_change, "deleted", true },
	{ "flush", 0, SIZE_MAX, verb_flush, "due now", false },
	{ "expire", 0, SIZE_MAX, verb_change, "given up", true },
	{ "stats", 0, 0, verb_stats, NULL, false },
	{ "tidy", 0, 0, verb_tidy, NULL, false },
};

static const struct prog_about about = {
	.name = "queue",
	.usage = "[-C DIR] VERB [OPTION...] [QID...]",
	.operands = true,
	.json = true,
	.summary = "What waits in the queue, and what is to become of it.",
	.options = options,
	.promises = "stdio unix rpath wpath cpath link sync flock",
	.more =
	    "Verbs:\n"
	    "  list             all that waits, with --state and --address\n"
	    "  show QID...      one message: its envelope, its history\n"
	    "  hold QID...      not delivered until released; or by --address\n"
	    "  release QID...   delivered again; or by --address\n"
	    "  delete QID...    removed without a report\n"
	    "  flush [QID|DOMAIN]  deferred messages are tried now\n"
	    "  expire QID...    undeliverable: removed, and its sender gets a "
	    "report\n"
	    "  stats            messages in each state, and the oldest of "
	    "each\n"
	    "  tidy             removes what crashes left, when nothing runs\n",
};

static enum outcome
run_verb(struct request *r, struct fault *f)
{
	static struct store store;
	static struct journal journal;
	static struct service run;
	enum outcome got;

	service_begin(&run, "queue-run", 0);
	run.argument = "--requests"; /* of one that is started here */
	journal_open(&journal, about.name);
	got = store_open(&store, prog.settings.queue.directory, f);
	if (got == OK && r->verb->done != NULL)
		got = service_open(&run, f);
	if (got == OK)
		got = prog_sandbox(about.promises,
		    (const struct sandbox_path[]){
		        { prog.settings.queue.directory, "rwcl" },
		        { NULL, NULL } },
		    f);
	r->store = &store;
	r->journal = &journal;
	r->run = &run;
	if (got == OK)
		got = r->verb->run(r, f);
	service_free(&run);
	store_close(&store);
	journal_close(&journal);
	return got;
}

/* The verb by its name; a call that is wrong ends here, in a sentence. */
static const struct verb *
find_verb(const char *name, size_t operands)
{
	const struct verb *v = verbs, *end = verbs + sizeof(verbs) / sizeof(*v);

	while (v < end && (name == NULL || strcmp(v->name, name) != 0))
		v++;
	if (v < end && operands >= v->least && operands <= v->most)
		return v;
	if (v == end)
		prog_refuse(
		    "say list, show, hold, release, delete, flush, expire, "
		    "stats or tidy");
	prog_refuse("%s%s", v->name,
	    operands < v->least ? ": say which queue id"
	                        : " takes no queue id");
}

int
main(int argc, char *argv[])
{
	struct request *r = &request;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	r->operand = argv + optind + 1;
	r->operands = argc > optind ? (size_t)(argc - optind - 1) : 0;
	r->verb = find_verb(argv[optind], r->operands);
	r->is_terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	json_object_seed((size_t)randombytes_random() | 1);
	/* A stream's first look at its descriptor is before the sandbox. */
	(void)setvbuf(
	    stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, 65536);
	if (run_verb(r, &f) == OK)
		f.outcome = OK;
	prog_exit(&f);
}
