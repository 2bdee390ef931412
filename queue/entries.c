/* SPDX-License-Identifier: ISC */
/*
 * entries.c: what lies in the queue, read as anybody may read it with ls and
 * head. What moves meanwhile may be seen twice or not at all.
 */
#include "verbs.h"

#include <errno.h>

#include "fds.h"

enum outcome
parse_operand(const char *operand, struct qid *qid, struct fault *f)
{
	return qid_parse_typed(operand, qid)
	    ? OK
	    : fault_set(f, PERM, "5.5.4", 0,
	          "%.64s: a queue id has 26 letters and digits", operand);
}

void
entry_begin(struct entry *e)
{
	envelope_begin(&e->envelope);
	e->file = BUF_INIT(STORE_ENVELOPE_MAX);
	e->reason = BUF_INIT(RECORD_MAX);
}

void
entry_end(struct entry *e)
{
	envelope_free(&e->envelope);
	buf_free(&e->file);
	buf_free(&e->reason);
}

/* An envelope file as it is, for its lines after the end. */
static void
read_lines(const struct request *r, struct entry *e)
{
	char name[STORE_NAME_MAX];
	struct fault f;

	buf_reset(&e->file);
	if (e->envelope.shape != ENVELOPE_APART || !e->is_valid)
		return;
	store_name(e->place, &e->envelope.qid, name);
	if (fds_read_file(r->store->fd, name, &e->file, &f) != OK)
		buf_reset(&e->file); /* it went meanwhile */
}

void
entry_read_reason(const struct request *r, struct entry *e)
{
	struct span rest, line, text;
	struct record record;
	struct fault f;

	read_lines(r, e);
	rest = buf_span(&e->file);
	buf_reset(&e->reason);
	if (!e->is_valid)
		buf_adds(&e->reason, e->why.text);
	while (span_next(&rest, '\n', &line)) {
		if (!span_has_prefix(line, "try ") &&
		    !span_has_prefix(line, "parked ") &&
		    !span_has_prefix(line, "held ") &&
		    !span_has_prefix(line, "released "))
			continue;
		if (record_parse(line, &record, &f) != OK ||
		    !record_take_optional(&record, "text", RECORD_MAX, &text))
			continue;
		/* Where nobody said why, what was before is no reason. */
		buf_reset(&e->reason);
		buf_add(&e->reason, text);
	}
}

static bool
is_address(struct span pattern, const struct path *path)
{
	if (pattern.len > 0 && pattern.p[0] == '@')
		return span_same_nocase(
		    span_from(pattern, 1), path_domain(path));
	return span_same_nocase(pattern, path_span(path));
}

static bool
is_wanted(const struct request *r, const struct entry *e)
{
	struct span pattern;

	if (r->address == NULL)
		return true;
	pattern = span_of(r->address);
	if (is_address(pattern, &e->envelope.reverse_path))
		return e->is_valid;
	for (size_t i = 0; i < e->envelope.recipients; i++)
		if (is_address(pattern, &e->envelope.recipient[i].forward_path))
			return true;
	return false;
}

/* A message in aside/ counts as corrupt until it is released. */
enum outcome
entry_read(const struct request *r, const struct qid *qid, struct entry *e)
{
	enum outcome got;

	e->why = FAULT_NONE;
	if (e->place.state == STORE_ASIDE) {
		got = aside_read(r->store, qid, &e->envelope, &e->why);
		if (got == OK)
			fault_set(&e->why, PERM, "5.3.0", 0,
			    "sound by now: queue release brings it back");
	} else {
		got = store_read_envelope(
		    r->store, qid, e->place, false, &e->envelope, &e->why);
	}
	e->envelope.qid = *qid;
	e->is_valid = e->why.outcome == OK;
	return got;
}

struct walk {
	const struct request *request;
	struct entry entry;
	each_entry *each;
	void *arg;
};

/* One that cannot be read is shown too: it must not hide the others. */
static enum outcome
walk_entry(
    void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct walk *w = arg;
	struct entry *e = &w->entry;

	e->place = place;
	if (entry_read(w->request, qid, e) == TEMP && e->why.error == ENOENT)
		return OK; /* it went meanwhile */
	return is_wanted(w->request, e) ? w->each(w->arg, e, f) : OK;
}

enum outcome
list_entries(
    const struct request *r, each_entry *each, void *arg, struct fault *f)
{
	struct walk w = { .request = r, .each = each, .arg = arg };
	enum store_state only = STORE_ASIDE;
	enum outcome got = OK;

	if (r->state != NULL && !store_state_parse(span_of(r->state), &only))
		return fault_set(f, PERM, "5.5.4", 0,
		    "--state is one of: in out retry1 retry2 busy hold "
		    "quarantine aside");
	entry_begin(&w.entry);
	for (int s = 0; got == OK && s < STORE_STATES; s++)
		if (r->state == NULL || s == (int)only)
			got = store_each_qid(
			    r->store, (enum store_state)s, walk_entry, &w, f);
	entry_end(&w.entry);
	return got;
}
