/* SPDX-License-Identifier: ISC */
/* wire_resolve.c: address to destination, both ends. */
#include "wire_resolve.h"

#include <errno.h>
#include <string.h>

#include "wire.h"

#define AT(member)      offsetof(struct resolve_req, member)
#define ANS(member)     offsetof(struct resolve_ans, member)
#define ANS_MAX(member) (sizeof(((struct resolve_ans *)0)->member) - 1)
#define WHO_REQ(member) offsetof(struct resolve_who_req, member)
#define WHO(member)     offsetof(struct resolve_who, member)
#define STEP(member)    offsetof(struct resolve_step, member)

static const struct wire_field request[] = {
	{ "to", WIRE_SPAN, AT(forward_path), PATH_TEXT_MAX, 0 },
	{ "from", WIRE_SPAN, AT(reverse_path), PATH_TEXT_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field destination[] = {
	{ "transport", WIRE_TEXT, ANS(transport), TRANSPORT_MAX, 0 },
	{ "nexthop", WIRE_TEXT, ANS(nexthop), RESOLVE_PATH_MAX, 0 },
	{ "address", WIRE_TEXT, ANS(address), PATH_TEXT_MAX, WIRE_OPTIONAL },
	{ "rule", WIRE_TEXT, ANS(rule), ANS_MAX(rule), WIRE_OPTIONAL },
	{ "quota", WIRE_NUMBER, ANS(quota.octets), INT64_MAX, WIRE_OPTIONAL },
	{ "quota-messages", WIRE_NUMBER, ANS(quota.messages), INT64_MAX,
	    WIRE_OPTIONAL },
	{ "full", WIRE_FLAG, ANS(full), 1, 0 },
	{ "room", WIRE_NUMBER, ANS(room), INT64_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field who_request[] = {
	{ "id", WIRE_SPAN, WHO_REQ(id), WHO_ID_MAX, 0 },
	{ "from", WIRE_SPAN, WHO_REQ(from), PATH_TEXT_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field who_answer[] = {
	{ "user", WIRE_TEXT, WHO(user), PATH_TEXT_MAX, 0 },
	{ "name", WIRE_TEXT, WHO(name), WHO_NAME_MAX, WIRE_OPTIONAL },
	{ "owns", WIRE_FLAG, WHO(owns), 1, 0 },
	{ .key = NULL },
};
static const struct wire_field step_fields[] = {
	{ "rule", WIRE_SPAN, STEP(rule), ANS_MAX(rule), 0 },
	{ "text", WIRE_SPAN, STEP(text), RECORD_MAX, 0 },
	{ .key = NULL },
};

bool
resolve_path_is_safe(struct span path)
{
	struct span rest = path, part;

	if (path.len == 0 || path.len > RESOLVE_PATH_MAX ||
	    path.p[path.len - 1] == '/' || span_has_control(path))
		return false;
	while (span_next(&rest, '/', &part))
		if (part.len == 0 || part.len > 255 || part.p[0] == '.')
			return false;
	return true;
}

static bool
is_name_octet(int c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

bool
resolve_is_program_name(struct span name)
{
	return name.len >= 1 && name.len <= PROGRAM_NAME_MAX &&
	    span_is_all(name, is_name_octet);
}

enum outcome
wire_resolve_put_req(
    struct buf *b, const struct resolve_req *req, struct fault *f)
{
	return wire_write(
	    b, req->explain ? "explain" : "resolve", request, req, f);
}

enum outcome
wire_resolve_get_req(struct span line, struct record *r,
    struct resolve_req *req, struct fault *f)
{
	req->explain = span_has_prefix(line, "explain ");
	if (wire_read(line, req->explain ? "explain" : "resolve", request, r,
	        req, f) != OK)
		return f->outcome;
	if (req->forward_path.len == 0)
		return fault_set(f, TEMP, "4.3.0", 0, "resolve: no address");
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
	if (outcome == OK)
		wire_put(out, destination, ans);
	else
		record_put_fault(out, answer);
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
	return strcmp(ans->transport, TRANSPORT_PROGRAM) != 0 ||
	    resolve_is_program_name(nexthop);
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
		return wire_take(&r, destination, ans) &&
		        nexthop_is_safe(ans) && record_all_taken(&r)
		    ? OK
		    : malformed_answer(f);
	/* `ok` earns nothing here: a destination is the only good answer. */
	return record_outcome(&r, f) == OK ? malformed_answer(f) : f->outcome;
}

bool
wire_resolve_is_who(struct span line)
{
	return span_has_prefix(line, "who ");
}

enum outcome
wire_resolve_put_who_req(
    struct buf *b, const struct resolve_who_req *req, struct fault *f)
{
	return wire_write(b, "who", who_request, req, f);
}

enum outcome
wire_resolve_get_who_req(struct span line, struct record *r,
    struct resolve_who_req *req, struct fault *f)
{
	return wire_read(line, "who", who_request, r, req, f);
}

enum outcome
wire_resolve_put_who(struct buf *b, struct span id, enum outcome outcome,
    const struct resolve_who *who, const struct fault *answer, struct fault *f)
{
	struct record_out out =
	    record_begin(b, outcome == OK ? "who" : outcome_word(outcome));

	record_put(out, "id", id);
	if (outcome == OK)
		wire_put(out, who_answer, who);
	else
		record_put_fault(out, answer);
	return record_end(out, f);
}

enum outcome
wire_resolve_get_who(
    struct span line, struct span id, struct resolve_who *who, struct fault *f)
{
	struct record r;
	struct span same;

	*who = (struct resolve_who){ .user = "" };
	if (record_parse(line, &r, f) != OK ||
	    !record_take(&r, "id", WHO_ID_MAX, &same) || !span_same(same, id))
		return malformed_answer(f);
	if (record_is(&r, "who"))
		return wire_take(&r, who_answer, who) && record_all_taken(&r)
		    ? OK
		    : malformed_answer(f);
	return record_outcome(&r, f) == OK ? malformed_answer(f) : f->outcome;
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
	return wire_write(b, "step", step_fields, step, f);
}

enum outcome
wire_resolve_get_step(struct span line, struct record *r,
    struct resolve_step *step, struct fault *f)
{
	return wire_read(line, "step", step_fields, r, step, f);
}
