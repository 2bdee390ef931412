/* SPDX-License-Identifier: ISC */
/* What a client of queue-add says, line by line: the envelope that comes of it
   can be written, and no line end gets into an address. */
#include <stdint.h>
#include <stdlib.h>

#include "wire_add.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(struct span path)
{
	for (size_t i = 0; i < path.len; i++)
		if ((unsigned char)path.p[i] < ' ' || path.p[i] == 0x7F)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct envelope e;
	static bool begun;
	struct span rest = { (const char *)data, size }, line;
	struct buf b = BUF_INIT(1 << 22);
	struct add_line l;
	struct fault f = FAULT_NONE;
	struct qid qid = { "01M86GNVVYGA7B4C4WREP6F65E" };
	enum add_answer answer;
	uint64_t offset;

	if (!begun)
		envelope_begin(&e);
	begun = true;
	envelope_reset(&e);
	while (span_next(&rest, '\n', &line)) {
		(void)!wire_add_get(line, &e, &l, &f);
		(void)!wire_add_get_answer(line, &qid, &answer, &offset, &f);
	}
	check_path(path_span(&e.reverse_path));
	for (size_t i = 0; i < e.recipients; i++)
		check_path(path_span(&e.recipient[i].forward_path));
	if (wire_add_put(&b, &e, &f) == OK && b.len == 0)
		abort();
	buf_free(&b);
	return 0;
}
