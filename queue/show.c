/* SPDX-License-Identifier: ISC */
/*
 * show.c: list, show, stats: for people and as JSON, which tells the same.
 */
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "json_text.h"
#include "prog.h"
#include "trouble.h"

/* ---- Printing. ---- */

/* A sentence, at the end of its line. */
static void
print_span(struct span s)
{
	struct buf b = BUF_INIT(4 * RECORD_MAX);

	buf_add_printable(&b, s);
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

static void
print_path(const struct path *path)
{
	struct buf b = BUF_INIT(4 * RECORD_MAX);

	buf_addc(&b, '<');
	buf_add_value(&b, path_span(path));
	buf_addc(&b, '>');
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

static void
print_age(uint64_t ms, char out[16])
{
	uint64_t s = ms / 1000;

	if (s < 60)
		(void)snprintf(out, 16, "%" PRIu64 "s", s);
	else if (s < 3600)
		(void)snprintf(out, 16, "%" PRIu64 "m", s / 60);
	else if (s < 86400)
		(void)snprintf(out, 16, "%" PRIu64 "h", s / 3600);
	else
		(void)snprintf(out, 16, "%" PRIu64 "d", s / 86400);
}

/* Until its next try. */
static void
print_next(struct store_place place, char out[16])
{
	uint64_t now = clock_wall_ms();

	if (place.minute_ms == 0)
		(void)snprintf(out, 16, "-");
	else
		print_age(
		    place.minute_ms > now ? place.minute_ms - now : 0, out);
}

static uint64_t
age_ms(const struct qid *qid)
{
	uint64_t now = clock_wall_ms(), then = qid_time_ms(qid);

	return now > then ? now - then : 0;
}

void
set_text(json_t *object, const char *key, struct span s)
{
	(void)json_object_set_new(object, key, json_text(s));
}

static void
set_number(json_t *object, const char *key, uint64_t n)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)n));
}

void
print_json(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}

static const char *
recipient_word(const struct recipient *r)
{
	return r->state == RECIPIENT_WAITS ? "waits"
	    : r->state == RECIPIENT_DONE   ? "done"
	                                   : "failed";
}

static json_t *
json_of_recipients(const struct envelope *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->recipients; i++) {
		const struct recipient *r = &e->recipient[i];
		json_t *one = json_object();

		set_number(one, "n", r->n);
		set_text(one, "address", path_span(&r->forward_path));
		set_text(one, "state", span_of(recipient_word(r)));
		set_number(one, "tries", r->tries);
		set_number(one, "deaths", r->deaths);
		(void)json_array_append_new(list, one);
	}
	return list;
}

static json_t *
json_of_entry(const struct entry *e, const struct buf *reason)
{
	json_t *object = json_object();
	char time[CLOCK_TEXT_MAX];

	set_text(object, "qid", qid_span(&e->envelope.qid));
	set_text(object, "state", span_of(store_state_word(e->place.state)));
	set_number(object, "age", age_ms(&e->envelope.qid) / 1000);
	if (e->place.minute_ms != 0) {
		clock_text_ms(e->place.minute_ms, time);
		set_text(object, "due", span_of(time));
	}
	if (e->is_believed) {
		set_number(object, "size", e->envelope.size);
		set_text(object, "from", path_span(&e->envelope.reverse_path));
		(void)json_object_set_new(
		    object, "recipients", json_of_recipients(&e->envelope));
	}
	if (reason->len > 0)
		set_text(object, "reason", buf_span(reason));
	return object;
}

struct listing {
	const struct request *request;
	uint64_t n, octets;
	struct buf reason;
};

static void
print_row(const struct entry *e, const struct buf *reason)
{
	const struct recipient *first = NULL;
	size_t left = 0;
	char age[16], next[16];

	for (size_t i = 0; i < e->envelope.recipients; i++)
		if (e->envelope.recipient[i].state == RECIPIENT_WAITS &&
		    left++ == 0)
			first = &e->envelope.recipient[i];
	print_age(age_ms(&e->envelope.qid), age);
	print_next(e->place, next);
	(void)printf("%s %-10s %5s %5s ", e->envelope.qid.text,
	    store_state_word(e->place.state), age, next);
	if (e->is_believed) {
		(void)printf("%9" PRIu64 " ", e->envelope.size);
		print_path(&e->envelope.reverse_path);
		(void)printf(" -> ");
		if (first != NULL)
			print_path(&first->forward_path);
		else
			(void)printf("<>");
		if (left > 1)
			(void)printf(" and %zu more", left - 1);
	}
	if (reason->len > 0) {
		(void)printf("  (");
		print_span(buf_span(reason));
		(void)putchar(')');
	}
	(void)putchar('\n');
}

static bool
list_one(void *arg, struct entry *e)
{
	struct listing *l = arg;

	entry_read_reason(l->request, e, &l->reason);
	if (prog.json) {
		print_json(json_of_entry(e, &l->reason));
		return ferror(stdout) == 0;
	}
	if (l->n == 0)
		(void)printf("%-26s %-10s %5s %5s %9s FROM -> TO (REASON)\n",
		    "QID", "STATE", "AGE", "NEXT", "SIZE");
	l->n++;
	l->octets += e->is_believed ? e->envelope.size : 0;
	print_row(e, &l->reason);
	return ferror(stdout) == 0;
}

enum outcome
verb_list(struct request *r, struct fault *f)
{
	struct listing l = { .request = r, .reason = BUF_INIT(RECORD_MAX) };
	enum outcome got = list_entries(r, list_one, &l, f);

	buf_free(&l.reason);
	if (got != OK || prog.json)
		return got;
	if (l.n == 0)
		(void)printf(r->state != NULL || r->address != NULL
		        ? "no such message waits\n"
		        : "nothing waits\n");
	else
		(void)printf("%" PRIu64 " message%s, %" PRIu64 " octets\n", l.n,
		    l.n == 1 ? "" : "s", l.octets);
	return OK;
}

/* ---- One message. ---- */

/* The message itself, from where its size and digest begin. */
static enum outcome
print_content(struct request *r, const struct entry *e, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	char chunk[32768];
	uint64_t at, end;
	ssize_t n = 1;

	if ((e->place.state == STORE_ASIDE
	            ? aside_open_content(r->store, &e->envelope, &content, f)
	            : store_open_content(
	                  r->store, &e->envelope, &content, f)) != OK)
		return f->outcome;
	(void)fflush(stdout);
	end = content.file_size;
	for (at = content.offset; at < end && n > 0; at += (uint64_t)n) {
		n = pread(content.fd, chunk, sizeof(chunk), (off_t)at);
		if (n > 0 &&
		    fds_write_all(STDOUT_FILENO,
		        (struct span){ chunk, (size_t)n }, f) != OK)
			break;
	}
	store_close_content(&content);
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "read content");
	return at < end ? f->outcome : OK;
}

static void
print_recipients(const struct envelope *e)
{
	for (size_t i = 0; i < e->recipients; i++) {
		const struct recipient *r = &e->recipient[i];

		(void)printf("to %" PRIu32 "      ", r->n);
		print_path(&r->forward_path);
		(void)printf(" %s", recipient_word(r));
		if (r->tries > 0)
			(void)printf(", tried %" PRIu32 " times", r->tries);
		if (r->deaths > 0)
			(void)printf(
			    ", a stage died %" PRIu32 " times", r->deaths);
		(void)putchar('\n');
	}
}

/* What happened to it: the lines after the end, as they stand. */
static void
print_history(const struct entry *e)
{
	struct span rest = buf_span(&e->file), line;
	bool after_end = false;

	while (span_next(&rest, '\n', &line)) {
		if (after_end && line.len > 0) {
			(void)printf("history   ");
			print_span(line);
			(void)putchar('\n');
		}
		after_end |= span_has_prefix(line, "end ");
	}
}

static void
print_entry(struct request *r, const struct entry *e, const struct buf *reason)
{
	struct store_content content = STORE_CONTENT_NONE;
	char name[STORE_NAME_MAX], time[CLOCK_TEXT_MAX], age[16];
	struct fault f;

	store_envelope_name(e->place, &e->envelope.qid, name);
	print_age(age_ms(&e->envelope.qid), age);
	(void)printf("message   %s\nstate     %s\nage       %s\n"
	             "envelope  %s/%s\n",
	    e->envelope.qid.text, store_state_word(e->place.state), age,
	    r->settings->queue.directory, name);
	if (reason->len > 0) {
		(void)printf("reason    ");
		print_span(buf_span(reason));
		(void)putchar('\n');
	}
	if (!e->is_believed)
		return;
	clock_text_ms(e->envelope.time_ms, time);
	(void)printf("accepted  %s\nsize      %" PRIu64 "\nfrom      ", time,
	    e->envelope.size);
	print_path(&e->envelope.reverse_path);
	(void)putchar('\n');
	print_recipients(&e->envelope);
	if (store_open_content(r->store, &e->envelope, &content, &f) == OK) {
		(void)printf("content   %s/%s, from octet %" PRIu64
		             ", %ju link%s\n",
		    r->settings->queue.directory, content.name, content.offset,
		    (uintmax_t)content.links, content.links == 1 ? "" : "s");
		store_close_content(&content);
	} else {
		(void)printf("content   %s\n", f.text);
	}
	if (e->place.minute_ms != 0) {
		clock_text_ms(e->place.minute_ms, time);
		(void)printf("due       %s\n", time);
	}
	print_history(e);
}

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

static void
set_path(
    json_t *object, const char *key, const struct request *r, const char *name)
{
	(void)json_object_set_new(object, key,
	    json_sprintf("%s/%s", r->settings->queue.directory, name));
}

/* All that print_entry() says, beside what a list has. */
static void
json_add_whole(json_t *object, struct request *r, const struct entry *e)
{
	struct store_content content = STORE_CONTENT_NONE;
	char name[STORE_NAME_MAX], time[CLOCK_TEXT_MAX];
	struct fault f;

	store_envelope_name(e->place, &e->envelope.qid, name);
	set_path(object, "envelope", r, name);
	if (!e->is_believed)
		return;
	clock_text_ms(e->envelope.time_ms, time);
	set_text(object, "accepted", span_of(time));
	if (store_open_content(r->store, &e->envelope, &content, &f) == OK) {
		set_path(object, "content", r, content.name);
		set_number(object, "offset", content.offset);
		set_number(object, "links", (uint64_t)content.links);
		store_close_content(&content);
	} else {
		set_text(object, "content_error", span_of(f.text));
	}
	(void)json_object_set_new(object, "history", json_of_history(e));
}

static enum outcome
show_one(struct request *r, const char *operand, struct fault *f)
{
	struct entry e = { .file = BUF_INIT(STORE_ENVELOPE_MAX) };
	struct buf reason = BUF_INIT(RECORD_MAX);
	struct qid qid;
	enum outcome got;

	if (!qid_parse(span_of(operand), &qid))
		return fault_set(f, PERM, "5.5.4", 0,
		    "%.64s: a queue id has 26 letters and digits", operand);
	if (store_find_envelope(r->store, &qid, &e.place, f) != OK) {
		if (f->error != ENOENT)
			return f->outcome;
		e.place = (struct store_place){ STORE_ASIDE, 0 };
	}
	envelope_begin(&e.envelope);
	got = entry_read(r, &qid, &e);
	if (got == TEMP && e.why.error == ENOENT)
		got = fault_set(f, PERM, "5.3.0", 0,
		    "%s: no such message in the queue", qid.text);
	else if (got == TEMP)
		*f = e.why;
	else {
		got = OK;
		entry_read_reason(r, &e, &reason);
		if (r->content)
			got = print_content(r, &e, f);
		else if (prog.json) {
			json_t *object = json_of_entry(&e, &reason);

			json_add_whole(object, r, &e);
			print_json(object);
		} else
			print_entry(r, &e, &reason);
	}
	envelope_free(&e.envelope);
	buf_free(&e.file);
	buf_free(&reason);
	return got;
}

enum outcome
verb_show(struct request *r, struct fault *f)
{
	for (size_t i = 0; i < r->operands; i++) {
		if (i > 0 && !prog.json && !r->content)
			(void)putchar('\n');
		if (show_one(r, r->operand[i], f) != OK)
			return f->outcome;
	}
	return OK;
}

/* ---- How much of each. ---- */

static void
print_stats(const char *state, uint64_t n, const struct qid *oldest)
{
	json_t *object;
	char age[16] = "-";

	if (prog.json) {
		object = json_object();
		set_text(object, "state", span_of(state));
		set_number(object, "messages", n);
		if (oldest != NULL) {
			set_text(object, "oldest", qid_span(oldest));
			set_number(object, "age", age_ms(oldest) / 1000);
		}
		print_json(object);
		return;
	}
	if (oldest != NULL)
		print_age(age_ms(oldest), age);
	(void)printf("%-10s %9" PRIu64 " %7s %s\n", state, n, age,
	    oldest == NULL ? "" : oldest->text);
}

static void
print_trouble(const struct request *r)
{
	char text[TROUBLE_SHOWN];
	json_t *object;

	if (!trouble_text(r->store->fd, text, sizeof(text)))
		return;
	if (!prog.json) {
		(void)printf("A write to the disk failed: %s\n", text);
		return;
	}
	object = json_object();
	set_text(object, "trouble", span_of(text));
	print_json(object);
}

enum outcome
verb_stats(struct request *r, struct fault *f)
{
	if (!prog.json)
		(void)printf(
		    "%-10s %9s %7s %s\n", "STATE", "MESSAGES", "OLDEST", "QID");
	for (int s = 0; s < STORE_STATES; s++) {
		struct qid oldest;
		uint64_t n;

		if (store_count(
		        r->store, (enum store_state)s, &n, &oldest, f) != OK)
			return f->outcome;
		print_stats(store_state_word((enum store_state)s), n,
		    n > 0 ? &oldest : NULL);
	}
	print_trouble(r);
	return OK;
}
