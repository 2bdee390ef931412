/* SPDX-License-Identifier: ISC */
/* wire_resolve.c: address to destination, both ends. */
#include "wire_resolve.h"

#include <errno.h>

#define RESOLVE_RULE_MAX (sizeof(((struct resolve_ans *)0)->rule) - 1)

static bool
is_path_octet(int c)
{
	return c >= ' ' && c != 0x7F;
}

bool
resolve_path_is_safe(struct span path)
{
	struct span rest = path, part;

	if (path.len == 0 || path.len > RESOLVE_PATH_MAX || path.p[0] == '/' ||
	    path.p[path.len - 1] == '/')
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (!is_path_octet((unsigned char)path.p[i]))
			return false;
	while (span_next(&rest, '/', &part))
		if (part.len == 0 || part.len > 255 || part.p[0] == '.')
			return false;
	return true;
}

bool
resolve_is_program_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_alnum((unsigned char)name.p[i]) && name.p[i] != '_' &&
		    name.p[i] != '.' && name.p[i] != '-')
			return false;
	return name.len >= 1 && name.len <= PROGRAM_NAME_MAX;
}

enum outcome
wire_resolve_put_req(
    struct buf *b, const struct resolve_req *req, struct fault *f)
{
	struct record_out out =
	    record_begin(b, req->explain ? "explain" : "resolve");

	record_put(out, "to", req->forward_path);
	record_put_optional(out, "from", req->reverse_path);
	return record_end(out, f);
}

enum outcome
wire_resolve_get_req(struct span line, struct record *r,
    struct resolve_req *req, struct fault *f)
{
	if (record_parse(line, r, f) != OK)
		return fault_context(f, "resolve request");
	req->explain = record_is(r, "explain");
	if ((!req->explain && !record_is(r, "resolve")) ||
	    !record_take(r, "to", PATH_TEXT_MAX, &req->forward_path) ||
	    req->forward_path.len == 0 ||
	    !record_take_optional(
	        r, "from", PATH_TEXT_MAX, &req->reverse_path) ||
	    !record_all_taken(r))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "resolve request: malformed");
	return OK;
}

static const char *
answer_word(enum outcome outcome, const struct resolve_ans *ans)
{
	static const char *const words[] = { "mailbox", "remote", "deliver" };

	return outcome == OK ? words[ans->kind] : outcome_word(outcome);
}

enum outcome
wire_resolve_put_ans(struct buf *b, struct span to, enum outcome outcome,
    const struct resolve_ans *ans, const struct fault *answer, struct fault *f)
{
	struct record_out out = record_begin(b, answer_word(outcome, ans));

	record_put(out, "to", to);
	if (outcome != OK) {
		record_puts(out, "code", answer->code);
		record_puts(out, "text", answer->text);
		return record_end(out, f);
	}
	if (ans->kind == RESOLVE_MAILBOX) {
		record_puts(out, "path", ans->path);
	} else if (ans->kind == RESOLVE_PROGRAM) {
		record_puts(out, "transport", "program");
		record_puts(out, "nexthop", ans->program);
	} else {
		record_puts(out, "domain", ans->domain);
		if (ans->address[0] != '\0')
			record_puts(out, "address", ans->address);
	}
	if (ans->rule[0] != '\0')
		record_puts(out, "rule", ans->rule);
	return record_end(out, f);
}

static enum outcome
malformed_answer(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "resolve answer");
}

static bool
take_mailbox(struct record *r, struct resolve_ans *ans)
{
	ans->kind = RESOLVE_MAILBOX;
	return record_take_text(r, "path", ans->path, sizeof(ans->path)) &&
	    resolve_path_is_safe(span_of(ans->path));
}

static bool
take_remote(struct record *r, struct resolve_ans *ans)
{
	ans->kind = RESOLVE_REMOTE;
	return record_take_text(
	           r, "domain", ans->domain, sizeof(ans->domain)) &&
	    ans->domain[0] != '\0' &&
	    record_take_text_optional(
	        r, "address", ans->address, sizeof(ans->address));
}

static bool
take_program(struct record *r, struct resolve_ans *ans)
{
	struct span transport;

	ans->kind = RESOLVE_PROGRAM;
	return record_take(r, "transport", RECORD_MAX, &transport) &&
	    span_eq(transport, "program") &&
	    record_take_text(
	        r, "nexthop", ans->program, sizeof(ans->program)) &&
	    resolve_is_program_name(span_of(ans->program));
}

static enum outcome
get_destination(struct record *r, struct resolve_ans *ans, struct fault *f)
{
	bool good = record_is(r, "mailbox") ? take_mailbox(r, ans)
	    : record_is(r, "remote")        ? take_remote(r, ans)
	                                    : take_program(r, ans);

	if (!good ||
	    !record_take_text_optional(
	        r, "rule", ans->rule, sizeof(ans->rule)) ||
	    !record_all_taken(r))
		return malformed_answer(f);
	return OK;
}

enum outcome
wire_resolve_get_ans(
    struct span line, struct span to, struct resolve_ans *ans, struct fault *f)
{
	struct record r;
	struct span same;

	*ans = (struct resolve_ans){ .kind = RESOLVE_MAILBOX };
	if (record_parse(line, &r, f) != OK)
		return malformed_answer(f);
	if (!record_take(&r, "to", PATH_TEXT_MAX, &same) ||
	    !span_same(same, to))
		return fault_set(f, TEMP, "4.3.0", EPROTO,
		    "resolve answer: for another address");
	if (record_is(&r, "mailbox") || record_is(&r, "remote") ||
	    record_is(&r, "deliver"))
		return get_destination(&r, ans, f);
	/* `ok` earns nothing here: a destination is the only good answer. */
	if (record_is(&r, "ok") || record_outcome(&r, f) == OK)
		return malformed_answer(f);
	return f->outcome;
}

bool
wire_resolve_is_step(struct span line)
{
	return span_has_prefix(line, "step ");
}

enum outcome
wire_resolve_put_step(
    struct buf *b, const struct resolve_step *step, struct fault *f)
{
	struct record_out out = record_begin(b, "step");

	record_put(out, "rule", step->rule);
	record_put(out, "text", step->text);
	return record_end(out, f);
}

enum outcome
wire_resolve_get_step(struct span line, struct record *r,
    struct resolve_step *step, struct fault *f)
{
	if (record_parse(line, r, f) != OK)
		return fault_context(f, "resolve step");
	if (!record_is(r, "step") ||
	    !record_take(r, "rule", RESOLVE_RULE_MAX, &step->rule) ||
	    !record_take(r, "text", RECORD_MAX, &step->text) ||
	    !record_all_taken(r))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "resolve step: malformed");
	return OK;
}
