/* SPDX-License-Identifier: ISC */
/* wire_deliver.c: one attempt for one recipient, and the syncs; both ends. */
#include "wire_deliver.h"

#include <stdio.h>
#include <string.h>

#include "wire.h"

#define AT(member) offsetof(struct deliver_req, member)

static const struct wire_field recipient[] = {
	{ "qid", WIRE_QID, AT(qid), 0, 0 },
	{ "n", WIRE_N, AT(n), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field delivery[] = {
	{ "qid", WIRE_QID, AT(qid), 0, 0 },
	{ "n", WIRE_N, AT(n), 0, 0 },
	{ "file", WIRE_TEXT, AT(file), DELIVER_FILE_MAX - 1, 0 },
	{ "name", WIRE_TEXT, AT(name), MAILDIR_NAME_MAX - 1, 0 },
	{ "path", WIRE_TEXT, AT(path), RESOLVE_PATH_MAX, 0 },
	{ "again", WIRE_FLAG, AT(again), 1, 0 },
	{ "quota", WIRE_NUMBER, AT(quota.octets), INT64_MAX, WIRE_OPTIONAL },
	{ "quota-messages", WIRE_NUMBER, AT(quota.messages), INT64_MAX,
	    WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field mailbox[] = {
	{ "path", WIRE_TEXT, AT(path), RESOLVE_PATH_MAX, 0 },
	{ .key = NULL },
};
static const struct wire_field all[] = {
	{ "all", WIRE_ONE, 0, 0, 0 },
	{ .key = NULL },
};
static const struct wire_field none[] = { { .key = NULL } };

static const struct {
	const char *word;
	const struct wire_field *fields;
	/* What an answer repeats, so that the two cannot be crossed. */
	const struct wire_field *echo;
} kinds[] = {
	[DELIVER_DELIVER] = { "deliver", delivery, recipient },
	[DELIVER_SYNC] = { "sync", mailbox, mailbox },
	[DELIVER_SYNC_ALL] = { "sync", all, all },
	[DELIVER_HELLO] = { "hello", none, none },
};

static const char *const how_words[] = {
	[DELIVER_LINK] = "link",
	[DELIVER_COPY] = "copy",
	[DELIVER_FOUND] = "found",
	[DELIVER_NONE] = "none",
};

const char *
deliver_how_word(enum deliver_how how)
{
	return how_words[how];
}

enum outcome
wire_deliver_put_req(
    struct buf *b, const struct deliver_req *req, struct fault *f)
{
	return wire_write(
	    b, kinds[req->word].word, kinds[req->word].fields, req, f);
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

/* Is it a whole request of its kind, with nothing that none may have? */
static bool
take_request(struct record *r, struct deliver_req *req)
{
	return wire_take_all(
	           r, kinds[req->word].word, kinds[req->word].fields, req) &&
	    (req->path[0] == '\0' ||
	        resolve_path_is_safe(span_of(req->path))) &&
	    (req->word != DELIVER_DELIVER ||
	        (is_file_of(req) && is_name_of(req)));
}

enum outcome
wire_deliver_get_req(struct span line, struct deliver_req *req, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return fault_context(f, "deliver request");
	for (int kind = DELIVER_DELIVER; kind <= DELIVER_HELLO; kind++) {
		*req = (struct deliver_req){ .word = (enum deliver_word)kind };
		if (take_request(&r, req))
			return OK;
	}
	return fault_set(f, TEMP, "4.3.0", 0, "deliver request: malformed");
}

enum outcome
wire_deliver_put_ans(struct buf *b, const struct deliver_req *req,
    enum outcome outcome, enum deliver_how how, const struct fault *answer,
    struct fault *f)
{
	struct record_out out = record_begin(b, outcome_word(outcome));

	wire_put(out, kinds[req->word].echo, req);
	if (outcome != OK)
		record_put_fault(out, answer);
	else if (req->word == DELIVER_DELIVER && how != DELIVER_NONE)
		record_puts(out, "how", how_words[how]);
	return record_end(out, f);
}

/* Put into a copy of the request, what the answer repeats changes nothing. */
static bool
take_echo(struct record *r, const struct deliver_req *req)
{
	struct deliver_req its;

	memcpy(&its, req, sizeof(its));
	return wire_take(r, kinds[req->word].echo, &its) &&
	    memcmp(&its, req, sizeof(its)) == 0;
}

static bool
take_how(struct record *r, enum deliver_how *how)
{
	struct span word;

	if (!record_take(r, "how", 8, &word))
		return false;
	for (int i = DELIVER_LINK; i < DELIVER_NONE; i++)
		if (span_eq(word, how_words[i]))
			*how = (enum deliver_how)i;
	return *how != DELIVER_NONE;
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
	if ((req->word != DELIVER_DELIVER || take_how(&r, how)) &&
	    record_all_taken(&r))
		return OK;
	*how = DELIVER_NONE;
	return fault_set(f, TEMP, "4.3.0", 0, "deliver answer: malformed");
}
