/* SPDX-License-Identifier: ISC */
/* say.h: what `directory` prints, as text or as JSON, a line each. */
#ifndef RESOLVE_SAY_H
#define RESOLVE_SAY_H

#include "directory.h"

/* What was done. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_problem(const struct problem *);
/* So many more of that level that were not kept; nothing for 0. */
void say_more(enum problem_level, size_t more);
void say_level(const struct directory *, enum problem_level);
/* All of them, the worst first. */
void say_problems(const struct directory *);

#endif
