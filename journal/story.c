/* SPDX-License-Identifier: ISC */
/* story.c: one message in plain words, with the times between its steps. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "qid.h"
#include "show.h"

#define MESSAGES_MAX 10000 /* whose qids one question may find */

/*
 * Words for each code: [..{key}..] is left out when the entry lacks the key. A
 * code without words gets its English name and its fields.
 */
static const struct {
	const char *code, *words;
} phrases[] = {
	{ CODE_LOCAL_RECEIVED,
	    "received[ from {helo}][ \\[{ip}\\]][ over {proto}]" },
	{ CODE_ORIGINATOR, "reverse-path <{from}>" },
	{ CODE_RECIPIENT, "recipient[ {n}] <{to}>" },
	{ CODE_MESSAGE_SIZE, "{size} octets" },
	{ CODE_MESSAGE_ID, "Message-ID {id}" },
	{ CODE_SEND_API, "brought by a program or a shell" },
	{ CODE_SEND_ORIGINATOR, "reverse-path <{from}>" },
	{ CODE_SEND_RECIPIENT, "recipient[ {n}] <{to}>" },
	{ CODE_SEND_SIZE, "{size} octets" },
	{ CODE_QUEUED_IN, "on disk in queue/in, and who sent it was told so" },
	{ CODE_CONN_REFUSED,
	    "connection refused[ to {helo}][ \\[{ip}\\]][: {reply}][ {code}]"
	    "[ {text}]" },
	{ CODE_RELAY_REFUSED,
	    "refused[ to {helo}][ \\[{ip}\\]][, from <{from}>][, to <{to}>]"
	    "[: {reply}][ {code}][ {text}]" },
	{ CODE_REJECTED,
	    "refused[ to {helo}][ \\[{ip}\\]][, from <{from}>][, to <{to}>]"
	    "[: {reply}][ {code}][ {text}]" },
	{ CODE_TAKEN_FROM_IN, "queue-run took it up" },
	{ CODE_RESOLVED,
	    "<{to}> is[ mailbox {path}][ at {domain}][ (rule {rule})]" },
	{ CODE_DELIVERED, "put into mailbox {path}[ ({how})]" },
	{ CODE_DELIVERED_RCPT, "that was recipient[ {n}] <{to}>" },
	{ CODE_LET_GO, "all of it is on disk; the queue let it go" },
	{ CODE_UNDELIVERABLE,
	    "cannot be delivered[ to <{to}>][: {code}][ {text}]" },
	{ CODE_NOTICE_MADE, "a report goes back[, as {notice}]" },
	{ CODE_NOTICE_ORIGIN, "it is the report about {of}" },
	{ CODE_NOTICE_RECIPIENT, "it goes to <{to}>" },
	{ CODE_ALARM, "alarm, a person should look[: {text}]" },
	{ CODE_TO_RETRY1, "not now[: {text}][; next try {due}]" },
	{ CODE_HELD, "put on hold[: {reason}][: {text}]" },
	{ CODE_RELEASED, "released from hold[: {reason}]" },
	{ CODE_DELETED, "deleted by an operator[: {reason}]" },
	{ CODE_ASIDE, "set aside[: {text}]" },
	{ CODE_POP_DELETED, "deleted by its reader[ {user}]" },
};

static bool
field_of(const struct record *r, struct span key, struct span *value)
{
	for (size_t i = 0; i < r->fields; i++) {
		if (span_same(r->field[i].key, key)) {
			*value = r->field[i].value;
			return true;
		}
	}
	return false;
}

/* Words up to `end` at the cursor; false when a {key} of theirs is missing. */
static bool
put_words(struct buf *b, struct cur *c, const struct record *r, int end)
{
	bool whole = true;
	int octet;

	while ((octet = cur_take(c)) != -1 && octet != end) {
		if (octet == '\\') {
			buf_addc(b, (char)cur_take(c));
		} else if (octet == '{') {
			struct span rest = cur_rest(c), value = SPAN_EMPTY;
			struct span key = span_head(rest, span_find(rest, '}'));

			c->p += key.len + 1;
			whole = field_of(r, key, &value) && whole;
			buf_add_printable(b, value);
		} else if (octet == '[') {
			size_t start = b->len;

			if (!put_words(b, c, r, ']'))
				buf_cut(b, start);
		} else {
			buf_addc(b, (char)octet);
		}
	}
	return whole;
}

/* One entry in words: "received from pc7 [192.0.2.7]", appended to b. */
static void
put_entry(struct buf *b, const struct record *r)
{
	const struct code *code = code_find(r->word.p, r->word.len);

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (span_eq(r->word, phrases[i].code)) {
			struct cur c = cur_over(span_of(phrases[i].words));

			(void)put_words(b, &c, r, -1);
			return;
		}
	}
	if (code != NULL)
		buf_adds(b, code->english);
	else
		buf_add(b, r->word);
	show_put_fields(b, r);
}

/* One entry of a story. Programs write at their own pace: time is the order. */
struct step {
	size_t message; /* index into qid[] */
	uint64_t us, serial;
	char code[3];
	char *text;
};

/* What is gathered in the two passes. */
struct trace {
	struct span what;
	struct qid *qid;
	size_t qids;
	struct step *step;
	size_t steps;
	bool json, failed;
};

static size_t
find_qid(const struct trace *t, const struct qid *q)
{
	for (size_t i = t->qids; i-- > 0;)
		if (memcmp(t->qid[i].text, q->text, QID_LEN) == 0)
			return i;
	return t->qids;
}

static void
add_qid(struct trace *t, struct span text)
{
	struct qid q, *grown;

	if (!qid_parse(text, &q) || find_qid(t, &q) < t->qids ||
	    t->qids == MESSAGES_MAX)
		return;
	grown = realloc(t->qid, (t->qids + 1) * sizeof(q));
	if (grown == NULL) {
		t->failed = true;
		return;
	}
	t->qid = grown;
	t->qid[t->qids++] = q;
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

/* First pass: which messages? One and the report about it are one story. */
static bool
note_message(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	const struct record *r = &e->record;
	struct span text = SPAN_EMPTY, notice;
	struct qid q;

	if (!field_of(r, SPAN_LIT("qid"), &text) || !qid_parse(text, &q))
		return true;
	if (names_it(r, t->what))
		add_qid(t, text);
	if (field_of(r, SPAN_LIT("notice"), &notice) &&
	    find_qid(t, &q) < t->qids)
		add_qid(t, notice);
	return !t->failed;
}

static bool
add_step(struct trace *t, struct step step)
{
	struct step *grown;

	/* By halves again, in powers of two. */
	if ((t->steps & (t->steps - 1)) == 0) {
		size_t room = t->steps == 0 ? 1 : 2 * t->steps;

		grown = realloc(t->step, room * sizeof(step));
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
	struct step step = { .us = 0 };
	struct buf b = BUF_INIT(4 * RECORD_MAX);
	struct span text = SPAN_EMPTY;
	struct qid q;

	if (!field_of(&e->record, SPAN_LIT("qid"), &text) ||
	    !qid_parse(text, &q) || (step.message = find_qid(t, &q)) == t->qids)
		return true;
	(void)show_parse_time(e->time, &step.us);
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

static int
compare_steps(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->message != y->message)
		return (x->message > y->message) - (x->message < y->message);
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
		    (double)(step->us - t->step[i - 1].us) / 1000);
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
	if (t->steps > 0)
		qsort(t->step, t->steps, sizeof(*t->step), compare_steps);
	for (size_t i = 0; got == OK && i < t->steps; i++)
		print_step(t, i, out);
	return got;
}

/* Of many messages the newest. */
static void
keep_newest(struct trace *t, size_t most)
{
	if (t->qids <= most)
		return;
	memmove(t->qid, t->qid + t->qids - most, most * sizeof(*t->qid));
	t->qids = most;
}

enum outcome
story_trace(int dir, struct span what, size_t most, bool json, FILE *out,
    struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	struct trace t = { .what = what, .json = json };
	enum outcome got;

	got = select_walk(&walk, &all, note_message, NULL, &t, f);
	if (got == OK && t.failed)
		got = fault_set(f, TEMP, "4.3.0", 0, "no memory");
	if (got == OK && t.qids == 0)
		got = fault_set(f, PERM, "5.1.0", 0,
		    "the journal knows no message by that name (journal show "
		    "--since=... lists what it knows)");
	keep_newest(&t, most);
	if (got == OK)
		got = tell(dir, &t, out, f);
	for (size_t i = 0; i < t.steps; i++)
		free(t.step[i].text);
	free(t.step);
	free(t.qid);
	return got;
}
