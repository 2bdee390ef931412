/* SPDX-License-Identifier: ISC */
/* A record that is read and written again is the same record. */
#include <stdint.h>
#include <stdlib.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = { (const char *)data, size };
	static struct record r, again;
	struct buf b = BUF_INIT(2 * RECORD_MAX);
	struct record_out out;
	struct fault f = FAULT_NONE;
	char word[RECORD_MAX], key[RECORD_MAX];

	if (record_parse(line, &r, &f) != OK)
		return 0;
	if (!span_copy(r.word, word, sizeof(word)))
		abort();
	out = record_begin(&b, word);
	for (size_t i = 0; i < r.fields; i++) {
		if (!span_copy(r.field[i].key, key, sizeof(key)))
			abort();
		record_put(out, key, r.field[i].value);
	}
	if (record_end(out, &f) == OK) {
		if (record_parse(buf_span(&b), &again, &f) != OK ||
		    !span_same(r.word, again.word) || r.fields != again.fields)
			abort();
		for (size_t i = 0; i < r.fields; i++)
			if (!span_same(r.field[i].key, again.field[i].key) ||
			    !span_same(r.field[i].value, again.field[i].value))
				abort();
	}
	buf_free(&b);
	return 0;
}
