/* SPDX-License-Identifier: ISC */
/*
 * envelope_file.c: one codec for both shapes of an envelope, for notices of it
 * and for the lines that are appended as things happen.
 */
#include "envelope_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

size_t
envelope_waiting(const struct envelope *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->recipients; i++)
		n += e->recipient[i].state == RECIPIENT_WAITS;
	return n;
}

/* ---- Write. ---- */

#define AT(member) offsetof(struct envelope, member)

struct end_line {
	struct qid qid;
	unsigned char check[ENVELOPE_DIGEST_LEN]; /* of all lines above */
};

/* Of `one` and `envelope`; `start` stands between them, where the content lies
   apart. The first are all of `apart`. */
static const struct wire_field begin_fields[] = {
	{ "qid", WIRE_QID, AT(qid), 0, 0 },
	{ "time", WIRE_TIME, AT(time_ms), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field start_field[] = {
	{ "start", WIRE_NUMBER, AT(start), UINT32_MAX, 0 },
	{ .key = NULL },
};
static const struct wire_field facts[] = {
	{ "size", WIRE_NUMBER, AT(size), INT64_MAX, 0 },
	{ "digest", WIRE_HASH, AT(digest), 0, 0 },
	{ "skip", WIRE_NUMBER, AT(skip), INT64_MAX, 0 },
	{ "dots", WIRE_FLAG, AT(dots), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field end_fields[] = {
	{ "qid", WIRE_QID, offsetof(struct end_line, qid), 0, 0 },
	{ "check", WIRE_HASH, offsetof(struct end_line, check), 0, 0 },
	{ .key = NULL },
};

/* What they begin with. */
static struct record_out
begin_facts(struct buf *b, const char *word, const struct envelope *e)
{
	struct record_out out = record_begin(b, word);

	record_put_num(out, "version", ENVELOPE_VERSION);
	wire_put(out, begin_fields, e);
	if (e->shape == ENVELOPE_APART)
		wire_put(out, start_field, e);
	wire_put(out, facts, e);
	return out;
}

static enum outcome
put_one_record(struct buf *b, const struct envelope *e, struct fault *f)
{
	struct record_out out = begin_facts(b, "one", e);

	envelope_put_path(out, "from", &e->reverse_path);
	envelope_put_recipient(out, "to", &e->recipient[0]);
	wire_put(out, envelope_parameters, e);
	return record_end(out, f);
}

enum outcome
envelope_put_one(struct buf *b, struct envelope *e, struct fault *f)
{
	size_t before = b->len, line;

	if (e->recipients != 1)
		return fault_set(
		    f, PERM, "5.3.0", 0, "one file is for one recipient");
	e->shape = ENVELOPE_ONE;
	buf_add(b, SPAN_LIT(ENVELOPE_ONE_PREFIX));
	if (put_one_record(b, e, f) != OK) {
		buf_cut(b, before);
		return f->outcome;
	}
	buf_cut(b, b->len - 1); /* LF */
	line = b->len - before;
	if (line <= ENVELOPE_ONE_MAX)
		buf_add(b, SPAN_LIT("\r\n"));
	if (line > ENVELOPE_ONE_MAX || buf_failed(b)) {
		buf_undo(b, before);
		return fault_set(
		    f, PERM, "5.3.0", 0, "the facts do not fit in one line");
	}
	e->start = line + 2;
	return OK;
}

enum outcome
envelope_put_notice(struct buf *b, const struct envelope *e, struct fault *f)
{
	if (e->shape == ENVELOPE_ONE)
		return put_one_record(b, e, f);
	return wire_write(b, "apart", begin_fields, e, f);
}

static void
hash_of(struct span s, unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	(void)crypto_generichash(hash, ENVELOPE_DIGEST_LEN,
	    (const unsigned char *)s.p, s.len, NULL, 0);
}

static enum outcome
put_lines(struct buf *b, const struct envelope *e, struct fault *f)
{
	struct record_out out = begin_facts(b, "envelope", e);

	if (record_end(out, f) != OK ||
	    wire_write(b, "client", envelope_client, e, f) != OK)
		return f->outcome;
	out = record_begin(b, "from");
	envelope_put_path(out, "path", &e->reverse_path);
	wire_put(out, envelope_parameters, e);
	if (record_end(out, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->recipients; i++) {
		out = record_begin(b, "to");
		record_put_num(out, "n", e->recipient[i].n);
		envelope_put_recipient(out, "path", &e->recipient[i]);
		if (record_end(out, f) != OK)
			return f->outcome;
	}
	return OK;
}

enum outcome
envelope_put_apart(struct buf *b, struct envelope *e, struct fault *f)
{
	struct end_line end = { .qid = e->qid };
	size_t before = b->len;

	e->shape = ENVELOPE_APART;
	if (put_lines(b, e, f) == OK) {
		hash_of(span_from(buf_span(b), before), end.check);
		if (wire_write(b, "end", end_fields, &end, f) == OK)
			return OK;
	}
	buf_cut(b, before);
	return f->outcome;
}

/* ---- Read. ---- */

static enum outcome
corrupt(struct fault *f, const char *why)
{
	return fault_set(f, PERM, "5.3.0", 0, "envelope: %s", why);
}

/* What a parser refused is corrupt, whatever its own verdict was. */
static enum outcome
not_parsed(struct fault *f)
{
	struct fault why = *f;

	return fault_set(f, PERM, "5.3.0", 0, "envelope: %s", why.text);
}

static enum outcome
take_facts(struct record *r, struct envelope *e, struct fault *f)
{
	uint64_t v;

	if (!record_take_num(r, "version", 1, UINT64_MAX, &v))
		return corrupt(f, "no version");
	if (v > ENVELOPE_VERSION)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "envelope: written by a newer version of Pneu (format "
		    "%llu, this one reads up to %d)",
		    (unsigned long long)v, ENVELOPE_VERSION);
	if (!wire_take(r, begin_fields, e) ||
	    (e->shape == ENVELOPE_APART && !wire_take(r, start_field, e)) ||
	    !wire_take(r, facts, e) || e->skip > e->size)
		return corrupt(f, "bad facts");
	return OK;
}

static enum outcome
take_reverse_path(
    struct record *r, const char *key, struct envelope *e, struct fault *f)
{
	if (!wire_take(r, envelope_parameters, e))
		return corrupt(f, "bad parameters");
	return envelope_take_path(r, key, PATH_REVERSE, &e->reverse_path, f) ==
	        OK
	    ? OK
	    : not_parsed(f);
}

static enum outcome
get_one_record(struct span line, struct envelope *e, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return not_parsed(f);
	e->shape = ENVELOPE_ONE;
	if (!record_is(&r, "one"))
		return corrupt(f, "not one");
	if (take_facts(&r, e, f) != OK ||
	    take_reverse_path(&r, "from", e, f) != OK)
		return f->outcome;
	return envelope_take_recipient(&r, "to", e, f) == OK ? OK
	                                                     : not_parsed(f);
}

static enum outcome
get_one(struct span in, struct envelope *e, struct fault *f)
{
	struct span line = span_head(in, ENVELOPE_ONE_LINE);
	size_t lf = span_find(line, '\n');

	if (lf == line.len || lf == 0 || line.p[lf - 1] != '\r')
		return corrupt(f, "first line does not end");
	line =
	    span_from(span_head(line, lf - 1), sizeof(ENVELOPE_ONE_PREFIX) - 1);
	if (get_one_record(line, e, f) != OK)
		return f->outcome;
	e->start = lf + 1;
	return OK;
}

static enum outcome
get_client(struct record *r, struct envelope *e, struct fault *f)
{
	return wire_take(r, envelope_client, e) && record_all_taken(r)
	    ? OK
	    : corrupt(f, "bad facts of the client");
}

static enum outcome
get_from(struct record *r, struct envelope *e, struct fault *f)
{
	if (!record_is(r, "from"))
		return corrupt(f, "a line out of place");
	if (take_reverse_path(r, "path", e, f) != OK)
		return f->outcome;
	return record_all_taken(r) ? OK : corrupt(f, "unknown field");
}

static enum outcome
get_to(struct record *r, struct envelope *e, struct fault *f)
{
	uint64_t least = 1, n;

	if (e->recipients > 0)
		least += e->recipient[e->recipients - 1].n;
	if (!record_take_num(r, "n", least, UINT32_MAX, &n))
		return corrupt(f, "bad number of a recipient");
	if (envelope_take_recipient(r, "path", e, f) != OK)
		return not_parsed(f);
	e->recipient[e->recipients - 1].n = (uint32_t)n;
	return OK;
}

static enum outcome
get_end(
    struct record *r, struct span above, struct envelope *e, struct fault *f)
{
	unsigned char is[ENVELOPE_DIGEST_LEN];
	struct end_line end;

	if (!record_is(r, "end"))
		return corrupt(f, "a line out of place");
	hash_of(above, is);
	if (!wire_take(r, end_fields, &end) || !record_all_taken(r) ||
	    strcmp(end.qid.text, e->qid.text) != 0 ||
	    memcmp(end.check, is, sizeof(is)) != 0)
		return corrupt(f, "its check is wrong");
	return e->recipients > 0 ? OK : corrupt(f, "no recipient");
}

static enum outcome
get_facts(struct record *r, struct envelope *e, struct fault *f)
{
	if (!record_is(r, "envelope"))
		return corrupt(f, "a line out of place");
	if (take_facts(r, e, f) != OK)
		return f->outcome;
	return record_all_taken(r) ? OK : corrupt(f, "unknown field");
}

/* The next line of an envelope file. */
static enum outcome
next_line(struct span *rest, struct record *r, struct fault *f)
{
	struct span line;

	if (span_find(*rest, '\n') == rest->len)
		return corrupt(f, "no end line");
	(void)span_next(rest, '\n', &line);
	return record_parse(line, r, f) == OK ? OK : not_parsed(f);
}

/* envelope, client or none, from, to..., end: nothing else, in this order. */
static enum outcome
get_lines(
    struct span in, struct span *rest, struct envelope *e, struct fault *f)
{
	size_t above = 0;
	struct record r;

	if (next_line(rest, &r, f) != OK || get_facts(&r, e, f) != OK ||
	    next_line(rest, &r, f) != OK)
		return f->outcome;
	if (record_is(&r, "client") &&
	    (get_client(&r, e, f) != OK || next_line(rest, &r, f) != OK))
		return f->outcome;
	if (get_from(&r, e, f) != OK)
		return f->outcome;
	do {
		above = in.len - rest->len;
		if (next_line(rest, &r, f) != OK)
			return f->outcome;
	} while (record_is(&r, "to") && get_to(&r, e, f) == OK);
	return record_is(&r, "to") ? f->outcome
	                           : get_end(&r, span_head(in, above), e, f);
}

/* ---- What happened to it since. ---- */

static int
by_number(const void *key, const void *element)
{
	uint64_t n = *(const uint64_t *)key;
	const struct recipient *r = element;

	return (n > r->n) - (n < r->n);
}

static void
apply_done(struct record *r, struct recipient *to)
{
	struct span outcome;

	if (record_take(r, "outcome", 4, &outcome))
		to->state =
		    span_eq(outcome, "ok") ? RECIPIENT_DONE : RECIPIENT_FAILED;
}

static void
apply_try(struct record *r, struct recipient *to)
{
	struct span next, notice, time;
	uint64_t died;

	to->tries++;
	if (record_take_num(r, "died", 1, 1, &died))
		to->deaths++;
	if (!record_take(r, "next", CLOCK_TEXT_MAX, &next) ||
	    !clock_parse_ms(next, &to->next_ms))
		to->next_ms = 0;
	to->warned |= record_take(r, "notice", QID_LEN, &notice);
	/* The first after it was parked: its lifetime begins anew. */
	if (to->since_ms == RECIPIENT_PARKED &&
	    (!record_take(r, "time", CLOCK_TEXT_MAX, &time) ||
	        !clock_parse_ms(time, &to->since_ms)))
		to->since_ms = RECIPIENT_PARKED;
}

/* A line without this qid counts for nothing, whatever it says. */
static void
apply_event(struct span line, struct envelope *e)
{
	struct recipient *to;
	struct record r;
	struct fault f;
	uint64_t n;

	if (record_parse(line, &r, &f) != OK ||
	    !span_same(record_value(&r, "qid"), qid_span(&e->qid)) ||
	    !record_take_num(&r, "n", 1, UINT32_MAX, &n) ||
	    (to = bsearch(&n, e->recipient, e->recipients,
	         sizeof(*e->recipient), by_number)) == NULL)
		return;
	if (record_is(&r, "done"))
		apply_done(&r, to);
	else if (record_is(&r, "try"))
		apply_try(&r, to);
	else if (record_is(&r, "parked"))
		to->since_ms = RECIPIENT_PARKED;
}

static enum outcome
get_apart(struct span in, struct envelope *e, struct fault *f)
{
	struct span rest = in, line;

	e->shape = ENVELOPE_APART;
	if (get_lines(in, &rest, e, f) != OK)
		return f->outcome;
	rest = span_whole_lines(rest); /* a last line may be torn */
	while (span_next(&rest, '\n', &line))
		apply_event(line, e);
	return OK;
}

static enum outcome
ended(struct envelope *e, enum outcome got)
{
	if (got != OK)
		envelope_reset(e);
	return got;
}

enum outcome
envelope_get(struct span in, struct envelope *e, struct fault *f)
{
	envelope_reset(e);
	if (span_has_prefix(in, ENVELOPE_ONE_PREFIX))
		return ended(e, get_one(in, e, f));
	return ended(e, get_apart(in, e, f));
}

enum outcome
envelope_get_notice(struct span line, struct envelope *e, struct fault *f)
{
	struct record r;

	envelope_reset(e);
	if (span_has_prefix(line, "apart ")) {
		e->shape = ENVELOPE_APART;
		return ended(
		    e, wire_read(line, "apart", begin_fields, &r, e, f));
	}
	if (get_one_record(line, e, f) != OK)
		return ended(e, f->outcome);
	/* The line as it stands in the file: `Pneu: `, and CRLF for LF. */
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	e->start = sizeof(ENVELOPE_ONE_PREFIX) - 1 + line.len + 2;
	return OK;
}

/* ---- Events. ---- */

static void
put_end(struct record_out out, const struct envelope_event *ev)
{
	bool is_try = ev->outcome == TEMP;
	char time[CLOCK_TEXT_MAX];

	record_puts(out, "outcome", outcome_word(ev->outcome));
	record_put_optional(out, "code", ev->code);
	record_put_optional(out, "how", ev->how);
	record_put_optional(out, "path", ev->path);
	if (is_try && ev->died)
		record_put_num(out, "died", 1);
	if (is_try && ev->next_ms > 0) {
		clock_text_ms(ev->next_ms, time);
		record_puts(out, "next", time);
	}
	record_put_optional(out, "notice", ev->notice);
}

enum outcome
envelope_put_event(struct buf *b, const struct qid *qid,
    const struct envelope_event *ev, struct fault *f)
{
	struct record_out out = record_begin(b,
	    ev->outcome != TEMP ? "done"
	        : ev->parked    ? "parked"
	                        : "try");
	char time[CLOCK_TEXT_MAX];

	clock_text_ms(ev->time_ms, time);
	record_put(out, "qid", qid_span(qid));
	record_put_num(out, "n", ev->n);
	record_puts(out, "time", time);
	if (ev->outcome != TEMP || !ev->parked)
		put_end(out, ev);
	record_put_optional(out, "text", ev->text);
	return record_end(out, f);
}
