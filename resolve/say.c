/* SPDX-License-Identifier: ISC */
/* say.c: what `directory` prints, as text or as JSON. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

#include "output.h"
#include "prog.h"
#include "record.h"

void
say_json(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}

/* What was done, in one line. */
void
say(const char *format, ...)
{
	char text[1024];
	va_list ap;
	json_t *object;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!prog.json) {
		(void)printf("%s\n", text);
		return;
	}
	object = json_object();
	(void)json_object_set_new(object, "done", json_text(span_of(text)));
	say_json(object);
}

/* `file:line: level: text`, or an object. */
void
say_problem(const struct problem *p)
{
	struct buf shown = BUF_INIT(RECORD_MAX);
	json_t *object;

	if (!prog.json) {
		buf_add_printable(&shown, p->text);
		(void)printf("%s:%u: %s: " SPAN_FMT "\n", p->file, p->line,
		    problem_word(p->level), SPAN_ARG(buf_span(&shown)));
		buf_free(&shown);
		return;
	}
	object = json_object();
	(void)json_object_set_new(object, "file", json_text(span_of(p->file)));
	(void)json_object_set_new(object, "line", json_integer(p->line));
	(void)json_object_set_new(
	    object, "level", json_text(span_of(problem_word(p->level))));
	(void)json_object_set_new(object, "text", json_text(p->text));
	say_json(object);
}

/* Those that found no place. */
void
say_more(enum problem_level level, size_t more)
{
	const char *word = problem_word(level);
	json_t *object;

	if (more == 0)
		return;
	if (!prog.json) {
		(void)printf(
		    "%zu more %s%s\n", more, word, more > 1 ? "s" : "");
		return;
	}
	object = json_object();
	(void)json_object_set_new(object, "level", json_text(span_of(word)));
	(void)json_object_set_new(
	    object, "more", json_integer((json_int_t)more));
	say_json(object);
}

void
say_level(const struct directory *d, enum problem_level level)
{
	const struct problems *problems = &d->problems[level];

	for (size_t i = 0; i < problems->n; i++)
		say_problem(&problems->p[i]);
	say_more(level, problems->count - problems->n);
}

/* The worst first. */
void
say_problems(const struct directory *d)
{
	for (enum problem_level i = 0; i < PROBLEM_LEVELS; i++)
		say_level(d, i);
}
