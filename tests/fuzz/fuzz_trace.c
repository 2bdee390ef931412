/* SPDX-License-Identifier: ISC */
/* Lines of a client, as a trace shows them: bounded, and nothing behind PASS, NEWPASS or in
   an answer to AUTH. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;
	bool answers = false;

	while (span_next(&rest, '\n', &line)) {
		struct buf out = BUF_INIT(2 * TRACE_LINE_MAX);
		bool before = answers;

		line = span_head(line, TRACE_LINE_MAX);
		trace_redact(line, &answers, &out);
		if (buf_failed(&out) || out.len > line.len + 24)
			abort();
		if (before && !span_has_prefix(buf_span(&out), "["))
			abort();
		if (span_has_prefix_nocase(line, "PASS ") && !before &&
		    !span_same_nocase(buf_span(&out), span_of("PASS [...]")))
			abort();
		if (span_has_prefix_nocase(line, "NEWPASS ") && !before &&
		    !span_same_nocase(buf_span(&out), span_of("NEWPASS [...]")))
			abort();
		buf_free(&out);
	}
	return 0;
}
