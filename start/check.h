/* SPDX-License-Identifier: ISC */
/*
 * check.h: what a configuration says that no program could run with, though
 * each line of it is well formed.
 */
#ifndef START_CHECK_H
#define START_CHECK_H

#include "buf.h"
#include "settings.h"

/* Names that are none, a queue that is not there: appended to errors as
   file:line: text. The cwd is the home. */
void check_values(const struct settings *, struct buf *errors);

/* What runs, but hardly as it is meant, likewise. */
void check_warnings(const struct settings *, struct buf *warnings);

#endif
