/* SPDX-License-Identifier: ISC */
/* Questions of smtpd --explain: each has one answer, of records, with a verdict
   at its end and none before. */
#include <stdint.h>

#include "../../smtpd/explain.h"
#include "../unit/smtpd_stub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings set;
	static struct server server;
	static bool is_begun;
	struct span line = { (const char *)data, size }, rest;
	struct buf out = BUF_INIT(EXPLAIN_MAX);
	static struct record r;
	struct fault f = FAULT_NONE;
	bool is_over = false;

	if (!is_begun)
		stub_server_begin(&server, &set);
	is_begun = true;
	if (span_find(line, '\n') < size ||
	    explain_line(&server.policy, line, &out, &f) != OK) {
		buf_free(&out);
		return 0;
	}
	rest = buf_span(&out);
	while (span_next(&rest, '\n', &line)) {
		if (is_over || record_parse(line, &r, &f) != OK)
			abort();
		is_over = !record_is(&r, "step");
	}
	if (!is_over)
		abort();
	buf_free(&out);
	return 0;
}
