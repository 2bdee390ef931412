/* SPDX-License-Identifier: ISC */
/* Answers of the DNS as route reads them, and route's wire: a reason is
   printable and bounded, and what was read can be written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../route/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_packet(struct span packet)
{
	static const struct block_list usual = { .zone = "bl.example" };
	char code[16], text[ROUTE_TEXT_MAX + 1];
	enum block_meaning m = block_read(packet, &usual, code);

	if ((code[0] != '\0') != (m != MEANS_NOTHING && m != MEANS_NO_MESSAGE))
		abort();
	block_read_text(packet, text);
	for (const char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			abort();
}

static void
read_request(struct span line)
{
	struct block_req req, again;
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	char name[BLOCK_NAME_MAX + 1];
	struct fault f;

	if (wire_block_get_req(line, &req, &f) != OK)
		return;
	(void)block_name(req.ip, req.list.zone, name);
	if (wire_block_put_req(&b, &req, &f) != OK ||
	    wire_block_get_req(
	        span_head(buf_span(&b), b.len - 1), &again, &f) != OK ||
	    memcmp(&req, &again, sizeof(req)) != 0)
		abort();
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct block_req req = { .ip = "192.0.2.7",
		.list = { .zone = "bl.example" } };
	struct span in = { (const char *)data, size };
	struct block_status status;
	struct block_ans ans;
	struct fault f;
	bool end;

	read_packet(in);
	in = span_head(in, span_find(in, '\n'));
	read_request(in);
	(void)!wire_block_get_ans(in, &req, &ans, &f);
	(void)!wire_route_get_status(in, &status, &end, &f);
	return 0;
}
