/* SPDX-License-Identifier: ISC */
/*
 * queue-add: messages into the queue. Requests on fds 0 and 1, or from the
 * clients of a listening socket on fd 0, in rounds; or one message from a
 * shell. It only creates, and takes back what it could not finish. Whom it
 * trusts: its clients, for what a message says and for whom it is; nobody for
 * the form of it.
 */
#include <stdio.h>
#include <unistd.h>

#include "bring.h"
#include "fds.h"
#include "prog.h"

#define CLIENTS_MAX 512 /* connections; more wait in the backlog */
#define FILES_MAX   4096 /* descriptors: clients, files of a round */

static struct bring message;
static const struct prog_option options[] = {
	{ 'f', "from", "SENDER",
	    "bring one message from fd 0, with this sender ('' for none)",
	    &message.sender },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "queue-add",
	.usage = "[-C DIR] [-f SENDER RCPT...]",
	.operands = true,
	.summary =
	    "Puts messages into the queue: requests on fd 0, answers on fd 1.",
	.options = options,
	.promises =
	    "stdio unix sendfd recvfd rpath wpath cpath link sync flock",
	.more =
	    "  queue-add -C DIR -f ann@example.org bob@example.org < message\n"
	    "      converts line ends, adds what a header lacks, prints "
	    "`queued\n"
	    "      as <qid>` when the message is on disk. Without -f: the\n"
	    "      protocol of queue-add(8), on a session or a listening "
	    "socket.\n",
};

static enum outcome
serve(struct accept *a, struct fault *f)
{
	static const struct line_service service = { .take = accept_take,
		.finish = accept_finish,
		.after = accept_after,
		.gone = accept_gone,
		.clients_max = CLIENTS_MAX };

	/*
	 * Who served before this process may have answered, and died before it
	 * told this queue-run, which then had no connection of it to see
	 * ending.
	 */
	tell_look(&a->tell);
	return serve_lines(&service, a, f);
}

static enum outcome
bring(struct accept *a, const struct bring *b, struct fault *f)
{
	struct qid qid;

	if (bring_message(a, b, STDIN_FILENO, &qid, f) != OK)
		return f->outcome;
	(void)printf("queued as %s\n", qid.text);
	return OK;
}

int
main(int argc, char *argv[])
{
	struct accept a;
	struct store store;
	struct journal journal;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	message.uid = getuid();
	message.rcpt = argv + optind;
	message.rcpts = (size_t)(argc - optind);
	if ((message.sender == NULL) != (message.rcpts == 0))
		prog_refuse("%s",
		    message.rcpts == 0 ? "no recipient"
		                       : "-f SENDER is missing");
	if (prog_home(&f) != OK)
		prog_exit(&f);
	if (store_open(&store, prog.settings.queue.directory, &f) != OK ||
	    store_lock(&store, STORE_SHARED, STORE_LOCK_WAIT_MS, &f) != OK)
		prog_exit(&f);
	journal_open(&journal, "queue-add");
	(void)fds_raise_limit(FILES_MAX);
	/* link: to publish where renameat2() has no RENAME_NOREPLACE. */
	if (prog_sandbox(about.promises,
	        (const struct sandbox_path[]){
	            { prog.settings.queue.directory, "rwcl" }, { NULL, NULL } },
	        &f) != OK)
		prog_exit(&f);
	accept_begin(&a, &store, &journal, &prog.settings);
	message.size_max = prog.settings.smtpd.max_size;
	(void)(message.sender != NULL ? bring(&a, &message, &f)
	                              : serve(&a, &f));
	accept_end(&a);
	journal_close(&journal);
	store_close(&store);
	prog_exit(&f);
}
