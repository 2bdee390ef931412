/* SPDX-License-Identifier: ISC */
/*
 * verbs.h: what pneu can be asked to do; one function a verb, with its own
 * options. argv[0] is the verb; -C and -c before it are in prog already.
 */
#ifndef START_VERBS_H
#define START_VERBS_H

#include "prog.h"

struct verb {
	const char *name; /* NULL ends the table */
	enum outcome (*run)(int argc, char *argv[], struct fault *);
	struct prog_about about;
};

extern const struct verb verbs[];

enum outcome verb_init(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_config(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_units(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_explain(int argc, char *argv[], struct fault *) MUST_USE;

extern const struct prog_option explain_options[], init_options[],
    config_options[], units_options[];

#endif
