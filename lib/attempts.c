/* SPDX-License-Identifier: ISC */
/* attempts.c: attempts come in, answers go out. */
#include "attempts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fds.h"

#define REQUEST_MS  10000 /* from the first octet of an attempt to its last */
#define REQUEST_MAX ((ATTEMPT_RCPT_MAX + 2) * (RECORD_MAX + 1UL))

/* All whole lines of b that are not read yet. */
static enum outcome
take_lines(struct buf *b, struct attempt *a, struct fault *f)
{
	struct span rest = span_whole_lines(buf_span(b)), line;
	size_t used = rest.len;

	while (span_next(&rest, '\n', &line))
		if (wire_attempt_get(line, a, f) != OK)
			return f->outcome;
	buf_drop(b, used);
	return OK;
}

enum outcome
attempts_receive(int in, struct attempt *a, int *content, struct fault *f)
{
	struct buf b = BUF_INIT(REQUEST_MAX);
	size_t got = 1;
	int fd;

	attempt_reset(a);
	fds_set_timeouts(in, REQUEST_MS, REQUEST_MS);
	while (a->state != ATTEMPT_WHOLE && got > 0) {
		if (fds_receive(in, true, &b, RECORD_MAX, &got, &fd, f) != OK)
			break;
		if (fd != -1)
			fds_close(content);
		if (fd != -1)
			*content = fd;
		if (take_lines(&b, a, f) != OK)
			break;
	}
	if (f->outcome == OK && a->state == ATTEMPT_OPEN)
		(void)fault_set(f, TEMP, "4.3.0", 0, "attempt: broken off");
	if (f->outcome == OK && a->state == ATTEMPT_WHOLE && *content == -1)
		(void)fault_set(f, TEMP, "4.3.0", 0, "attempt: no content");
	buf_free(&b);
	return f->outcome;
}

enum outcome
attempts_answer(int out, const struct attempt *a,
    const struct attempt_ans ans[], bool all_nexthop, struct fault *f)
{
	const struct envelope *e = &a->envelope;
	struct buf b = BUF_INIT(REQUEST_MAX);
	enum outcome got = OK;

	for (size_t i = 0; got == OK && i < e->recipients; i++)
		got = wire_attempt_put_ans(&b, e->recipient[i].n, &ans[i], f);
	if (got == OK)
		got = wire_attempt_put_ans_end(&b, &e->qid, all_nexthop, f);
	if (got == OK)
		got = fds_write_all(out, buf_span(&b), f);
	buf_free(&b);
	return got;
}

enum outcome
attempts_of_operands(
    char *const operand[], int content, struct attempt *a, struct fault *f)
{
	struct path path;
	struct stat st;

	attempt_reset(a);
	if (fstat(content, &st) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "message");
	memset(a->envelope.qid.text, '0', QID_LEN);
	a->envelope.size = (uint64_t)st.st_size;
	a->envelope.dots = true;
	if (operand[0] == NULL ||
	    !span_copy(span_of(operand[0]), a->nexthop, sizeof(a->nexthop)))
		return fault_set(f, PERM, "5.5.4", 0, "-m FILE NAME");
	for (size_t i = 1; operand[i] != NULL; i++) {
		if (i > ATTEMPT_RCPT_MAX)
			return fault_set(f, PERM, FAULT_TOO_MANY, 0,
			    "more than %d recipients", ATTEMPT_RCPT_MAX);
		if (path_parse_bare(span_of(operand[i]), &path, f) != OK ||
		    envelope_add_recipient(
		        &a->envelope, &path, SPAN_EMPTY, SPAN_EMPTY, f) != OK)
			return fault_context(f, "%s", operand[i]);
	}
	return OK;
}
