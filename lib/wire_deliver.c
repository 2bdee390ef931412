/* SPDX-License-Identifier: ISC */
/* wire_deliver.c: one attempt for one recipient, and the syncs; both ends. */
#include "wire_deliver.h"

#include <stdio.h>
#include <string.h>

static const char *const how_words[] = {
	[DELIVER_LINK] = "link",
	[DELIVER_COPY] = "copy",
	[DELIVER_FOUND] = "found",
};
#define HOW_WORDS (sizeof(how_words) / sizeof(how_words[0]))

const char *
deliver_how_word(enum deliver_how how)
{
	return how < HOW_WORDS ? how_words[how] : "none";
}

static enum outcome
malformed(struct fault *f, const char *what)
{
	return fault_set(f, TEMP, "4.3.0", 0, "%s: malformed", what);
}

enum outcome
wire_deliver_put_req(
    struct buf *b, const struct deliver_req *req, struct fault *f)
{
	struct record_out out;

	if (req->word == DELIVER_HELLO)
		return record_end(record_begin(b, "hello"), f);
	if (req->word != DELIVER_DELIVER) {
		out = record_begin(b, "sync");
		if (req->word == DELIVER_SYNC)
			record_puts(out, "path", req->path);
		else
			record_puts(out, "all", "1");
		return record_end(out, f);
	}
	out = record_begin(b, "deliver");
	record_put(out, "qid", qid_span(&req->qid));
	record_put_num(out, "n", req->n);
	record_puts(out, "file", req->file);
	record_puts(out, "name", req->name);
	record_puts(out, "path", req->path);
	if (req->again)
		record_puts(out, "again", "1");
	return record_end(out, f);
}

/*
 * The name is what this message has for this recipient, without flags: it ends
 * up in a directory that others read, so nothing else may.
 */
static bool
is_name_of(const struct deliver_req *req)
{
	struct maildir_name name;
	struct span text = span_of(req->name);

	return span_find(text, '/') == text.len &&
	    maildir_base(text).len == text.len &&
	    maildir_parse_name(text, &name) && name.n == req->n &&
	    strcmp(name.qid.text, req->qid.text) == 0;
}

/* The content of this message, and nothing else that lies in the queue. */
static bool
is_file_of(const struct deliver_req *req)
{
	const char *qid = req->qid.text;
	char apart[DELIVER_FILE_MAX], one[DELIVER_FILE_MAX];

	(void)snprintf(one, sizeof(one), "in/%s", qid);
	(void)snprintf(
	    apart, sizeof(apart), "message/%.*s/%s", QID_SHARD_LEN, qid, qid);
	return strcmp(req->file, one) == 0 || strcmp(req->file, apart) == 0;
}

static bool
take_path(struct record *r, struct deliver_req *req)
{
	return record_take_text(r, "path", req->path, sizeof(req->path)) &&
	    resolve_path_is_safe(span_of(req->path));
}

static bool
take_recipient(struct record *r, struct qid *qid, uint32_t *n)
{
	struct span text;
	uint64_t number;

	if (!record_take(r, "qid", QID_LEN, &text) || !qid_parse(text, qid) ||
	    !record_take_num(r, "n", 1, UINT32_MAX, &number))
		return false;
	*n = (uint32_t)number;
	return true;
}

static enum outcome
get_deliver(struct record *r, struct deliver_req *req, struct fault *f)
{
	uint64_t again = 0;

	req->word = DELIVER_DELIVER;
	if (!take_recipient(r, &req->qid, &req->n) ||
	    !record_take_text(r, "file", req->file, sizeof(req->file)) ||
	    !is_file_of(req) ||
	    !record_take_text(r, "name", req->name, sizeof(req->name)) ||
	    !is_name_of(req) || !take_path(r, req) ||
	    !record_take_num_optional(r, "again", 0, 1, &again) ||
	    !record_all_taken(r))
		return malformed(f, "deliver request");
	req->again = again == 1;
	return OK;
}

static enum outcome
get_sync(struct record *r, struct deliver_req *req, struct fault *f)
{
	uint64_t all = 0;

	if (!record_take_num_optional(r, "all", 1, 1, &all))
		return malformed(f, "sync request");
	req->word = all == 1 ? DELIVER_SYNC_ALL : DELIVER_SYNC;
	if (all == 0 && !take_path(r, req))
		return malformed(f, "sync request");
	return record_all_taken(r) ? OK : malformed(f, "sync request");
}

enum outcome
wire_deliver_get_req(struct span line, struct deliver_req *req, struct fault *f)
{
	struct record r;

	req->word = DELIVER_HELLO;
	req->n = 0;
	req->again = false;
	req->qid.text[0] = req->file[0] = req->name[0] = req->path[0] = '\0';
	if (record_parse(line, &r, f) != OK)
		return fault_context(f, "deliver request");
	if (record_is(&r, "deliver"))
		return get_deliver(&r, req, f);
	if (record_is(&r, "sync"))
		return get_sync(&r, req, f);
	if (!record_is(&r, "hello") || !record_all_taken(&r))
		return malformed(f, "deliver request");
	return OK;
}

/* What an answer repeats of its request, so that the two cannot be crossed. */
static void
put_echo(struct record_out out, const struct deliver_req *req)
{
	switch (req->word) {
	case DELIVER_DELIVER:
		record_put(out, "qid", qid_span(&req->qid));
		record_put_num(out, "n", req->n);
		break;
	case DELIVER_SYNC:
		record_puts(out, "path", req->path);
		break;
	case DELIVER_SYNC_ALL:
		record_puts(out, "all", "1");
		break;
	case DELIVER_HELLO:
		break;
	}
}

enum outcome
wire_deliver_put_ans(struct buf *b, const struct deliver_req *req,
    enum outcome outcome, enum deliver_how how, const struct fault *answer,
    struct fault *f)
{
	struct record_out out = record_begin(b, outcome_word(outcome));

	put_echo(out, req);
	if (outcome != OK) {
		record_puts(out, "code", answer->code);
		record_puts(out, "text", answer->text);
	} else if (req->word == DELIVER_DELIVER && how < HOW_WORDS) {
		record_puts(out, "how", how_words[how]);
	}
	return record_end(out, f);
}

static bool
take_echo(struct record *r, const struct deliver_req *req)
{
	struct span text;
	struct qid qid;
	uint64_t all;
	uint32_t n;

	switch (req->word) {
	case DELIVER_DELIVER:
		return take_recipient(r, &qid, &n) && n == req->n &&
		    strcmp(qid.text, req->qid.text) == 0;
	case DELIVER_SYNC:
		return record_take(r, "path", RESOLVE_PATH_MAX, &text) &&
		    span_eq(text, req->path);
	case DELIVER_SYNC_ALL:
		return record_take_num(r, "all", 1, 1, &all);
	case DELIVER_HELLO:
		return true;
	}
	return false;
}

static bool
take_how(struct record *r, enum deliver_how *how)
{
	struct span word;

	if (!record_take(r, "how", 8, &word))
		return false;
	for (size_t i = 0; i < HOW_WORDS; i++) {
		if (span_eq(word, how_words[i])) {
			*how = (enum deliver_how)i;
			return true;
		}
	}
	return false;
}

enum outcome
wire_deliver_get_ans(struct span line, const struct deliver_req *req,
    enum deliver_how *how, struct fault *f)
{
	struct record r;

	*how = DELIVER_NONE;
	if (record_parse(line, &r, f) != OK)
		return fault_context(f, "deliver answer");
	if (!take_echo(&r, req))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "deliver answer: to another request");
	if (record_outcome(&r, f) != OK)
		return f->outcome;
	if ((req->word == DELIVER_DELIVER && !take_how(&r, how)) ||
	    !record_all_taken(&r)) {
		*how = DELIVER_NONE;
		return malformed(f, "deliver answer");
	}
	return OK;
}
