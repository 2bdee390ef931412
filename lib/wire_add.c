/* SPDX-License-Identifier: ISC */
/* wire_add.c: a message into the queue, both ends. */
#include "wire_add.h"

#include <errno.h>

static enum outcome
malformed(struct fault *f, const char *what)
{
	return fault_set(f, TEMP, "4.3.0", 0, "add request: %s", what);
}

/* ---- The client's requests. ---- */

static enum outcome
put_to(struct buf *b, const struct recipient *r, struct fault *f)
{
	struct record_out out = record_begin(b, "to");

	envelope_put_recipient(out, "path", r);
	return record_end(out, f);
}

enum outcome
wire_add_put(struct buf *b, const struct envelope *e, struct fault *f)
{
	size_t before = b->len;
	struct record_out out = record_begin(b, "add");

	record_put(out, "qid", qid_span(&e->qid));
	envelope_put_path(out, "from", &e->reverse_path);
	envelope_put_parameters(out, e);
	envelope_put_client(out, e);
	if (record_end(out, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->recipients; i++) {
		if (put_to(b, &e->recipient[i], f) != OK) {
			buf_cut(b, before);
			return f->outcome;
		}
	}
	return OK;
}

static enum outcome
put_number(struct buf *b, const char *word, const char *key, uint64_t value,
    struct fault *f)
{
	struct record_out out = record_begin(b, word);

	record_put_num(out, key, value);
	return record_end(out, f);
}

enum outcome
wire_add_put_data(struct buf *b, uint64_t size, struct fault *f)
{
	return put_number(b, "data", "size", size, f);
}

enum outcome
wire_add_put_data_fd(struct buf *b, struct fault *f)
{
	return put_number(b, "data", "fd", 1, f);
}

enum outcome
wire_add_put_data_chunked(struct buf *b, struct fault *f)
{
	return put_number(b, "data", "chunked", 1, f);
}

enum outcome
wire_add_put_chunk(struct buf *b, uint64_t size, struct fault *f)
{
	return put_number(b, "chunk", "size", size, f);
}

enum outcome
wire_add_put_written(struct buf *b, uint64_t size,
    const unsigned char digest[ENVELOPE_DIGEST_LEN], bool dots, struct fault *f)
{
	struct record_out out = record_begin(b, "written");

	record_put_num(out, "size", size);
	envelope_put_hash(out, "digest", digest);
	if (!dots)
		record_put_num(out, "dots", 0);
	return record_end(out, f);
}

enum outcome
wire_add_put_drop(struct buf *b, const char *text, struct fault *f)
{
	struct record_out out = record_begin(b, "drop");

	record_put_optional(out, "text", span_of(text));
	return record_end(out, f);
}

void
wire_add_put_end(struct buf *b)
{
	buf_add(b, SPAN_LIT("end\n"));
}

/* ---- The server's side of them. ---- */

static enum outcome
get_add(struct record *r, struct envelope *e, struct fault *f)
{
	struct span qid;

	envelope_reset(e);
	if (!record_take(r, "qid", QID_LEN, &qid) || !qid_parse(qid, &e->qid))
		return malformed(f, "no qid");
	if (!envelope_take_parameters(r, e) || !envelope_take_client(r, e))
		return malformed(f, "bad field of add");
	if (envelope_take_reverse_path(r, "from", &e->reverse_path, f) != OK)
		return f->outcome;
	return record_all_taken(r) ? OK : malformed(f, "unknown field of add");
}

static enum outcome
get_to(struct record *r, struct envelope *e, struct fault *f)
{
	struct span notify, orcpt;
	struct path path;

	if (!record_take_optional(r, "notify", ENVELOPE_NOTIFY_MAX, &notify) ||
	    !record_take_optional(r, "orcpt", ENVELOPE_ORCPT_MAX, &orcpt))
		return malformed(f, "bad field of to");
	/* Facts without control octets only: they become header fields. */
	for (size_t i = 0; i < notify.len; i++)
		if (!is_graph((unsigned char)notify.p[i]))
			return malformed(f, "bad notify");
	for (size_t i = 0; i < orcpt.len; i++)
		if ((unsigned char)orcpt.p[i] < ' ')
			return malformed(f, "bad orcpt");
	if (envelope_take_forward_path(r, "path", &path, f) != OK)
		return f->outcome;
	if (!record_all_taken(r))
		return malformed(f, "unknown field of to");
	return envelope_add_recipient(e, &path, notify, orcpt, f);
}

static enum outcome
get_data(struct record *r, struct add_line *out, struct fault *f)
{
	uint64_t one = 0;

	if (record_take_num(r, "size", 0, ADD_INLINE_MAX, &out->size))
		out->word = ADD_DATA;
	else if (record_take_num(r, "fd", 1, 1, &one))
		out->word = ADD_DATA_FD;
	else if (record_take_num(r, "chunked", 1, 1, &one))
		out->word = ADD_DATA_CHUNKED;
	else
		return malformed(f, "bad data line");
	return record_all_taken(r) ? OK : malformed(f, "bad data line");
}

static enum outcome
get_written(struct record *r, struct add_line *out, struct fault *f)
{
	uint64_t dots = 1;

	out->word = ADD_WRITTEN;
	if (!record_take_num(r, "size", 0, INT64_MAX, &out->size) ||
	    !envelope_take_hash(r, "digest", out->digest) ||
	    !record_take_num_optional(r, "dots", 0, 0, &dots) ||
	    !record_all_taken(r))
		return malformed(f, "bad written line");
	out->dots = dots != 0;
	return OK;
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
		return get_to(&r, e, f);
	}
	if (record_is(&r, "add")) {
		out->word = ADD_ADD;
		return get_add(&r, e, f);
	}
	if (record_is(&r, "data"))
		return get_data(&r, out, f);
	if (record_is(&r, "chunk")) {
		out->word = ADD_CHUNK;
		return record_take_num(
		           &r, "size", 0, ADD_INLINE_MAX, &out->size) &&
		        record_all_taken(&r)
		    ? OK
		    : malformed(f, "bad chunk line");
	}
	if (record_is(&r, "written"))
		return get_written(&r, out, f);
	if (record_is(&r, "drop")) {
		out->word = ADD_DROP;
		return record_take_text_optional(
		           &r, "text", out->text, sizeof(out->text)) &&
		        record_all_taken(&r)
		    ? OK
		    : malformed(f, "bad drop line");
	}
	if (record_is(&r, "end")) {
		out->word = ADD_END;
		return record_all_taken(&r) ? OK : malformed(f, "bad end");
	}
	return malformed(f, "unknown word");
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
	if (answer == ADD_FAILED) {
		record_puts(out, "code", why->code);
		record_puts(out, "text", why->text);
	}
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
