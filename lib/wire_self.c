/* SPDX-License-Identifier: ISC */
/* wire_self.c: a user changes his own entry, both ends. */
#include "wire_self.h"

#include <errno.h>
#include <stdio.h>

#include "wire.h"

#define REQ(member) offsetof(struct self_req, member)

static const char *const names[SELF_FIELDS] = {
	[SELF_PASSWORD] = "password",
	[SELF_NAME] = "name",
	[SELF_PHONE] = "phone",
};

static const struct wire_field fields[] = {
	{ "user", WIRE_TEXT, REQ(who.user), AUTH_USER_MAX, 0 },
	{ "ticket", WIRE_TEXT, REQ(who.ticket), AUTH_TICKET_LEN, 0 },
	{ "field", WIRE_TEXT, REQ(field),
	    sizeof(((struct self_req *)0)->field) - 1, 0 },
	{ "value", WIRE_SPAN, REQ(value), RECORD_MAX, WIRE_OPTIONAL },
	{ "ip", WIRE_TEXT, REQ(ip), SELF_IP_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};

const char *
self_field_name(enum self_field field)
{
	return names[field];
}

enum outcome
wire_self_put_req(struct buf *b, const struct self_req *req, struct fault *f)
{
	struct self_req named = *req;

	(void)snprintf(
	    named.field, sizeof(named.field), "%s", names[req->which]);
	return wire_write(b, "change", fields, &named, f);
}

enum outcome
wire_self_get_req(
    struct span line, struct record *r, struct self_req *req, struct fault *f)
{
	*req = (struct self_req){ .value = SPAN_EMPTY };
	if (wire_read(line, "change", fields, r, req, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < SELF_FIELDS; i++)
		if (span_eq(span_of(names[i]), req->field)) {
			req->which = (enum self_field)i;
			return OK;
		}
	return fault_set(f, TEMP, "4.3.0", 0, "change: no such field");
}

enum outcome
wire_self_put_ans(struct buf *b, enum outcome outcome,
    const struct fault *answer, struct fault *f)
{
	struct record_out out = record_begin(b, outcome_word(outcome));

	if (outcome != OK)
		record_put_fault(out, answer);
	return record_end(out, f);
}

enum outcome
wire_self_get_ans(struct span line, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) == OK) {
		if (record_outcome(&r, f) != OK)
			return f->outcome;
		if (record_all_taken(&r))
			return OK;
	}
	return fault_set(f, TEMP, "4.3.0", EPROTO, "answer to a change");
}
