/* SPDX-License-Identifier: ISC */
/* wire_resolve.c: address to destination, both ends. */
#include "wire_resolve.h"

#include <string.h>

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

bool
resolve_is_mailbox(const struct resolve_ans *ans)
{
	return strcmp(ans->transport, TRANSPORT_MAILBOX) == 0;
}

bool
resolve_is_remote(const struct resolve_ans *ans)
{
	return strcmp(ans->transport, TRANSPORT_SMTP) == 0;
}

enum outcome
wire_resolve_put_ans(struct buf *b, struct span to, enum outcome outcome,
    const struct resolve_ans *ans, const struct fault *answer, struct fault *f)
{
	struct record_out out =
	    record_begin(b, outcome == OK ? "deliver" : outcome_word(outcome));

	record_put(out, "to", to);
	if (outcome != OK) {
		record_puts(out, "code", answer->code);
		record_puts(out, "text", answer->text);
		return record_end(out, f);
	}
	record_puts(out, "transport", ans->transport);
	record_puts(out, "nexthop", ans->nexthop);
	if (ans->address[0] != '\0')
		record_puts(out, "address", ans->address);
	if (ans->rule[0] != '\0')
		record_puts(out, "rule", ans->rule);
	return record_end(out, f);
}

static enum outcome
malformed_answer(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "resolve answer");
}

/* Other transports judge their next hops themselves. */
static bool
nexthop_is_safe(const struct resolve_ans *ans)
{
	struct span nexthop = span_of(ans->nexthop);

	if (resolve_is_mailbox(ans))
		return resolve_path_is_safe(nexthop) && ans->address[0] == '\0';
	if (strcmp(ans->transport, TRANSPORT_PROGRAM) == 0)
		return resolve_is_program_name(nexthop);
	return nexthop.len > 0;
}

static enum outcome
get_destination(struct record *r, struct resolve_ans *ans, struct fault *f)
{
	if (!record_take_text(
	        r, "transport", ans->transport, sizeof(ans->transport)) ||
	    !record_take_text(
	        r, "nexthop", ans->nexthop, sizeof(ans->nexthop)) ||
	    !record_take_text_optional(
	        r, "address", ans->address, sizeof(ans->address)) ||
	    !record_take_text_optional(
	        r, "rule", ans->rule, sizeof(ans->rule)) ||
	    !nexthop_is_safe(ans) || !record_all_taken(r))
		return malformed_answer(f);
	return OK;
}

enum outcome
wire_resolve_get_ans(
    struct span line, struct span to, struct resolve_ans *ans, struct fault *f)
{
	struct record r;
	struct span same;

	*ans = (struct resolve_ans){ .transport = "" };
	if (record_parse(line, &r, f) != OK)
		return malformed_answer(f);
	if (!record_take(&r, "to", PATH_TEXT_MAX, &same) ||
	    !span_same(same, to))
		return fault_set(f, TEMP, "4.3.0", EPROTO,
		    "resolve answer: for another address");
	if (record_is(&r, "deliver"))
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
