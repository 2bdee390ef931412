/* SPDX-License-Identifier: ISC */
/*
 * deliver-mailbox: a line service that links queued messages into mailboxes
 * and syncs them when asked. Requests come from queue-run; the wire is
 * lib/wire_deliver.h. It reads no octet of any message, but to copy it.
 */
#include "mailbox.h"
#include "prog.h"
#include "serve.h"
#include "usage.h"
#include "wire_deliver.h"

#define CLIENTS_MAX 64 /* queue-run, and a person now and then */

struct deliverer {
	struct mailbox_store store;
	struct journal journal;
	struct fault replaced; /* the mail directory is another by now */
};

static enum outcome
answer(void *arg, struct client *client, struct span line, struct fault *f)
{
	struct mailbox_store *s = &((struct deliverer *)arg)->store;
	enum deliver_how how = DELIVER_NONE;
	struct fault why = FAULT_NONE, ignored;
	struct deliver_req req;
	enum outcome got = OK;

	if (wire_deliver_get_req(line, &req, f) != OK) {
		/* Protocol error: say why, read nothing more from it. */
		req.word = DELIVER_HELLO;
		(void)!wire_deliver_put_ans(
		    &client->outbuf, &req, f->outcome, how, f, &ignored);
		return f->outcome;
	}
	if (req.word == DELIVER_DELIVER)
		got = mailbox_deliver(s, &req, &how, &why);
	else if (req.word == DELIVER_SYNC)
		got = mailbox_sync(s, req.path, &why);
	else if (req.word == DELIVER_SYNC_ALL)
		got = mailbox_sync_all(s, &why);
	return wire_deliver_put_ans(&client->outbuf, &req, got, how, &why, f);
}

static void
after(void *arg)
{
	struct deliverer *d = arg;

	/* The sandbox is for life: the next one opens what is there now. */
	if (d->store.is_replaced) {
		(void)fault_set(&d->replaced, TEMP, FAULT_NO_MAILBOX, 0,
		    "the mail directory was moved or replaced");
		serve_stopping = 1;
	}
	mailbox_next_round(&d->store);
	journal_flush(&d->journal);
}

static const struct line_service service = {
	.line = answer,
	.after = after,
	.clients_max = CLIENTS_MAX,
};

static const struct prog_about about = {
	.name = "deliver-mailbox",
	.usage = "[-C DIR] [-c FILE]",
	.summary = "Link queued messages into mailboxes, and sync them on "
	           "request. Requests on fd 0,\nanswers on fd 1, one record a "
	           "line.",
	.promises = "stdio rpath wpath cpath link sync",
	.more = "Example:\n"
	        "  echo 'sync path=example.org/bob' | deliver-mailbox -C DIR\n",
};

int
main(int argc, char *argv[])
{
	static struct deliverer d;
	const struct settings *s = &prog.settings;
	struct sandbox_path paths[] = { { NULL, "rwcl" }, { NULL, "rwcl" },
		{ USAGE_DIRECTORY, "rwc" }, { NULL, NULL } };
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	journal_open(&d.journal, about.name);
	serve_signals();
	/* The same rights on both: a difference makes link() answer EXDEV. */
	paths[0].path = s->queue.directory;
	paths[1].path = s->mail.directory;
	if (mailbox_store_open(&d.store, s->queue.directory, s->mail.directory,
	        &d.journal, &f) != OK ||
	    prog_sandbox(about.promises, paths, &f) != OK)
		prog_exit(&f);
	(void)mailbox_try_links(&d.store);
	if (serve_lines(&service, &d, &f) == OK)
		f = d.replaced;
	journal_close(&d.journal);
	mailbox_store_free(&d.store);
	prog_exit(&f);
}
