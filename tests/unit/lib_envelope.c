/* SPDX-License-Identifier: ISC */
/* The digest of content as it passes. */
#include "envelope.h"

#include <string.h>

#include "tap.h"

static void
test_digest(void)
{
	unsigned char a[ENVELOPE_DIGEST_LEN], b[ENVELOPE_DIGEST_LEN];
	struct envelope_digest d;

	envelope_digest_begin(&d);
	envelope_digest_add(&d, SPAN_LIT("hello "));
	envelope_digest_add(&d, SPAN_LIT("world"));
	envelope_digest_end(&d, a);
	envelope_digest_begin(&d);
	envelope_digest_add(&d, SPAN_LIT("hello world"));
	envelope_digest_end(&d, b);
	tap_ok(memcmp(a, b, sizeof(a)) == 0 && a[0] == 0x25 && a[1] == 0x6c,
	    "the digest is BLAKE2b-256, in pieces or whole");
}

int
main(void)
{
	test_digest();
	return tap_done();
}
