/* SPDX-License-Identifier: ISC */
/* say.h: what `directory` prints, as text or as JSON, a line each. */
#ifndef RESOLVE_SAY_H
#define RESOLVE_SAY_H

#include "directory.h"

/* What was done. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Problems by level, file and line, down to `last`, without those that were
   there before; before: or NULL. */
void say_problems(const struct problems *, const struct problems *before,
    enum problem_level last);

#endif
