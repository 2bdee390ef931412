/* SPDX-License-Identifier: ISC */
#include "buf.h"

#include <string.h>

#include "tap.h"

int
main(void)
{
	struct buf b = BUF_INIT(10);

	tap_ok(b.len == 0 && b.p[0] == '\0', "a new buffer is an empty text");
	buf_adds(&b, "12345");
	buf_addf(&b, "%d", 67890);
	tap_ok(!buf_failed(&b) && strcmp(b.p, "1234567890") == 0,
	    "exactly the maximum fits");
	buf_addc(&b, 'x');
	tap_ok(buf_failed(&b) && b.len == 10,
	    "one octet more is not added and is remembered");
	buf_drop(&b, 4);
	buf_adds(&b, "x");
	tap_ok(buf_failed(&b) && strcmp(b.p, "567890") == 0,
	    "after a failure nothing is added until a reset");
	buf_reset(&b);
	buf_adds(&b, "abc");
	tap_ok(!buf_failed(&b) && strcmp(b.p, "abc") == 0,
	    "a reset forgets the failure");
	buf_cut(&b, 1);
	tap_ok(strcmp(b.p, "a") == 0, "a cut keeps the start");
	buf_addf(&b, "%s", "this is far too long");
	tap_ok(buf_failed(&b) && strcmp(b.p, "a") == 0,
	    "formatted text is added whole or not at all");
	buf_free(&b);
	tap_ok(b.len == 0 && !buf_failed(&b) && b.max == 10,
	    "a freed buffer can be used again");
	buf_add(&b, SPAN_LIT("a\0b"));
	tap_ok(b.len == 3 && memcmp(b.p, "a\0b", 4) == 0,
	    "an octet 0 is an octet");
	buf_free(&b);
	return tap_done();
}
