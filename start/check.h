/* SPDX-License-Identifier: ISC */
/*
 * check.h: what a configuration says that no program could run with, though
 * each line of it is well formed.
 */
#ifndef START_CHECK_H
#define START_CHECK_H

#include "buf.h"
#include "settings.h"

#define CHECK_MAX 65536 /* octets of errors. Chosen */

/*
 * Load the file at path and check what only start/ can, with the home as cwd.
 * Errors, and warnings of what runs, but hardly as it is meant, are appended as
 * file:line: text. PERM: there is an error. TEMP: it could not be read.
 */
enum outcome check_config(struct settings *, const char *path,
    struct buf *errors, struct buf *warnings, struct fault *) MUST_USE;
/* The same, said on fd 2: the errors, or if there is none the warnings. */
enum outcome check_config_aloud(
    struct settings *, const char *path, struct fault *) MUST_USE;

#endif
