/* SPDX-License-Identifier: ISC */
/* say.c: what `directory` prints, as text or as JSON. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

void
say(const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	output(json_pack("{s:o}", "done", json_text(span_of(text))),
	    "{done|text}\n");
}

static int
compare_problems(const void *a, const void *b)
{
	const struct problem *one = a, *other = b;
	int got = (one->level > other->level) - (one->level < other->level);

	if (got == 0)
		got = strcmp(one->file, other->file);
	return got != 0 ? got
	                : (one->line > other->line) - (one->line < other->line);
}

static const char *const words[] = { "error", "warning", "note" };

static void
say_more(enum problem_level level, size_t more)
{
	output(json_pack("{s:s, s:I}", "level", words[level], "more",
	           (json_int_t)more),
	    more > 1 ? "{more} more {level}s\n" : "{more} more {level}\n");
}

void
say_problems(const struct problems *problems, const struct problems *before,
    enum problem_level last)
{
	static const struct problems none = { .n = 0 };
	size_t told[PROBLEM_LEVELS] = { 0 };

	if (before == NULL)
		before = &none;
	if (problems->n > 1)
		qsort(problems->p, problems->n, sizeof(*problems->p),
		    compare_problems);
	for (size_t i = 0; i < problems->n; i++) {
		const struct problem *p = &problems->p[i];

		/* By its words, which have the address: lines move. */
		if (p->level > last || problems_have(before, p->text))
			continue;
		output(json_pack("{s:s, s:I, s:s, s:o}", "file", p->file,
		           "line", (json_int_t)p->line, "level",
		           words[p->level], "text", json_text(p->text)),
		    "{file}:{line}: {level}: {text|text}\n");
		told[p->level]++;
	}
	for (enum problem_level i = 0; i <= last; i++)
		if (problems->count[i] > PROBLEM_LINES_MAX &&
		    problems->count[i] > told[i] + before->count[i])
			say_more(
			    i, problems->count[i] - told[i] - before->count[i]);
}
