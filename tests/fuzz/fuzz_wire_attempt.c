/* SPDX-License-Identifier: ISC */
/* What a transport is asked and answers, line by line: no line end gets out of
   it, and what was read can be written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire_attempt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			abort();
}

static void
write_and_read(const struct attempt *a)
{
	const struct envelope *e = &a->envelope;
	struct buf b = BUF_INIT(1 << 20);
	struct attempt again;
	struct span rest, line;
	struct fault f;

	attempt_begin(&again);
	if (wire_attempt_put(&b, e, a->nexthop, &f) != OK)
		goto out;
	for (size_t i = 0; i < e->recipients; i++)
		if (wire_attempt_put_to(&b, &e->recipient[i],
		        e->recipient[i].address, &f) != OK)
			goto out;
	wire_attempt_put_end(&b);
	rest = buf_span(&b);
	while (span_next(&rest, '\n', &line))
		if (line.len > 0 && wire_attempt_get(line, &again, &f) != OK)
			abort();
	if (again.state != ATTEMPT_WHOLE ||
	    again.envelope.recipients != e->recipients ||
	    strcmp(again.nexthop, a->nexthop) != 0)
		abort();
out:
	attempt_free(&again);
	buf_free(&b);
}

static void
check_whole(const struct attempt *a)
{
	const struct envelope *e = &a->envelope;

	check_text(a->nexthop);
	check_text(e->reverse_path.text);
	check_text(e->envid);
	for (size_t i = 0; i < e->recipients; i++) {
		check_text(e->recipient[i].forward_path.text);
		check_text(e->recipient[i].orcpt);
		check_text(e->recipient[i].notify);
		check_text(e->recipient[i].address);
	}
	write_and_read(a);
}

static void
read_answer(struct span line)
{
	struct qid qid = { "01M86GNVVYGA7B4C4WREP6F65E" };
	struct attempt_ans ans;
	struct fault f;
	bool all;

	if (wire_attempt_get_ans(line, 1, &ans, &f) == OK) {
		check_text(ans.host);
		check_text(ans.fault.text);
		check_text(ans.tls);
		check_text(ans.verified);
	}
	(void)wire_attempt_is_begin(line, &qid);
	(void)!wire_attempt_get_end(line, &qid, &all, &f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attempt a;
	static bool begun;
	struct span rest = { (const char *)data, size }, line;
	struct fault f;

	if (!begun)
		attempt_begin(&a);
	begun = true;
	attempt_reset(&a);
	while (span_next(&rest, '\n', &line)) {
		read_answer(line);
		if (wire_attempt_get(line, &a, &f) != OK)
			attempt_reset(&a);
		else if (a.state == ATTEMPT_WHOLE)
			check_whole(&a);
	}
	return 0;
}
