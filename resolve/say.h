/* SPDX-License-Identifier: ISC */
/* say.h: what `directory` prints, as text or as JSON, a line each. */
#ifndef RESOLVE_SAY_H
#define RESOLVE_SAY_H

#include "directory.h"

/* What was done. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Problems of a level by file and line, without those that were there before;
   before: NULL, or of the same level. */
void say_level(
    const struct problems *, const struct problems *before, enum problem_level);
/* All of them, the worst first. */
void say_problems(const struct directory *);

#endif
