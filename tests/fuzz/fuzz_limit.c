/* SPDX-License-Identifier: ISC */
/* A text of [limit]: what is taken says the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct limit_rates r, again;
	struct buf b = BUF_INIT(65536);
	struct fault f;

	if (limit_parse((struct span){ (const char *)data, size }, &r, &f) !=
	    OK)
		return 0;
	for (enum limit_kind k = 0; k < LIMIT_KINDS; k++)
		for (enum limit_window w = 0; w < LIMIT_WINDOWS; w++) {
			if (r.most[k][w] > LIMIT_MOST)
				abort();
			if (r.most[k][w] > 0)
				buf_addf(&b, "%s%u %s/%s",
				    b.len > 0 ? ", " : "", r.most[k][w],
				    limit_kind_name(k), limit_window_name(w));
		}
	if (limit_parse(buf_span(&b), &again, &f) != OK ||
	    memcmp(&r, &again, sizeof(r)) != 0)
		abort();
	buf_free(&b);
	return 0;
}
