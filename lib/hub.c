/* SPDX-License-Identifier: ISC */
/* hub.c: a host that takes mail for all domains, as a setting names it. */
#include "hub.h"

#define SMTP_PORT 25

static bool
is_name_octet(int c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool
is_address_octet(int c)
{
	return is_name_octet(c) || c == ':';
}

bool
hub_parse(struct span text, struct hub *h)
{
	bool is_host = text.len > 0 && text.p[0] == '[';
	struct span inside = span_from(text, is_host ? 1 : 0);
	size_t end = span_find(inside, is_host ? ']' : ':');
	struct span name = span_head(inside, end),
	            rest = span_from(inside, end);
	uint64_t port = SMTP_PORT;

	*h = (struct hub){ .is_host = is_host };
	if (is_host && rest.len == 0)
		return false;
	rest = span_from(rest, is_host ? 1 : 0);
	if (rest.len > 0 &&
	    (rest.p[0] != ':' ||
	        !num_parse(span_from(rest, 1), 1, UINT16_MAX, &port)))
		return false;
	h->port = (uint16_t)port;
	return name.len > 0 && name.p[0] != '.' &&
	    span_is_all(name, is_host ? is_address_octet : is_name_octet) &&
	    span_copy(name, h->name, sizeof(h->name));
}
