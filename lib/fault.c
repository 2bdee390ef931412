/* SPDX-License-Identifier: ISC */
/* fault.c: outcomes and their one line of text. */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "span.h"

/* Text from outside (a path, a peer's words) may be in it: one line, always. */
static void
make_printable(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = utf8_printable((struct span){ text, left });

		if (n == 0) {
			*text = '?';
			n = 1;
		}
		text += n;
		left -= n;
	}
}

enum outcome
fault_set(struct fault *f, enum outcome outcome, const char *code, int error,
    const char *format, ...)
{
	va_list ap;
	size_t n;

	f->outcome = outcome;
	f->error = error;
	(void)snprintf(f->code, sizeof(f->code), "%s", code);
	va_start(ap, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	n = strlen(f->text);
	if (error != 0)
		(void)snprintf(
		    f->text + n, sizeof(f->text) - n, ": %s", strerror(error));
	make_printable(f->text);
	return outcome;
}

enum outcome
fault_context(struct fault *f, const char *format, ...)
{
	char before[FAULT_TEXT_MAX], both[2 * FAULT_TEXT_MAX + 2];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(before, sizeof(before), format, ap);
	va_end(ap);
	(void)snprintf(both, sizeof(both), "%s: %s", before, f->text);
	both[sizeof(f->text) - 1] = '\0';
	memcpy(f->text, both, strlen(both) + 1);
	make_printable(f->text);
	return f->outcome;
}

void
fault_append(struct fault *f, const struct fault *second)
{
	size_t n = strlen(f->text);

	(void)snprintf(f->text + n, sizeof(f->text) - n, "; %s", second->text);
	make_printable(f->text);
}

bool
fault_is(const struct fault *f, const char *code)
{
	return strcmp(f->code, code) == 0;
}

const char *
outcome_word(enum outcome outcome)
{
	switch (outcome) {
	case OK:
		return "ok";
	case PERM:
		return "perm";
	case TEMP:
		break;
	}
	return "temp";
}
