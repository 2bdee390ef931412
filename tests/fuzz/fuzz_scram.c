/* SPDX-License-Identifier: ISC */
/* A line: either message of a SCRAM client, or what is kept of a password. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../resolve/scram_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool good)
{
	if (!good)
		abort();
}

static bool
is_within(struct span part, struct span whole)
{
	return part.len == 0 ||
	    (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct scram_first first;
	struct scram_final final;
	struct scram_keys keys;
	struct fault f;

	if (scram_first_parse(in, &first, &f) == OK)
		expect(first.nonce.len > 0 && strlen(first.user) > 0 &&
		    first.header.len + first.bare.len == size &&
		    is_within(first.nonce, in) && is_within(first.type, in));
	if (scram_final_parse(in, &final, &f) == OK)
		expect(final.nonce.len > 0 && is_within(final.nonce, in) &&
		    final.bare.len < size &&
		    final.binding_len <= sizeof(final.binding));
	if (scram_keys_parse(in, &keys))
		expect(keys.iterations >= SCRAM_ITERATIONS_MIN &&
		    keys.salt_len > 0 && keys.salt_len <= SCRAM_SALT_MAX);
	return 0;
}
