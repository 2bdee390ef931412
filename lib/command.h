/* SPDX-License-Identifier: ISC */
/*
 * command.h: lines `command = NAME PATH [ARGUMENT...]` of [deliver-program].
 * Words are separated by spaces; there is no quoting and no shell.
 */
#ifndef LIB_COMMAND_H
#define LIB_COMMAND_H

#include "settings.h"
#include "span.h"

#define COMMAND_LINE_MAX  4096 /* octets, as of every text of pneu.conf */
#define COMMAND_WORDS_MAX 64 /* the path and its arguments */

struct command {
	char text[COMMAND_LINE_MAX + 1]; /* what the others point into */
	const char *line; /* as it was given; borrowed */
	const char *name; /* the next hop that it stands for */
	char *argv[COMMAND_WORDS_MAX + 1]; /* argv[0] is its absolute path */
};

/* PERM 5.3.5: the name or the path is missing, the path is not absolute, or the
   line is too long. */
enum outcome command_parse(
    const char *line, struct command *, struct fault *) MUST_USE;
/* The first line of that name; false: none. */
bool command_find(
    const struct setting_list *, struct span name, struct command *) MUST_USE;

#endif
