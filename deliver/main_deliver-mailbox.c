/* SPDX-License-Identifier: ISC */
/*
 * deliver-mailbox: a line service that links queued messages into mailboxes
 * and syncs them when asked. Requests come from queue-run; the wire is
 * lib/wire_deliver.h. It reads no octet of any message, but to copy it.
 */
#include "mailbox.h"
#include "prog.h"
#include "serve.h"
#include "wire_deliver.h"

#define CLIENTS_MAX 64 /* queue-run, and a person now and then */

struct deliverer {
	struct mailbox_store store;
	struct journal journal;
	struct fault refused; /* what ended a client that spoke nonsense */
};

static void
answer(struct deliverer *d, struct client *client, struct span line)
{
	struct deliver_req req;
	enum deliver_how how = DELIVER_NONE;
	enum outcome got;
	struct fault f = FAULT_NONE, second = FAULT_NONE;

	got = wire_deliver_get_req(line, &req, &f);
	if (got != OK) {
		/* Protocol error: say why, read nothing more from it. */
		req.word = DELIVER_HELLO;
		client->end = true;
		d->refused = f;
	} else if (req.word == DELIVER_DELIVER) {
		got = mailbox_deliver(&d->store, &req, &how, &f);
	} else if (req.word == DELIVER_SYNC) {
		got = mailbox_sync(&d->store, req.path, &f);
	} else if (req.word == DELIVER_SYNC_ALL) {
		got = mailbox_sync_all(&d->store, &f);
	}
	if (wire_deliver_put_ans(
	        &client->outbuf, &req, got, how, &f, &second) != OK)
		client->end = true;
}

static enum outcome
take(void *arg, struct client *client, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	size_t at = 0, lf;

	*used = *requests = 0;
	while (*requests < most && !client->end) {
		lf = span_find(span_from(in, at), '\n');
		if (lf >= RECORD_MAX)
			return fault_set(f, TEMP, "4.3.0", 0,
			    "deliver request: longer than a record");
		if (at + lf >= in.len)
			break;
		answer(arg, client, span_head(span_from(in, at), lf));
		at += lf + 1;
		++*requests;
	}
	*used = at;
	return OK;
}

static void
after(void *arg)
{
	struct deliverer *d = arg;

	/* The sandbox is for life: the next one opens what is there now. */
	if (d->store.is_replaced) {
		(void)fault_set(&d->refused, TEMP, FAULT_NO_MAILBOX, 0,
		    "the mail directory was moved or replaced");
		serve_stopping = 1;
	}
	mailbox_next_round(&d->store);
	journal_flush(&d->journal);
}

static const struct line_service service = {
	.take = take,
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
		{ NULL, NULL } };
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
		f = d.refused;
	journal_close(&d.journal);
	mailbox_store_free(&d.store);
	prog_exit(&f);
}
