/* SPDX-License-Identifier: ISC */
/* checkup.c: what a check says. */
#include "checkup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "output.h"

static unsigned *found; /* of each severity */

unsigned *
checkup_begin(struct fault *f)
{
	found = mmap(NULL, SEVERITIES * sizeof(*found), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found != MAP_FAILED)
		return found;
	(void)fault_set(f, TEMP, "4.3.0", errno, "memory");
	return NULL;
}

void
checkup_say(const struct checkup_row *row, enum severity severity,
    const char *format, ...)
{
	static const char *const word[] = { "note", "risk", "error",
		"unknown" };
	char text[FAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	found[severity]++;
	output(json_pack("{s:s, s:s, s:o}", "check", row->name, "severity",
	           word[severity], "text", json_text(span_of(text))),
	    "{severity:7} {check:12} {text|text}\n");
}

void
checkup_lines(
    const struct checkup_row *row, enum severity severity, struct buf *text)
{
	struct span rest = buf_span(text), line;

	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			checkup_say(row, severity, SPAN_FMT, SPAN_ARG(line));
	buf_free(text);
}
