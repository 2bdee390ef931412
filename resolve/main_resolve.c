/* SPDX-License-Identifier: ISC */
/*
 * resolve: address to destination. A line service: requests on fd 0, answers
 * on fd 1; its callers are smtpd and queue-run, and it trusts neither. It
 * reads the directory's entries, never a secret, and writes nothing.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alarm.h"
#include "lookup.h"
#include "prog.h"
#include "serve.h"

#define CLIENTS_MAX 1024 /* connections: each smtpd keeps one */
#define STEPS_OCTETS                                                           \
	(48UL * 1024) /* of one explanation; a tenth of it is used */

struct resolver {
	struct lookup lookup;
	struct journal journal;
	struct buf steps;
	bool looked; /* in this round, for a new database */
	uint64_t alarm_ms; /* of the last alarm about loops */
};

/* Any client can ask for a loop again and again. */
static void
note_loop(struct resolver *r, struct span to, const struct fault *f)
{
	char text[FAULT_TEXT_MAX + 100];

	r->lookup.looped = false;
	(void)snprintf(text, sizeof(text), SPAN_FMT ": %s",
	    SPAN_ARG(span_head(to, to.len < 80 ? to.len : 80)), f->text);
	alarm_raise_seldom(&r->journal, &r->alarm_ms, "alias-loop", text);
}

static void
look(struct resolver *r)
{
	struct fault f;

	if (compiled_look(&r->lookup.entries, &f) != OK)
		alarm_raise(&r->journal, "directory", f.text);
}

static enum outcome
answer(struct resolver *r, struct span line, struct buf *out, struct fault *f)
{
	struct record record;
	struct resolve_req req;
	struct resolve_ans ans;
	struct fault why;
	enum outcome got;

	if (wire_resolve_get_req(line, &record, &req, f) != OK)
		return f->outcome;
	buf_reset(&r->steps);
	got = lookup_find(&r->lookup, req.forward_path, &ans,
	    req.explain ? &r->steps : NULL, &why);
	if (r->lookup.looped)
		note_loop(r, req.forward_path, &why);
	if (r->steps.len > 0)
		buf_add(out, buf_span(&r->steps));
	return wire_resolve_put_ans(out, req.forward_path, got, &ans, &why, f);
}

static enum outcome
take(void *arg, struct client *client, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	struct resolver *r = arg;
	struct span rest = in;
	size_t end;

	*used = *requests = 0;
	while (*requests < most && (end = span_find(rest, '\n')) < rest.len) {
		struct span line = span_head(rest, end);

		/* Once a round: a user who was just added is known. */
		if (!r->looked)
			look(r);
		r->looked = true;
		if (answer(r, line, &client->outbuf, f) != OK) {
			r->looked = false; /* it may be a round of nothing */
			return f->outcome;
		}
		rest = span_from(rest, end + 1);
		*used += end + 1;
		(*requests)++;
		/* Enough for now: explanations are long. */
		if (client->outbuf.len > CLIENT_OUT_MAX)
			break;
	}
	if (*requests == 0 && rest.len > RECORD_MAX &&
	    span_find(span_head(rest, RECORD_MAX), '\n') == RECORD_MAX)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "resolve request: too long");
	return OK;
}

static void
after(void *arg)
{
	struct resolver *r = arg;

	r->looked = false;
	journal_flush(&r->journal);
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "resolve",
		.usage = "[-C DIR]",
		.summary = "Address to destination: a line `resolve "
		           "to=bob@example.org` each.",
		.promises = "stdio rpath",
		.more = "`explain to=...` answers every step as well.\n" };
	static const struct sandbox_path paths[] = { { "directory", "r" },
		{ NULL, NULL } };
	static const struct line_service service = {
		.take = take, .after = after, .clients_max = CLIENTS_MAX
	};
	struct resolver r = { .steps = BUF_INIT(STEPS_OCTETS) };
	struct fault f = FAULT_NONE;
	const char *value;

	prog_begin(&about);
	if (sodium_init() < 0)
		abort();
	while (prog_option(argc, argv, &value) != -1)
		continue;
	if (prog_home(&f) != OK ||
	    lookup_begin(&r.lookup, &prog.settings, &f) != OK)
		prog_exit(&f);
	journal_open(&r.journal, "resolve");
	/* Without a database it answers temp, and looks again. */
	look(&r);
	serve_signals();
	if (prog_sandbox(about.promises, paths, &f) != OK ||
	    serve_lines(&service, &r, &f) != OK)
		prog_exit(&f);
	journal_close(&r.journal);
	lookup_free(&r.lookup);
	buf_free(&r.steps);
	prog_exit(&f);
}
