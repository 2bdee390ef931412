/* SPDX-License-Identifier: ISC */
/* names.h: one name for each message, before a starting queue-run goes on. */
#ifndef QUEUE_RUN_NAMES_H
#define QUEUE_RUN_NAMES_H

#include "run.h"

/*
 * After a start's syncfs: mend what a crash left of a move. A message that
 * cannot be mended now is left with two names (STEP_LEFT), and neither is used
 * until the next start. TEMP: the disk fails, or too many are left.
 */
enum outcome names_repair(struct run *, struct fault *) MUST_USE;

#endif
