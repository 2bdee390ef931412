/* SPDX-License-Identifier: ISC */
#include "clock.h"

#include <string.h>

#include "tap.h"

static const struct {
	uint64_t ms;
	const char *text, *minute, *mail;
} cases[] = {
	{ 0, "1970-01-01T00:00:00.000Z", "19700101T0000",
	    "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ 1795489445123, "2026-11-24T03:04:05.123Z", "20261124T0304",
	    "Tue, 24 Nov 2026 03:04:05 +0000" },
	{ 951782399999, "2000-02-28T23:59:59.999Z", "20000228T2359",
	    "Mon, 28 Feb 2000 23:59:59 +0000" },
	{ 951782400000, "2000-02-29T00:00:00.000Z", "20000229T0000",
	    "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z", "21000301T0000",
	    "Mon, 01 Mar 2100 00:00:00 +0000" },
};

int
main(void)
{
	uint64_t ms;
	char out[CLOCK_TEXT_MAX], mail[48];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_text_ms(cases[i].ms, out);
		tap_ok(strcmp(out, cases[i].text) == 0 &&
		        clock_parse_ms(span_of(out), &ms) && ms == cases[i].ms,
		    "%s goes there and comes back", cases[i].text);
		clock_minute(cases[i].ms, out);
		tap_ok(strcmp(out, cases[i].minute) == 0 &&
		        clock_parse_minute(span_of(out), &ms) &&
		        ms == cases[i].ms / 60000 * 60000,
		    "%s is its minute", cases[i].minute);
		clock_rfc5322(cases[i].ms, mail);
		tap_ok(strcmp(mail, cases[i].mail) == 0, "%s", mail);
	}
	for (size_t n = 0; n < strlen(cases[1].text); n++)
		if (clock_parse_ms((struct span){ cases[1].text, n }, &ms))
			tap_ok(false, "truncated to %zu it is read", n);
	tap_ok(!clock_parse_ms(SPAN_LIT("2026-13-24T03:04:05.123Z"), &ms) &&
	        !clock_parse_ms(SPAN_LIT("2026-11-24T03:04:05.123Zx"), &ms) &&
	        !clock_parse_minute(SPAN_LIT("20261124T2460"), &ms),
	    "what is no time is refused");
	tap_ok(clock_parse_us(SPAN_LIT("2026-11-24T03:04:05.123456Z"), &ms) &&
	        ms % 1000000 == 123456 && ms / 1000000 == 1795489445 &&
	        !clock_parse_us(SPAN_LIT("2026-11-24T03:04:05.123Z"), &ms),
	    "a time with six digits of the second, and no other");
	return tap_done();
}
