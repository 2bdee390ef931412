/* SPDX-License-Identifier: ISC */
#include "qid.h"

#include <string.h>

#include "clock.h"
#include "tap.h"

int
main(void)
{
	struct qid a, b, c, parsed;
	uint64_t before = clock_wall_ms();

	qid_draw(&a);
	qid_draw(&b);
	tap_ok(strlen(a.text) == QID_LEN && qid_parse(qid_span(&a), &parsed) &&
	        strcmp(a.text, parsed.text) == 0,
	    "a new id is an id");
	tap_ok(strcmp(a.text, b.text) != 0, "two are not the same");
	tap_ok(qid_time_ms(&a) >= before && qid_time_ms(&a) <= clock_wall_ms(),
	    "it carries the time");
	qid_derive(&a, 1, &b);
	qid_derive(&a, 1, &c);
	tap_ok(strcmp(b.text, c.text) == 0, "a derived id is the same again");
	qid_derive(&a, 2, &c);
	tap_ok(
	    strcmp(b.text, c.text) != 0 && qid_time_ms(&b) == qid_time_ms(&a),
	    "another number is another id of the same time");
	tap_ok(!qid_parse(SPAN_LIT("01JD"), &parsed) &&
	        !qid_parse(SPAN_LIT("81ARZ3NDEKTSV4RRFFQ69G5FAV"), &parsed) &&
	        !qid_parse(SPAN_LIT("01arz3ndektsv4rrffq69g5fav"), &parsed) &&
	        !qid_parse(SPAN_LIT("01ARZ3NDEKTSV4RRFFQ69G5FAU"), &parsed) &&
	        !qid_parse(SPAN_LIT("../../../../../etc/passwd!"), &parsed),
	    "what is no id is refused");
	return tap_done();
}
