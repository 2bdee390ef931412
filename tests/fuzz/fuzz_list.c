/* SPDX-License-Identifier: ISC */
/* A line of a list: an entry that is taken has one meaning, and keeps it when
   what was read of it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = { (const char *)data, size }, entry, again;
	struct net_range range, same;
	char text[NET_TEXT_MAX];

	if (!list_entry(line, &entry))
		return 0;
	if (entry.len == 0 || !list_entry(entry, &again) ||
	    !span_same(entry, again))
		abort();
	for (size_t i = 0; i < LISTS; i++)
		(void)list_why_not(&list_abouts[i], entry);
	if (net_parse_range(entry, &range) != NULL)
		return 0;
	if (range.first.is_v6 != range.last.is_v6 ||
	    memcmp(range.first.octet, range.last.octet, NET_OCTETS) > 0)
		abort();
	net_put(&range.first, text);
	if (net_parse_range(span_of(text), &same) != NULL ||
	    memcmp(range.first.octet, same.first.octet, NET_OCTETS) != 0)
		abort();
	return 0;
}
