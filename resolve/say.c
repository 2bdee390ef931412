/* SPDX-License-Identifier: ISC */
/* say.c: what `directory` prints, as text or as JSON. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

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

void
say_problem(const struct problem *p)
{
	output(json_pack("{s:s, s:I, s:s, s:o}", "file", p->file, "line",
	           (json_int_t)p->line, "level", problem_word(p->level), "text",
	           json_text(p->text)),
	    "{file}:{line}: {level}: {text|text}\n");
}

void
say_more(enum problem_level level, size_t more)
{
	if (more > 0)
		output(json_pack("{s:s, s:I}", "level", problem_word(level),
		           "more", (json_int_t)more),
		    more > 1 ? "{more} more {level}s\n"
		             : "{more} more {level}\n");
}

void
say_level(const struct directory *d, enum problem_level level)
{
	const struct problems *problems = &d->problems[level];

	for (size_t i = 0; i < problems->n; i++)
		say_problem(&problems->p[i]);
	say_more(level, problems->count - problems->n);
}

void
say_problems(const struct directory *d)
{
	for (enum problem_level i = 0; i < PROBLEM_LEVELS; i++)
		say_level(d, i);
}
