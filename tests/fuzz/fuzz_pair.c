/* SPDX-License-Identifier: ISC */
/* A line `certificate`, and what is told of a file that a transfer has damaged. */
#include "../../tls/pair.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span octets = { (const char *)data, size };
	struct pair_names names;
	struct fault f = FAULT_NONE;

	if (pair_damage(octets) == NULL &&
	    memmem(data, size, "-----BEGIN ", 11) == NULL && size >= 4 &&
	    data[0] == 0x30 && data[1] == 0x82)
		abort(); /* DER is never taken for what can be read */
	/* It is a line of the configuration, which has no octet 0. */
	if (size > 0 && memchr(data, '\0', size) == NULL &&
	    pair_parse(octets, &names, &f) == OK &&
	    (names.label[0] == '\0' || names.chain[0] == '\0' ||
	        names.key[0] == '\0'))
		abort();
	return 0;
}
