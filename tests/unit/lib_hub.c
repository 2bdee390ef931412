/* SPDX-License-Identifier: ISC */
/* lib_hub.c: what a setting may name as the host for all domains. */
#include "hub.h"
#include "tap.h"

static const struct {
	const char *text, *name;
	bool is_host;
	uint16_t port; /* 0: it is none */
} rows[] = {
	{ "example.net", "example.net", false, 25 },
	{ "example.net:587", "example.net", false, 587 },
	{ "[mail.example.net]", "mail.example.net", true, 25 },
	{ "[192.0.2.7]:2525", "192.0.2.7", true, 2525 },
	{ "[2001:db8::7]:65535", "2001:db8::7", true, 65535 },
	{ "", "", false, 0 },
	{ "[]", "", false, 0 },
	{ "[192.0.2.7", "", false, 0 },
	{ "[192.0.2.7]25", "", false, 0 },
	{ "example.net:", "", false, 0 },
	{ "example.net:0", "", false, 0 },
	{ "example.net:65536", "", false, 0 },
	{ "example.net:25:25", "", false, 0 },
	{ "2001:db8::7", "", false, 0 },
	{ "mail example", "", false, 0 },
	{ ":25", "", false, 0 },
	{ ".example.net", "", false, 0 },
};

int
main(void)
{
	struct hub h;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is = hub_parse(span_of(rows[i].text), &h);

		tap_ok(is == (rows[i].port != 0) &&
		        (!is ||
		            (span_eq(span_of(h.name), rows[i].name) &&
		                h.is_host == rows[i].is_host &&
		                h.port == rows[i].port)),
		    "'%s'", rows[i].text);
	}
	return tap_done();
}
