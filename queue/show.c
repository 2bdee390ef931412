/* SPDX-License-Identifier: ISC */
/*
 * show.c: list, show, stats: for people and as JSON, which tells the same.
 */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "output.h"
#include "trouble.h"

static uint64_t
age_ms(const struct qid *qid)
{
	uint64_t now = clock_wall_ms(), then = qid_time_ms(qid);

	return now > then ? now - then : 0;
}

static const char *
recipient_word(const struct recipient *r)
{
	return r->state == RECIPIENT_WAITS ? "waits"
	    : r->state == RECIPIENT_DONE   ? "done"
	                                   : "failed";
}

static void
set(json_t *o, const char *key, json_t *value)
{
	(void)json_object_set_new(o, key, value);
}

static json_t *
json_time(uint64_t ms)
{
	char time[CLOCK_TEXT_MAX];

	clock_text_ms(ms, time);
	return json_string(time);
}

static json_t *
json_of_recipients(const struct envelope *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->recipients; i++) {
		const struct recipient *r = &e->recipient[i];

		(void)json_array_append_new(list,
		    json_pack("{s:i, s:o, s:s, s:i, s:i}", "n", (int)r->n,
		        "address", json_text(path_span(&r->forward_path)),
		        "state", recipient_word(r), "tries", (int)r->tries,
		        "deaths", (int)r->deaths));
	}
	return list;
}

static json_t *
json_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* When and to whom it is tried next: until then, and the first of those who
   wait. */
static void
add_next(json_t *o, const struct entry *e)
{
	uint64_t now = clock_wall_ms(), due = e->place.part_ms;
	const struct recipient *first = NULL;
	size_t left = 0;

	for (size_t i = 0; i < e->envelope.recipients; i++)
		if (e->envelope.recipient[i].state == RECIPIENT_WAITS &&
		    left++ == 0)
			first = &e->envelope.recipient[i];
	if (due != 0)
		set(o, "due", json_time(due));
	if (due != 0)
		set(o, "next", json_number(due > now ? (due - now) / 1000 : 0));
	if (first != NULL)
		set(o, "to", json_text(path_span(&first->forward_path)));
	if (left > 1)
		set(o, "more", json_number(left - 1));
}

/* What a list tells of it. */
static json_t *
json_of_entry(const struct entry *e)
{
	const struct envelope *v = e->is_valid ? &e->envelope : NULL;
	json_t *o = json_pack("{s:s, s:s, s:o, s:o*, s:o*, s:o*, s:o*}", "qid",
	    e->envelope.qid.text, "state", store_state_word(e->place.state),
	    "age", json_number(age_ms(&e->envelope.qid) / 1000), "size",
	    v != NULL ? json_number(v->size) : NULL, "from",
	    v != NULL ? json_text(path_span(&v->reverse_path)) : NULL,
	    "recipients", v != NULL ? json_of_recipients(v) : NULL, "reason",
	    e->reason.len > 0 ? json_text(buf_span(&e->reason)) : NULL);

	add_next(o, e);
	return o;
}

struct listing {
	const struct request *request;
	uint64_t n, octets;
};

static enum outcome
list_one(void *arg, struct entry *e, struct fault *f)
{
	struct listing *l = arg;

	entry_read_reason(l->request, e);
	if (l->n++ == 0)
		output_note("%-26s %-10s %5s %5s %9s FROM -> TO (REASON)\n",
		    "QID", "STATE", "AGE", "NEXT", "SIZE");
	l->octets += e->is_valid ? e->envelope.size : 0;
	output(json_of_entry(e),
	    e->is_valid
	        ? "{qid} {state:10} {age|s:>5} {next|s:>5} {size:>9} <{from}> "
	          "-> <{to}>[ and {more} more][  ({reason|text})]\n"
	        : "{qid} {state:10} {age|s:>5} {next|s:>5}"
	          "[   ({reason|text})]\n");
	return ferror(stdout) == 0
	    ? OK
	    : fault_set(f, TEMP, "4.3.0", 0, "cannot write");
}

enum outcome
verb_list(struct request *r, struct fault *f)
{
	struct listing l = { .request = r };

	if (list_entries(r, list_one, &l, f) != OK)
		return f->outcome;
	if (l.n == 0)
		output_note(r->state != NULL || r->address != NULL
		        ? "no such message in the queue\n"
		        : "queue is empty\n");
	else
		output_note("%" PRIu64 " message%s, %" PRIu64 " octets\n", l.n,
		    l.n == 1 ? "" : "s", l.octets);
	return OK;
}

/* ---- One message. ---- */

/* The message itself, from where its size and digest begin. */
static enum outcome
print_content(struct request *r, const struct entry *e, struct fault *f)
{
	struct store_content content;
	char chunk[32768];
	uint64_t at;
	ssize_t n;

	if ((e->place.state == STORE_ASIDE
	            ? aside_open_content(r->store, &e->envelope, &content, f)
	            : store_open_content(
	                  r->store, &e->envelope, &content, f)) != OK)
		return f->outcome;
	at = content.offset;
	while ((n = pread(content.fd, chunk, sizeof(chunk), (off_t)at)) > 0 &&
	    fwrite(chunk, 1, (size_t)n, stdout) > 0)
		at += (uint64_t)n;
	*f = FAULT_NONE;
	if (n < 0)
		(void)fault_set(f, TEMP, "4.3.0", errno, "read content");
	store_close_content(&content);
	return f->outcome;
}

/* What happened to it: the lines after the end, as they stand. */
static json_t *
json_of_history(const struct entry *e)
{
	struct span rest = buf_span(&e->file), line;
	json_t *list = json_array();
	bool after_end = false;

	while (span_next(&rest, '\n', &line)) {
		if (after_end && line.len > 0)
			(void)json_array_append_new(list, json_text(line));
		after_end |= span_has_prefix(line, "end ");
	}
	return list;
}

static json_t *
json_path(const struct request *r, const char *name)
{
	return json_sprintf("%s/%s", r->settings->queue.directory, name);
}

/* What `show` tells beside. */
static json_t *
json_of_whole(struct request *r, const struct entry *e)
{
	struct store_content content;
	json_t *o = json_pack("{s:o, s:o}", "accepted",
	    json_time(e->envelope.time_ms), "history", json_of_history(e));
	struct fault f;

	if (store_open_content(r->store, &e->envelope, &content, &f) != OK) {
		set(o, "content_error", json_text(span_of(f.text)));
		return o;
	}
	(void)json_object_update_new(o,
	    json_pack("{s:o, s:I, s:I}", "content", json_path(r, content.name),
	        "offset", (json_int_t)content.offset, "links",
	        (json_int_t)content.st.st_nlink));
	store_close_content(&content);
	return o;
}

static void
print_entry(struct request *r, const struct entry *e)
{
	json_t *o = json_of_entry(e);
	char name[STORE_NAME_MAX];

	store_name(e->place, &e->envelope.qid, name);
	set(o, "envelope", json_path(r, name));
	if (e->is_valid)
		(void)json_object_update_new(o, json_of_whole(r, e));
	output_json(o);
	output_text(o,
	    "message   {qid}\nstate     {state}\nage       {age|s}\n"
	    "envelope  {envelope}\n[reason    {reason|text}\n]");
	if (e->is_valid)
		output_text(o,
		    "accepted  {accepted}\nsize      {size}\n"
		    "from      <{from}>\n");
	output_each(json_object_get(o, "recipients"),
	    "to {n:7}<{address}> {state}[, tries: {tries}]"
	    "[, deaths of a stage: {deaths}]\n");
	output_text(o,
	    "[content   {content}[, from octet {offset}], links {links}\n]"
	    "[content   {content_error|text}\n][due       {due}\n]");
	output_each(json_object_get(o, "history"), "history   {.|text}\n");
	json_decref(o);
}

static enum outcome
show_entry(
    struct request *r, const struct qid *qid, struct entry *e, struct fault *f)
{
	if (store_find_envelope(r->store, qid, &e->place, f) != OK) {
		if (f->error != ENOENT)
			return f->outcome;
		e->place = (struct store_place){ STORE_ASIDE, 0 };
	}
	if (entry_read(r, qid, e) == TEMP) {
		*f = e->why;
		return f->error != ENOENT
		    ? TEMP
		    : fault_set(f, PERM, "5.3.0", 0,
		          "%s: no such message in the queue", qid->text);
	}
	if (r->content != NULL)
		return print_content(r, e, f);
	entry_read_reason(r, e);
	print_entry(r, e);
	return OK;
}

enum outcome
verb_show(struct request *r, struct fault *f)
{
	enum outcome got = OK;
	struct entry e;
	struct qid qid;

	entry_begin(&e);
	for (size_t i = 0; got == OK && i < r->operands; i++) {
		if (i > 0 && r->content == NULL)
			output_note("\n");
		got = parse_operand(r->operand[i], &qid, f);
		if (got == OK)
			got = show_entry(r, &qid, &e, f);
	}
	entry_end(&e);
	return got;
}

/* ---- How much of each. ---- */

struct count {
	json_int_t n;
	struct qid oldest;
};

static enum outcome
count_one(
    void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct count *c = arg;

	(void)place;
	(void)f;
	if (c->n++ == 0 || qid_compare(qid, &c->oldest) < 0)
		c->oldest = *qid;
	return OK;
}

static void
print_stats(enum store_state state, const struct count *c)
{
	json_t *o = json_pack(
	    "{s:s, s:I}", "state", store_state_word(state), "messages", c->n);

	if (c->n > 0)
		(void)json_object_update_new(o,
		    json_pack("{s:s, s:I}", "oldest", c->oldest.text, "age",
		        (json_int_t)(age_ms(&c->oldest) / 1000)));
	output(o, "{state:10} {messages:>9} {age|s:>7}[ {oldest}]\n");
}

enum outcome
verb_stats(struct request *r, struct fault *f)
{
	char text[TROUBLE_SHOWN];

	output_note("%-10s %9s %7s %s\n", "STATE", "MESSAGES", "OLDEST", "QID");
	for (int s = 0; s < STORE_STATES; s++) {
		struct count c = { 0, { "" } };

		if (store_each_qid(
		        r->store, (enum store_state)s, count_one, &c, f) != OK)
			return f->outcome;
		print_stats((enum store_state)s, &c);
	}
	if (trouble_text(r->store->fd, text, sizeof(text)))
		output(json_pack("{s:o}", "trouble", json_text(span_of(text))),
		    "A write to the disk failed: {trouble|text}\n");
	return OK;
}
