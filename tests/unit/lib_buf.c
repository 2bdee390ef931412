/* SPDX-License-Identifier: ISC */
#include "buf.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *value, *want;
} values[] = {
	{ "a word stands as it is", "ann@example.org", "ann@example.org" },
	{ "nothing is nothing", "", "" },
	{ "words are one in quotes", "a b", "\"a b\"" },
	{ "an equals sign asks for quotes", "a=b@x", "\"a=b@x\"" },
	{ "after a space it does not stand", "a b=c", "\"a b\\x3Dc\"" },
	{ "nor after one of another kind", "a\xC2\xA0z=c",
	    "\"a\xC2\xA0z\\x3Dc\"" },
	{ "quotes and backslashes are escaped", "\"\\", "\"\\\"\\\\\"" },
	{ "a control octet is its number", "a\n\x1B", "\"a\\x0A\\x1B\"" },
	{ "so is what deceives the eye", "\xE2\x80\xAE",
	    "\"\\xE2\\x80\\xAE\"" },
	{ "and what is no UTF-8", "\xC3", "\"\\xC3\"" },
};

static void
test_values(void)
{
	struct buf b = BUF_INIT(100);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_reset(&b);
		buf_add_value(&b, span_of(values[i].value));
		tap_ok(strcmp(b.p, values[i].want) == 0, "%s", values[i].title);
	}
	buf_free(&b);
}

/* Its memory is more than its maximum: 2048 octets for 1000 and the 0. */
static void
test_room(void)
{
	struct buf b = BUF_INIT(1000);
	char octets[1000] = { 'x' };
	size_t at = 0;

	buf_add(&b, (struct span){ octets, sizeof(octets) });
	tap_ok(buf_room(&b, &at, 100, 50) == 0, "a full buffer has no room");
	at = 600;
	tap_ok(buf_room(&b, &at, 100, 50) == 100 && at == 0 && b.len == 400,
	    "unless some of it is used");
	at = 400;
	tap_ok(buf_room(&b, &at, 100, 50) == 100 && b.len == 0, "or all of it");
	buf_free(&b);
	tap_ok(buf_room(&b, &at, 255, 100) == 255 && b.cap == 256,
	    "memory is as large as what is to be read");
	buf_extend(&b, 100);
	tap_ok(buf_room(&b, &at, 255, 100) == 155 && b.cap == 256,
	    "and stays so while half a request leaves room in it");
	buf_extend(&b, 100);
	tap_ok(buf_room(&b, &at, 255, 100) == 255 && b.cap == 512,
	    "it grows for a request that is larger");
	buf_free(&b);
}

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
	test_values();
	test_room();
	return tap_done();
}
