/* SPDX-License-Identifier: ISC */
/* start.h: what queue-run does before it serves. */
#ifndef QUEUE_RUN_START_H
#define QUEUE_RUN_START_H

#include "run.h"

/* Opens the queue and the journal; before the sandbox closes. */
enum outcome run_begin(struct run *, const struct settings *,
    const char *program, struct fault *) MUST_USE;
void run_end(struct run *);

/* Every stage is opened; before the sandbox closes. */
enum outcome start_open_stages(struct run *, struct fault *) MUST_USE;
/* With run.lock held: sync what is seen, mend names, begin the first listing. */
enum outcome start_run(struct run *, struct fault *) MUST_USE;
/* The same of a queue-run that serves requests only. */
enum outcome start_for_requests(struct run *, struct fault *) MUST_USE;

#endif
