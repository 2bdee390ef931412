/* SPDX-License-Identifier: ISC */
/* start.h: what queue-run does before it serves. */
#ifndef QUEUE_RUN_START_H
#define QUEUE_RUN_START_H

#include "run.h"

/* Before the sandbox closes: the queue and the journal; its lock, and all stages
   unless it serves requests only. */
enum outcome run_begin(struct run *, const struct queue_settings *,
    const char *program, struct fault *) MUST_USE;
enum outcome start_open(struct run *, struct fault *) MUST_USE;
/* Sync what is seen, mend names, begin the first listing. */
enum outcome start_run(struct run *, struct fault *) MUST_USE;
void run_end(struct run *);

/*
 * names.c, after a start's syncfs: mend what a crash left of a move. A message
 * that cannot be mended now is left with two names (STEP_LEFT), and neither is
 * used until the next start. TEMP: the disk fails, or too many are left.
 */
enum outcome names_repair(struct run *, struct fault *) MUST_USE;

#endif
