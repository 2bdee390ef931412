/* SPDX-License-Identifier: ISC */
/* story.c: one message in plain words, with the times between its steps. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "phrase.h"
#include "prog.h"
#include "qid.h"
#include "show.h"

/* One entry in words: "received from pc7 [192.0.2.7]", appended to b. */
static void
put_entry(struct buf *b, const struct record *r)
{
	const struct code *code = code_find(r->word);

	if (code != NULL && code->trace[0] != '\0') {
		phrase_put(b, code->trace, phrase_field, r);
		return;
	}
	buf_add(b, code == NULL ? r->word : span_of(code->english));
	show_put_fields(b, r);
}

/*
 * One entry of a story. Programs write at their own pace, so the order is that of
 * time. But smtpd and queue-add stamp their entries after their answer, when
 * queue-run may be at work already: so the entries of the arrival come first.
 */
struct step {
	size_t message; /* index into qid[] */
	uint64_t began_us; /* the first step of its message */
	bool is_later; /* it tells what became of it */
	uint64_t us, serial;
	char code[3];
	char *text;
};

/* What is gathered in the two passes. */
struct trace {
	struct span what;
	struct qid *qid; /* room for `most`; sorted, so by time */
	size_t qids, most;
	struct step *step;
	size_t steps;
	bool json, failed;
	bool has_older; /* more than `most` were found */
};

/* How many are older; *found says if the next one is it. */
static size_t
find_qid(const struct trace *t, const struct qid *q, bool *found)
{
	size_t low = 0, high = t->qids;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(t->qid[middle].text, q->text, QID_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found =
	    low < t->qids && memcmp(t->qid[low].text, q->text, QID_LEN) == 0;
	return low;
}

/* Of more than `most` the oldest goes. */
static void
add_qid(struct trace *t, const struct qid *q)
{
	bool found;
	size_t at = find_qid(t, q, &found);

	if (found)
		return;
	if (t->qids < t->most) {
		memmove(t->qid + at + 1, t->qid + at,
		    (t->qids++ - at) * sizeof(*q));
		t->qid[at] = *q;
		return;
	}
	t->has_older = true;
	if (at == 0)
		return;
	memmove(t->qid, t->qid + 1, (at - 1) * sizeof(*q));
	t->qid[at - 1] = *q;
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
take_qid(const struct record *r, const char *key, struct qid *q)
{
	return qid_parse(record_value(r, key), q);
}

/* First pass: which messages? One and the report about it are one story. */
static bool
note_message(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	const struct record *r = &e->record;
	struct qid q, notice;
	bool found;

	if (!take_qid(r, "qid", &q))
		return true;
	if (names_it(r, t->what))
		add_qid(t, &q);
	if (take_qid(r, "notice", &notice)) {
		(void)find_qid(t, &q, &found);
		if (found)
			add_qid(t, &notice);
	}
	return true;
}

/* Codes of smtpd, and those of queue-add from a shell. */
static bool
is_of_arrival(struct span word)
{
	return word.len > 0 && (word.p[0] == '9' || word.p[0] == 'E');
}

static bool
add_step(struct trace *t, struct step step)
{
	struct step *grown;

	/* At a power of two its room is full, and doubles. */
	if ((t->steps & (t->steps - 1)) == 0) {
		grown = reallocarray(
		    t->step, t->steps == 0 ? 1 : 2 * t->steps, sizeof(step));
		if (grown == NULL)
			return false;
		t->step = grown;
	}
	step.serial = t->steps;
	t->step[t->steps++] = step;
	return true;
}

/* Second pass: its entries. */
static bool
note_entry(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	struct step step = { .us = e->us };
	struct buf b = BUF_INIT(4 * RECORD_MAX);
	struct qid q;
	bool found;

	if (!take_qid(&e->record, "qid", &q))
		return true;
	step.message = find_qid(t, &q, &found);
	if (!found)
		return true;
	step.is_later = !is_of_arrival(e->record.word);
	(void)span_copy(
	    span_head(e->record.word, 2), step.code, sizeof(step.code));
	if (t->json)
		show_put_json(&b, e);
	else
		put_entry(&b, &e->record);
	step.text = strndup(b.p, b.len);
	buf_free(&b);
	if (step.text == NULL || !add_step(t, step)) {
		free(step.text);
		t->failed = true;
	}
	return !t->failed;
}

static bool
note_beginnings(struct trace *t)
{
	uint64_t *began = calloc(t->qids, sizeof(*began));

	if (began == NULL)
		return false;
	for (size_t i = 0; i < t->steps; i++) {
		uint64_t *us = &began[t->step[i].message];

		if (*us == 0 || t->step[i].us < *us)
			*us = t->step[i].us;
	}
	for (size_t i = 0; i < t->steps; i++)
		t->step[i].began_us = began[t->step[i].message];
	free(began);
	return true;
}

/* A report's qid is made of its message's, so their times part them. */
static int
compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->began_us != y->began_us)
		return (x->began_us > y->began_us) -
		    (x->began_us < y->began_us);
	if (x->message != y->message)
		return (x->message > y->message) - (x->message < y->message);
	if (x->is_later != y->is_later)
		return x->is_later - y->is_later;
	if (x->us != y->us)
		return (x->us > y->us) - (x->us < y->us);
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Wall time of the first step, then the time since the one before. */
static void
print_step(const struct trace *t, size_t i, FILE *out)
{
	const struct step *step = &t->step[i];
	bool first = i == 0 || t->step[i - 1].message != step->message;
	char time[CLOCK_TEXT_MAX];

	if (t->json) {
		(void)fputs(step->text, out);
		return;
	}
	if (first) {
		clock_text_us(step->us, time);
		(void)fprintf(out, "%s%s  on %.10s\n  %.15s  ",
		    i == 0 ? "" : "\n", t->qid[step->message].text, time,
		    time + 11);
	} else {
		(void)fprintf(out, "  %+12.3f ms  ",
		    (double)(int64_t)(step->us - t->step[i - 1].us) / 1000);
	}
	(void)fprintf(out, "%s  (%s)\n", step->text, step->code);
}

static enum outcome
tell(int dir, struct trace *t, FILE *out, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	enum outcome got;

	all.qid = t->qids == 1 ? qid_span(&t->qid[0]) : SPAN_EMPTY;
	got = select_walk(&walk, &all, note_entry, NULL, t, f);
	if (got == OK && t->failed)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	if (t->steps > 0 && !note_beginnings(t))
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	if (t->steps > 0)
		qsort(t->step, t->steps, sizeof(*t->step), compare_steps);
	for (size_t i = 0; got == OK && i < t->steps; i++)
		print_step(t, i, out);
	return got;
}

enum outcome
story_trace(int dir, struct span what, size_t most, bool json, FILE *out,
    struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	struct trace t = { .what = what, .most = most, .json = json };
	enum outcome got;

	t.qid = reallocarray(NULL, most, sizeof(*t.qid));
	if (t.qid == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	got = select_walk(&walk, &all, note_message, NULL, &t, f);
	if (got == OK && t.qids == 0)
		got = fault_set(f, PERM, "5.1.0", 0,
		    "the journal knows no message by that name (journal show "
		    "--since=... lists what it knows)");
	if (got == OK)
		got = tell(dir, &t, out, f);
	if (got == OK && t.has_older)
		prog_warn(
		    "these are the %zu newest; --most=N tells of more", t.qids);
	for (size_t i = 0; i < t.steps; i++)
		free(t.step[i].text);
	free(t.step);
	free(t.qid);
	return got;
}
