/* SPDX-License-Identifier: ISC */
/*
 * verbs.c: hold, release, delete, flush, expire, tidy. queue-run is asked over
 * run/queue-run and answers when the last sync is done; when none runs, one is
 * started for these requests alone.
 */
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"
#include "output.h"
#include "prog.h"
#include "tidy.h"
#include "trouble.h"

#define ASK_SHARE    64 /* requests that wait for answers at once. Chosen */
#define ASK_WAIT_MS  60000 /* an attempt under way ends within that */
#define WAIT_SAID_MS 1000 /* a longer wait is said. Chosen */
#define REASON_MAX   255 /* octets; queue-run takes no more */

/* ---- Which messages. ---- */

struct chosen {
	struct qid *qid;
	size_t n;
};

static struct qid *
choose(struct chosen *c)
{
	c->qid = mem_grow(c->qid, c->n + 1, sizeof(*c->qid));
	return &c->qid[c->n++];
}

static enum outcome
choose_entry(void *arg, struct entry *e, struct fault *f)
{
	(void)f;
	*choose(arg) = e->envelope.qid;
	return OK;
}

/* By their ids, or by the filters. */
static enum outcome
choose_all(struct request *r, struct chosen *c, struct fault *f)
{
	for (size_t i = 0; i < r->operands; i++)
		if (parse_operand(r->operand[i], choose(c), f) != OK)
			return f->outcome;
	if (r->operands == 0 && r->state == NULL && r->address == NULL)
		return fault_set(f, PERM, "5.5.4", 0,
		    "say which: queue ids, or --state, or --address");
	return r->operands > 0 ? OK : list_entries(r, choose_entry, c, f);
}

/* ---- Doing it. ---- */

struct task {
	struct request *request;
	size_t done, failed;
	struct fault first; /* of those that failed */
};

static void
say_end(struct task *t, const char *qid, const struct fault *f)
{
	bool is_done = f->outcome == OK;

	if (is_done)
		t->done++;
	else if (t->failed++ == 0)
		t->first = *f;
	output(json_pack("{s:s, s:s, s:o*}", "qid", qid, "outcome",
	           outcome_word(f->outcome), "text",
	           is_done ? NULL : json_text(span_of(f->text))),
	    NULL);
	if (is_done)
		output_note("%s %s\n", qid, t->request->verb->done);
	else if (!prog.json)
		prog_warn("%s: %s", qid, f->text);
}

static enum outcome
take_answer(struct task *t, struct span line, struct fault *f)
{
	struct fault end = FAULT_NONE;
	struct record r;
	struct qid qid;

	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	if (!qid_parse(record_value(&r, "qid"), &qid))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "answer of queue-run: malformed");
	(void)!record_outcome(&r, &end);
	say_end(t, qid.text, &end);
	return OK;
}

static enum outcome
ask_share(struct task *t, const struct qid *qid, size_t n, struct fault *f)
{
	const char *reason = t->request->reason;
	struct service *s = t->request->run;
	struct span line;

	buf_reset(&s->out);
	for (size_t i = 0; i < n; i++) {
		struct record_out out =
		    record_begin(&s->out, t->request->verb->name);

		record_put(out, "qid", qid_span(&qid[i]));
		if (reason != NULL)
			record_puts(out, "reason", reason);
		if (record_end(out, f) != OK)
			return f->outcome;
	}
	if (service_send(s, buf_span(&s->out), f) != OK)
		return f->outcome;
	for (size_t i = 0; i < n; i++)
		if (service_line(s, &line, f) != OK ||
		    take_answer(t, line, f) != OK)
			return f->outcome;
	return OK;
}

/* Each failure is printed; what is left is how many there were. */
static enum outcome
ask_all(struct request *r, const struct chosen *c, struct fault *f)
{
	struct task t = { .request = r };

	fds_set_timeouts(r->run->fd, ASK_WAIT_MS, ASK_WAIT_MS);
	for (size_t i = 0; i < c->n; i += ASK_SHARE)
		if (ask_share(&t, c->qid + i,
		        c->n - i < ASK_SHARE ? c->n - i : ASK_SHARE, f) != OK)
			return f->outcome;
	if (t.failed == 0)
		return OK;
	if (t.done == 0 && t.failed == 1)
		return fault_set(
		    f, t.first.outcome, t.first.code, 0, "nothing was done");
	return fault_set(f, t.first.outcome, t.first.code, 0,
	    "%zu of %zu could not be done", t.failed, t.done + t.failed);
}

/* Asks the operator; anything but y is no. */
static bool
is_confirmed(const struct request *r, size_t n)
{
	char line[16];

	if (r->yes != NULL)
		return true;
	if (!r->is_terminal)
		return r->operands > 0; /* a script that names them means it */
	(void)fprintf(stderr, "%s %zu message%s? [y/N] ", r->verb->name, n,
	    n == 1 ? "" : "s");
	return fgets(line, sizeof(line), stdin) != NULL &&
	    (line[0] == 'y' || line[0] == 'Y');
}

enum outcome
verb_change(struct request *r, struct fault *f)
{
	struct chosen c = { 0 };
	enum outcome got;

	if (r->reason != NULL && strlen(r->reason) > REASON_MAX)
		return fault_set(f, PERM, "5.5.4", 0,
		    "a reason has at most %d octets", REASON_MAX);
	got = choose_all(r, &c, f);
	if (got == OK && c.n == 0)
		output_note(r->verb->run == verb_flush
		        ? "no deferred message matches\n"
		        : "no such message in the queue\n");
	else if (got == OK && r->verb->is_final && !is_confirmed(r, c.n))
		got = fault_set(f, PERM, "5.7.0", 0,
		    "nothing done: --yes says that you mean it");
	else if (got == OK)
		got = ask_all(r, &c, f);
	free(c.qid);
	return got;
}

enum outcome
verb_release(struct request *r, struct fault *f)
{
	if (r->operands == 0 && r->address != NULL && r->state == NULL)
		r->state = "hold";
	return verb_change(r, f);
}

/* flush, flush QID..., flush DOMAIN. */
enum outcome
verb_flush(struct request *r, struct fault *f)
{
	char address[256];
	struct qid qid;

	if (r->operands > 0 && qid_parse_typed(r->operand[0], &qid))
		return verb_change(r, f);
	if (r->operands > 1)
		return fault_set(f, PERM, "5.5.4", 0,
		    "queue ids, or one domain, or nothing for all");
	if (r->operands == 1) {
		(void)snprintf(address, sizeof(address), "%s%s",
		    strchr(r->operand[0], '@') == NULL ? "@" : "",
		    r->operand[0]);
		r->address = address;
	}
	r->operands = 0;
	r->state = "retry1";
	return verb_change(r, f);
}

/*
 * A sync that succeeds here does not prove the disk right: fsync reports an
 * error only once, perhaps to a process that is gone, and only the queue's file
 * system is synced here. So queue/trouble stays until the operator clears it; a
 * start, which tidies, only names it.
 */
static enum outcome
tidy_trouble(struct request *r, struct fault *f)
{
	char text[TROUBLE_SHOWN];

	if (!trouble_text(r->store->fd, text, sizeof(text)))
		return OK;
	if (r->clear_trouble != NULL)
		return store_trouble_clear(r->store, f);
	prog_warn("a write to the disk failed; look at it, then say queue tidy "
	          "--clear-trouble: %s",
	    text);
	return OK;
}

enum outcome
verb_tidy(struct request *r, struct fault *f)
{
	struct tidied done;
	enum outcome got;

	got = store_lock(
	    r->store, STORE_EXCLUSIVE, r->wait != NULL ? WAIT_SAID_MS : 0, f);
	if (got != OK && f->error == EWOULDBLOCK && r->wait != NULL) {
		prog_warn("waiting for programs that still use the queue");
		got = store_lock(
		    r->store, STORE_EXCLUSIVE, r->settings->pneu.drain_ms, f);
	}
	if (got != OK && f->error == EWOULDBLOCK)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "the queue is in use: tidying is for when nothing runs");
	if (got != OK || tidy_queue(r->store, r->journal, &done, f) != OK ||
	    tidy_trouble(r, f) != OK)
		return f->outcome;
	output(json_pack("{s:I, s:I, s:I, s:b}", "dot_names",
	           (json_int_t)done.dot_names, "contents",
	           (json_int_t)done.contents, "aside", (json_int_t)done.aside,
	           "trouble", (int)store_is_trouble(r->store)),
	    done.dot_names + done.contents + done.aside == 0
	        ? NULL
	        : "removed {dot_names} unfinished and {contents} settled "
	          "files; "
	          "{aside} to aside\n");
	return OK;
}
