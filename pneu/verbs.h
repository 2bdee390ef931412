/* SPDX-License-Identifier: ISC */
/*
 * verbs.h: what pneu can be asked to do; one function a verb, with its own
 * options. argv[0] is the verb; -C and -c before it are in prog already.
 */
#ifndef START_VERBS_H
#define START_VERBS_H

#include "prog.h"
#include "wanted.h"

struct verb {
	const char *name; /* NULL ends the table */
	enum outcome (*run)(int argc, char *argv[], struct fault *);
	struct prog_about about;
};

extern const struct verb verbs[];

enum outcome verb_init(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_list(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_config(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_setup(int argc, char *argv[], struct fault *) MUST_USE;
/* trace_verb.c, check_verb.c */
enum outcome verb_trace(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_check(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_units(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_unlock(int argc, char *argv[], struct fault *);
enum outcome verb_explain(int argc, char *argv[], struct fault *) MUST_USE;

/* service_verb.c: has --now been said? And the same for verb_stop(), which without a
   word is for the whole system. */
enum outcome verb_start(int argc, char *argv[], struct fault *) MUST_USE;
enum outcome verb_restart(int argc, char *argv[], struct fault *) MUST_USE;
bool service_is_now(void);
enum outcome service_order(
    enum wanted_what, int n, char *word[], struct fault *) MUST_USE;

extern const struct prog_option explain_options[], init_options[],
    config_options[], list_options[], units_options[], service_options[],
    trace_options[], setup_options[];

#endif
