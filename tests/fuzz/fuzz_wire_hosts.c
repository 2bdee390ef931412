/* SPDX-License-Identifier: ISC */
/* What route is asked and answers, line by line: what was read can be written
   and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "wire_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* True: they are whole. */
static bool
read_lines(struct span lines, const struct hosts_req *req, struct hosts *h)
{
	struct hosts_reader reader;
	struct span line;
	struct fault f;
	bool end = false;

	wire_hosts_begin(&reader, req, h);
	while (!end && span_next(&lines, '\n', &line))
		if (wire_hosts_get(&reader, line, &end, &f) != OK)
			return false;
	return end;
}

/* The first line is the question, the rest its answer. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hosts h, again;
	struct span rest = { (const char *)data, size }, line;
	struct buf b = BUF_INIT(1 << 20);
	struct hosts_req req;
	struct fault f;

	if (!span_next(&rest, '\n', &line) ||
	    wire_hosts_get_req(line, &req, &f) != OK)
		return 0;
	if (read_lines(rest, &req, &h) &&
	    (wire_hosts_put_ans(&b, &req, OK, &h, &f, &f) != OK ||
	        !read_lines(buf_span(&b), &req, &again) ||
	        again.hosts != h.hosts || again.tlsas != h.tlsas ||
	        again.port != h.port))
		abort();
	buf_free(&b);
	return 0;
}
