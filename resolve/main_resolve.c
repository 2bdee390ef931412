/* SPDX-License-Identifier: ISC */
/*
 * resolve: address to destination. A line service: requests on fd 0, answers
 * on fd 1; its callers are smtpd and queue-run, and it trusts neither. It
 * reads the directory's entries, never a secret, and writes nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "answerer.h"
#include "clock.h"
#include "lookup.h"
#include "prog.h"
#include "usage.h"

#define STEPS_OCTETS                                                           \
	(48UL * 1024) /* of one explanation; a tenth of it is used */

struct resolver {
	struct answerer answerer; /* first: its functions get this */
	struct lookup lookup;
	int quota; /* the uses of mailboxes; -1: there are none */
	struct buf steps;
};

/* Any client can ask for a loop again and again. */
static void
note_loop(struct resolver *r, struct span to, const struct fault *f)
{
	char text[FAULT_TEXT_MAX + 100];

	r->lookup.looped = false;
	(void)snprintf(text, sizeof(text), SPAN_FMT ": %s",
	    SPAN_ARG(span_head(to, 80)), f->text);
	answerer_alarm_seldom(&r->answerer, "alias-loop", text);
}

static enum outcome
answer_who(
    struct resolver *r, struct span line, struct buf *out, struct fault *f)
{
	struct record record;
	struct resolve_who_req req;
	struct resolve_who who;
	struct fault why;
	enum outcome got;

	if (wire_resolve_get_who_req(line, &record, &req, f) != OK)
		return f->outcome;
	got = lookup_who(&r->lookup, &req, &who, &why);
	if (r->lookup.looped)
		note_loop(r, req.from, &why);
	return wire_resolve_put_who(out, req.id, got, &who, &why, f);
}

/*
 * What is left of a mailbox with a quota, by the count that deliver-mailbox
 * keeps. One that is older than the pause between two tries says nothing: while
 * a mailbox is full, what waits for it has it counted at each try; later, when
 * nothing waits, the next message is let in and finds out.
 */
static void
find_room(struct resolver *r, struct resolve_ans *ans)
{
	uint64_t now = clock_wall_ms(), room;
	struct usage use;
	int fd = -1;

	if (r->quota != -1 && quota_is_set(&ans->quota))
		fd = usage_open(r->quota, ans->nexthop, O_RDONLY);
	if (fd == -1)
		return;
	if (usage_read(fd, &use) &&
	    usage_age_ms(&use, now) <
	        prog.settings.queue.retry_max_ms + 2 * USAGE_OLD_MS) {
		room = usage_room(&use, &ans->quota);
		ans->full = room == 0;
		ans->room = room == UINT64_MAX ? 0 : room;
	}
	(void)close(fd);
}

static enum outcome
answer(struct answerer *a, struct span line, struct buf *out, struct fault *f)
{
	struct resolver *r = (struct resolver *)a;
	struct record record;
	struct resolve_req req;
	struct resolve_ans ans;
	struct fault why;
	enum outcome got;

	if (wire_resolve_is_who(line))
		return answer_who(r, line, out, f);
	if (wire_resolve_get_req(line, &record, &req, f) != OK)
		return f->outcome;
	buf_reset(&r->steps);
	got = lookup_find(&r->lookup, req.forward_path, &ans,
	    req.explain ? &r->steps : NULL, &why);
	if (got == OK)
		find_room(r, &ans);
	if (r->lookup.looped)
		note_loop(r, req.forward_path, &why);
	buf_add(out, buf_span(&r->steps));
	return wire_resolve_put_ans(out, req.forward_path, got, &ans, &why, f);
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "resolve",
		.usage = "[-C DIR]",
		.summary = "Address to destination: a line `resolve "
		           "to=bob@example.org` each.",
		.promises = "stdio rpath",
		.more =
		    "`explain to=...` answers every step as well, `who "
		    "id=1000` the address of an account of this machine.\n" };
	static const struct sandbox_path paths[] = { { "directory", "r" },
		{ USAGE_DIRECTORY, "r" }, { NULL, NULL } };
	struct resolver r = { .quota = -1, .steps = BUF_INIT(STEPS_OCTETS) };
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	r.answerer = (struct answerer){ .database = &r.lookup.entries,
		.answer = answer };
	if (prog_home(&f) == OK)
		r.quota =
		    open(USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f.outcome == OK &&
	    lookup_begin(&r.lookup, &prog.settings, &f) == OK &&
	    answerer_serve(&r.answerer, paths, &f) == OK)
		lookup_free(&r.lookup);
	buf_free(&r.steps);
	prog_exit(&f);
}
