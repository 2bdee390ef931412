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
	{ CODE_QUEUED_IN, "on disk in queue/in, and the sender was told 250" },
	{ CODE_TAKEN_FROM_IN, "queue-run took it up" },
	{ CODE_RESOLVED,
	    "<{to}> is[ mailbox {path}][ at {domain}][ (rule {rule})][: {tag}]"
	    "[, {code}][ {text}]" },
	{ CODE_DELIVERED, "put into mailbox {path}[ ({how})]" },
	{ CODE_DELIVERED_RCPT, "that was recipient[ {n}] <{to}>" },
	{ CODE_LET_GO, "mailbox on disk; the queue let it go" },
	{ CODE_UNDELIVERABLE,
	    "cannot be delivered[ to <{to}>][: {code}][ {text}]" },
	{ CODE_NOTICE_MADE, "a report goes back[, as {notice}]" },
	{ CODE_TO_RETRY1, "not now[: {text}][; next try {due}]" },
	{ CODE_HELD, "put on hold[: {reason}][: {text}]" },
	{ CODE_RELEASED, "released from hold[: {reason}]" },
	{ CODE_DELETED, "deleted by an operator[: {reason}]" },
	{ CODE_ASIDE, "set aside[: {text}]" },
	{ CODE_RETRIEVED, "retrieved by[ {user}]" },
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
			show_put_value(b, value);
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

void
story_put_entry(struct buf *b, const struct record *r)
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

/* What is gathered in the two passes. */
struct trace {
	struct span what;
	struct qid *qid;
	size_t qids;
	struct buf *story; /* of each qid */
	uint64_t *first_ms; /* wall time of its first entry, 0: none yet */
	uint64_t *last_us;
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

/* First pass: which messages does it name? */
static bool
note_message(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	const struct record *r = &e->record;
	struct span qid = SPAN_EMPTY, other;

	if (!field_of(r, SPAN_LIT("qid"), &qid))
		return true;
	for (size_t i = 0; i < r->fields; i++) {
		if (!contains_nocase(r->field[i].value, t->what))
			continue;
		add_qid(t, qid);
		/* A message and the report about it are one story. */
		if (field_of(r, SPAN_LIT("notice"), &other))
			add_qid(t, other);
		break;
	}
	return !t->failed;
}

/* Second pass: its entries, each with the time since the one before. */
static bool
tell_entry(void *arg, const struct entry *e)
{
	struct trace *t = arg;
	struct span text = SPAN_EMPTY;
	struct qid q;
	uint64_t ms = 0, us = 0;
	size_t i;

	if (!field_of(&e->record, SPAN_LIT("qid"), &text) ||
	    !qid_parse(text, &q) || (i = find_qid(t, &q)) == t->qids)
		return true;
	if (t->json) {
		show_put_json(&t->story[i], e);
		return true;
	}
	if (show_parse_time(e->time, &us))
		ms = us / 1000;
	if (t->last_us[i] == 0) {
		t->first_ms[i] = ms;
		buf_addf(&t->story[i], "  " SPAN_FMT "  ",
		    SPAN_ARG(span_head(span_from(e->time, 11), 15)));
	} else {
		buf_addf(&t->story[i], "  %+13.3f ms  ",
		    (double)((int64_t)us - (int64_t)t->last_us[i]) / 1000);
	}
	t->last_us[i] = us;
	story_put_entry(&t->story[i], &e->record);
	buf_addf(&t->story[i], "  (" SPAN_FMT ")\n", SPAN_ARG(e->record.word));
	return true;
}

static enum outcome
tell(int dir, struct trace *t, size_t first, FILE *out, struct fault *f)
{
	struct walk walk = { .dir = dir };
	struct select all = { 0 };
	enum outcome got;

	all.qid = t->qids == 1 ? qid_span(&t->qid[0]) : SPAN_EMPTY;
	t->story = calloc(t->qids, sizeof(*t->story));
	t->first_ms = calloc(t->qids, sizeof(*t->first_ms));
	t->last_us = calloc(t->qids, sizeof(*t->last_us));
	if (t->story == NULL || t->first_ms == NULL || t->last_us == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	for (size_t i = 0; i < t->qids; i++)
		t->story[i] = BUF_INIT(1024 * 1024);
	got = select_walk(&walk, &all, tell_entry, NULL, t, f);
	for (size_t i = first; got == OK && i < t->qids; i++) {
		if (!t->json)
			(void)fprintf(out, "%s%s  %s\n", i > first ? "\n" : "",
			    t->qid[i].text,
			    buf_failed(&t->story[i]) ? "(cut short)" : "");
		(void)fwrite(t->story[i].p, 1, t->story[i].len, out);
	}
	for (size_t i = 0; i < t->qids; i++)
		buf_free(&t->story[i]);
	return got;
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
	if (got == OK)
		got = tell(dir, &t, t.qids > most ? t.qids - most : 0, out, f);
	free(t.qid);
	free(t.story);
	free(t.first_ms);
	free(t.last_us);
	return got;
}
