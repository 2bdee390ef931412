/* SPDX-License-Identifier: ISC */
/* journal.c: one call for every transition of every message. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"

#define JOURNAL_FIFO "run/journal"

static struct record_out
begin(const struct journal *j, struct buf *b, const char *code,
    const struct qid *qid)
{
	struct record_out out = record_begin(b, code);
	char time[CLOCK_TEXT_MAX];

	clock_text_us(clock_wall_us(), time);
	record_puts(out, "time", time);
	record_puts(out, "program", j->program);
	record_put_num(out, "pid", (uint64_t)j->pid);
	if (qid != NULL)
		record_put(out, "qid", qid_span(qid));
	return out;
}

void
journal_open(struct journal *j, const char *program)
{
	struct stat st;

	*j = (struct journal){ .fd = -1,
		.program = program,
		.pending = BUF_INIT(JOURNAL_PENDING_MAX) };
	/* ENXIO: nobody reads. Then there is no journal, and all works. */
	j->fd =
	    open(JOURNAL_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd != -1 && (fstat(j->fd, &st) != 0 || !S_ISFIFO(st.st_mode))) {
		(void)close(j->fd);
		j->fd = -1;
	}
}

struct record_out
journal_begin(struct journal *j, const char *code, const struct qid *qid)
{
	/* A round may have more to tell than is kept for its end. */
	if (j->pending.len > JOURNAL_PENDING_HIGH)
		journal_flush(j);
	/* A system call: once a batch, and right again after a fork. */
	if (j->pending_entries == 0)
		j->pid = getpid();
	return begin(j, &j->pending, code, qid);
}

void
journal_end(struct journal *j, struct record_out out)
{
	struct fault f;

	if (j->fd == -1) {
		buf_undo(&j->pending, out.start);
	} else if (record_end(out, &f) != OK) {
		j->lost++;
	} else {
		j->pending_entries++;
	}
}

void
journal_tell(struct journal *j, const char *code, const struct qid *qid,
    const struct journal_field *f)
{
	struct record_out out = journal_begin(j, code, qid);

	for (; f->key != NULL; f++)
		if (f->text == NULL)
			record_put_num(out, f->key, f->number);
		else if (f->text[0] != '\0' || f->number != 0)
			record_puts(out, f->key, f->text);
	journal_end(j, out);
}

/* As many whole records as one atomic write to a pipe may carry. */
static size_t
portion(struct span s)
{
	size_t n = 0;

	while (n < s.len) {
		size_t line = span_find(span_from(s, n), '\n') + 1;

		if (n > 0 && n + line > PIPE_BUF)
			break;
		n += line;
	}
	return n;
}

/* One atomic write to the pipe: all of it, or nothing. */
static bool
put(const struct journal *j, struct span part)
{
	ssize_t n;

	do
		n = write(j->fd, part.p, part.len);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* How many were lost, before what comes next. false: this is lost as well. */
static bool
tell_lost(struct journal *j)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record_out out;
	struct fault f;

	if (j->lost == 0)
		return true;
	out = begin(j, &b, CODE_LOST, NULL);
	record_put_num(out, "n", j->lost);
	if (record_end(out, &f) == OK && put(j, buf_span(&b)))
		j->lost = 0;
	buf_free(&b);
	return j->lost == 0;
}

void
journal_alarm(struct journal *j, const struct qid *qid, const char *format, ...)
{
	struct record_out out = journal_begin(j, CODE_ALARM, qid);
	char text[FAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	record_puts(out, "text", text);
	journal_end(j, out);
}

void
journal_flush(struct journal *j)
{
	struct span rest = buf_span(&j->pending);

	while (rest.len > 0) {
		struct span part = span_head(rest, portion(rest));

		if (!tell_lost(j) || !put(j, part)) {
			j->lost += span_count_lines(rest);
			break;
		}
		rest = span_from(rest, part.len);
	}
	j->pending_entries = 0;
	buf_reset(&j->pending);
}

void
journal_close(struct journal *j)
{
	if (j->fd != -1) {
		journal_flush(j);
		(void)tell_lost(j);
		(void)close(j->fd);
	}
	buf_free(&j->pending);
	j->fd = -1;
}
