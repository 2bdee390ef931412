/* SPDX-License-Identifier: ISC */
/* wire_add.c: a message into the queue, both ends. */
#include "wire_add.h"

#include <errno.h>

#define AT(member) offsetof(struct add_line, member)

static const struct wire_field qid_field[] = {
	{ "qid", WIRE_QID, offsetof(struct envelope, qid), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field size[] = {
	{ "size", WIRE_NUMBER, AT(size), ADD_INLINE_MAX, 0 },
	{ .key = NULL },
};
static const struct wire_field fd[] = {
	{ "fd", WIRE_ONE, 0, 0, 0 },
	{ .key = NULL },
};
static const struct wire_field chunked[] = {
	{ "chunked", WIRE_ONE, 0, 0, 0 },
	{ .key = NULL },
};
static const struct wire_field written[] = {
	{ "size", WIRE_NUMBER, AT(size), INT64_MAX, 0 },
	{ "digest", WIRE_HASH, AT(digest), 0, 0 },
	{ "dots", WIRE_FLAG, AT(dots), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field drop[] = {
	{ "text", WIRE_TEXT, AT(text), FAULT_TEXT_MAX - 1, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field none[] = { { .key = NULL } };

/* All but `add` and `to`, which fill an envelope. */
static const struct {
	const char *word;
	const struct wire_field *fields;
} lines[] = {
	[ADD_DATA] = { "data", size },
	[ADD_DATA_FD] = { "data", fd },
	[ADD_DATA_CHUNKED] = { "data", chunked },
	[ADD_CHUNK] = { "chunk", size },
	[ADD_WRITTEN] = { "written", written },
	[ADD_DROP] = { "drop", drop },
	[ADD_END] = { "end", none },
};

/* ---- The client's requests. ---- */

enum outcome
wire_add_put(struct buf *b, const struct envelope *e, struct fault *f)
{
	size_t before = b->len;
	struct record_out out = record_begin(b, "add");
	enum outcome got;

	wire_put(out, qid_field, e);
	envelope_put_path(out, "from", &e->reverse_path);
	wire_put(out, envelope_parameters, e);
	wire_put(out, envelope_client, e);
	got = record_end(out, f);
	for (size_t i = 0; got == OK && i < e->recipients; i++) {
		out = record_begin(b, "to");
		envelope_put_recipient(out, "path", &e->recipient[i]);
		got = record_end(out, f);
	}
	if (got != OK)
		buf_cut(b, before);
	return got;
}

enum outcome
wire_add_put_line(struct buf *b, const struct add_line *line, struct fault *f)
{
	return wire_write(
	    b, lines[line->word].word, lines[line->word].fields, line, f);
}

void
wire_add_put_end(struct buf *b)
{
	buf_add(b, SPAN_LIT("end\n"));
}

/* ---- The server's side of them. ---- */

static enum outcome
malformed(struct fault *f, const char *what)
{
	return fault_set(f, TEMP, "4.3.0", 0, "add request: %s", what);
}

static enum outcome
get_add(struct record *r, struct envelope *e, struct fault *f)
{
	envelope_reset(e);
	if (!wire_take(r, qid_field, e) ||
	    !wire_take(r, envelope_parameters, e) ||
	    !wire_take(r, envelope_client, e))
		return malformed(f, "bad field of add");
	if (envelope_take_path(r, "from", PATH_REVERSE, &e->reverse_path, f) !=
	    OK)
		return f->outcome;
	return record_all_taken(r) ? OK : malformed(f, "unknown field of add");
}

enum outcome
wire_add_get(
    struct span line, struct envelope *e, struct add_line *out, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return fault_context(f, "add request");
	if (record_is(&r, "to")) {
		out->word = ADD_TO;
		return envelope_take_recipient(&r, "path", e, f);
	}
	if (record_is(&r, "add")) {
		out->word = ADD_ADD;
		return get_add(&r, e, f);
	}
	for (int word = ADD_DATA; word <= ADD_END; word++) {
		*out = (struct add_line){ .word = (enum add_word)word };
		if (wire_take_all(
		        &r, lines[word].word, lines[word].fields, out))
			return OK;
	}
	return malformed(f, "unknown word, or bad fields");
}

/* ---- Answers. ---- */

enum outcome
wire_add_put_answer(struct buf *b, enum add_answer answer,
    const struct qid *qid, uint64_t offset, const struct fault *why,
    struct fault *f)
{
	static const char *const words[] = {
		[ADD_OK] = "ok", [ADD_EXISTS] = "exists", [ADD_WRITE] = "write"
	};
	struct record_out out = record_begin(b,
	    answer == ADD_FAILED ? outcome_word(why->outcome) : words[answer]);

	record_put(out, "qid", qid_span(qid));
	if (answer == ADD_WRITE)
		record_put_num(out, "offset", offset);
	if (answer == ADD_FAILED)
		record_put_fault(out, why);
	return record_end(out, f);
}

static enum outcome
no_answer(struct fault *f, const char *why)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "answer to add: %s", why);
}

enum outcome
wire_add_get_answer(struct span line, const struct qid *qid,
    enum add_answer *answer, uint64_t *offset, struct fault *f)
{
	struct record r;
	struct span its;

	if (record_parse(line, &r, f) != OK)
		return no_answer(f, "no record");
	if (!record_take(&r, "qid", QID_LEN, &its) ||
	    !span_same(its, qid_span(qid)))
		return no_answer(f, "for another message");
	if (record_is(&r, "ok"))
		*answer = ADD_OK;
	else if (record_is(&r, "exists"))
		*answer = ADD_EXISTS;
	else if (record_is(&r, "write") &&
	    record_take_num(&r, "offset", 0, UINT32_MAX, offset))
		*answer = ADD_WRITE;
	else
		return record_is(&r, "write") ? no_answer(f, "malformed")
		                              : record_outcome(&r, f);
	return record_all_taken(&r) ? OK : no_answer(f, "malformed");
}
