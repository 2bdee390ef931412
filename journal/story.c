/* SPDX-License-Identifier: ISC */
/* story.c: one message in plain words, with the times between its steps. */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "mem.h"
#include "phrase.h"
#include "prog.h"
#include "qid.h"

struct message {
	struct qid qid;
	uint64_t began_us; /* its first step; 0: none yet */
};

/*
 * One entry of a story. Programs write at their own pace, so the order is that of
 * time. But smtpd and queue-add stamp their entries after their answer, when
 * queue-run may be at work already: so the entries of the arrival come first.
 */
struct step {
	const struct message *message;
	bool is_later; /* it tells what became of it */
	uint64_t us;
	size_t serial;
	char *text;
};

/* What is gathered in the two passes. */
struct trace {
	struct span what;
	struct message *message; /* room for `most`; sorted, so by time */
	size_t messages, most;
	struct step *step;
	size_t steps;
	bool has_older; /* more than `most` were found */
};

/* ---- First pass: which messages? ---- */

static int
compare_messages(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	return memcmp(x->qid.text, y->qid.text, QID_LEN);
}

/* NULL: it is none of the story. */
static struct message *
find_message(const struct trace *t, const struct message *m)
{
	return bsearch(
	    m, t->message, t->messages, sizeof(*m), compare_messages);
}

/* Of more than `most` the oldest goes. */
static void
add_message(struct trace *t, const struct message *m)
{
	size_t at = t->messages;

	if (find_message(t, m) != NULL)
		return;
	while (at > 0 && compare_messages(&t->message[at - 1], m) > 0)
		at--;
	if (t->messages < t->most) {
		memmove(t->message + at + 1, t->message + at,
		    (t->messages++ - at) * sizeof(*m));
	} else {
		t->has_older = true;
		if (at == 0)
			return;
		memmove(t->message, t->message + 1, --at * sizeof(*m));
	}
	t->message[at] = *m;
}

static bool
contains_nocase(struct span all, struct span part)
{
	for (size_t i = 0; i + part.len <= all.len; i++)
		if (span_same_nocase(
		        span_head(span_from(all, i), part.len), part))
			return true;
	return false;
}

static bool
names_it(const struct record *r, struct span what)
{
	for (size_t i = 0; i < r->fields; i++)
		if (contains_nocase(r->field[i].value, what))
			return true;
	return false;
}

/* The message that an entry is of. */
static bool
take_message(const struct record *r, const char *key, struct message *m)
{
	m->began_us = 0;
	return qid_parse(record_value(r, key), &m->qid);
}

/* One and the report about it are one story. */
static bool
note_message(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	struct message m, notice;

	if (!take_message(&e->record, "qid", &m))
		return true;
	if (names_it(&e->record, t->what))
		add_message(t, &m);
	if (take_message(&e->record, "notice", &notice) &&
	    find_message(t, &m) != NULL)
		add_message(t, &notice);
	return true;
}

/* ---- Second pass: their entries. ---- */

/* "received from pc7 [192.0.2.7]  (94)"; or as JSON. Caller frees. */
static char *
text_of(const struct entry *e)
{
	const struct code *code = code_find(e->record.word);
	struct buf b = BUF_INIT(4 * RECORD_MAX);
	char *text;

	if (prog.json) {
		json_t *o = show_json(e);

		text = json_dumps(o, JSON_COMPACT);
		json_decref(o);
		return text;
	}
	if (code != NULL && code->trace[0] != '\0') {
		phrase_put(&b, code->trace, phrase_field, &e->record);
	} else {
		buf_add(
		    &b, code == NULL ? e->record.word : span_of(code->english));
		show_put_fields(&b, &e->record);
	}
	buf_addf(&b, "  (" SPAN_FMT ")", SPAN_ARG(e->record.word));
	text = mem_text(b.p);
	buf_free(&b);
	return text;
}

static bool
note_entry(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	char kind = e->record.word.p[0];
	struct message m, *its;

	if (!take_message(&e->record, "qid", &m) ||
	    (its = find_message(t, &m)) == NULL)
		return true;
	if (its->began_us == 0 || e->us < its->began_us)
		its->began_us = e->us;
	/* At a power of two its room is full, and doubles. */
	if ((t->steps & (t->steps - 1)) == 0)
		t->step = mem_grow(t->step, t->steps == 0 ? 1 : 2 * t->steps,
		    sizeof(*t->step));
	/* Of the arrival are codes of smtpd, and of queue-add from a shell. */
	t->step[t->steps] = (struct step){ .message = its,
		.is_later = kind != '9' && kind != 'E',
		.us = e->us,
		.serial = t->steps,
		.text = text_of(e) };
	t->steps++;
	return true;
}

/* A report's qid is made of its message's, so their times part them. */
static int
compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	const uint64_t of_x[] = { x->message->began_us, (uintptr_t)x->message,
		x->is_later, x->us, x->serial };
	const uint64_t of_y[] = { y->message->began_us, (uintptr_t)y->message,
		y->is_later, y->us, y->serial };

	for (size_t i = 0; i < sizeof(of_x) / sizeof(of_x[0]); i++)
		if (of_x[i] != of_y[i])
			return of_x[i] < of_y[i] ? -1 : 1;
	return 0;
}

/* Wall time of the first step, then the time since the one before. */
static void
print_step(const struct trace *t, size_t i)
{
	const struct step *step = &t->step[i];
	bool is_first = i == 0 || step[-1].message != step->message;
	char time[CLOCK_TEXT_MAX];

	if (!prog.json && is_first) {
		clock_text_us(step->us, time);
		(void)printf("%s%s  on %.10s\n  %.15sZ ", i == 0 ? "" : "\n",
		    step->message->qid.text, time, time + 11);
	} else if (!prog.json) {
		(void)printf("  %+12.3f ms  ",
		    (double)(int64_t)(step->us - step[-1].us) / 1000);
	}
	(void)printf("%s\n", step->text);
}

static enum outcome
tell(int dir, struct trace *t, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select its = { .qid = t->messages == 1
		    ? qid_span(&t->message[0].qid)
		    : SPAN_EMPTY };

	if (select_walk(&walk, &its, note_entry, NULL, t, f) != OK)
		return f->outcome;
	if (t->steps > 0)
		qsort(t->step, t->steps, sizeof(*t->step), compare_steps);
	for (size_t i = 0; i < t->steps; i++)
		print_step(t, i);
	if (t->has_older)
		prog_warn("these are the %zu newest; --most=N tells of more",
		    t->messages);
	return OK;
}

enum outcome
story_trace(int dir, struct span what, size_t most, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	struct trace t = { .what = what,
		.most = most,
		.message = mem_new(most, sizeof(*t.message)) };
	enum outcome got;

	got = select_walk(&walk, &all, note_message, NULL, &t, f);
	if (got == OK && t.messages == 0)
		got = fault_set(f, PERM, "5.1.0", 0,
		    "the journal knows no message by that name (journal show "
		    "--since=... lists what it knows)");
	if (got == OK)
		got = tell(dir, &t, f);
	for (size_t i = 0; i < t.steps; i++)
		free(t.step[i].text);
	free(t.step);
	free(t.message);
	return got;
}
