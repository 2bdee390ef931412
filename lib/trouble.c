/* SPDX-License-Identifier: ISC */
/* trouble.c: the file that records a failed write. */
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "record.h"

#define TROUBLE_NAME "trouble"

bool
trouble_set(int queue, const char *program, const char *text)
{
	struct buf line = BUF_INIT(RECORD_MAX);
	struct fault f = FAULT_NONE;
	char time[CLOCK_TEXT_MAX];
	struct record_out out;
	int fd = openat(queue, TROUBLE_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return errno == EEXIST;
	clock_text_ms(clock_wall_ms(), time);
	out = record_begin(&line, "trouble");
	record_puts(out, "time", time);
	record_puts(out, "program", program);
	record_puts(out, "text", text);
	/* That it is there is what counts; what it says is for people. */
	if (record_end(out, &f) == OK)
		(void)!write(fd, line.p, line.len);
	(void)close(fd);
	buf_free(&line);
	return true;
}

bool
trouble_stands(int queue)
{
	return faccessat(queue, TROUBLE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT;
}

bool
trouble_text(int queue, char *out, size_t size)
{
	struct buf file = BUF_INIT(RECORD_MAX);
	struct span rest, line = SPAN_EMPTY;
	struct fault f;
	size_t n = 0;

	out[0] = '\0';
	if (!trouble_stands(queue))
		return false;
	if (fds_read_file(queue, TROUBLE_NAME, &file, &f) == OK) {
		rest = buf_span(&file);
		(void)span_next(&rest, '\n', &line);
	}
	for (; n < line.len && n + 1 < size; n++)
		out[n] = line.p[n] < ' ' || line.p[n] > '~' ? '?' : line.p[n];
	out[n] = '\0';
	buf_free(&file);
	return true;
}
