/* SPDX-License-Identifier: ISC */
/* ask.h: what verbs want of the supervisor that runs this home. */
#ifndef START_ASK_H
#define START_ASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

/* Its pid comes from the kernel's lock, so root may signal it: the cwd is the
   home, and we work as its owner. */
enum outcome ask_signal(pid_t, int number, struct fault *) MUST_USE;

/* All that it says (PROTOCOL 10). While it reads a configuration or starts programs it
   answers nobody: until_ms, monotonic. */
enum outcome ask_status(
    struct buf *answer, uint64_t until_ms, struct fault *) MUST_USE;

/*
 * Have it read the configuration again, and wait until it has.
 *
 * OK		*generation is in force
 * otherwise	*refused: it has looked and keeps the old one; else it does not
 *		answer, or stops
 */
enum outcome ask_reload(
    pid_t, uint64_t *generation, bool *refused, struct fault *) MUST_USE;

#endif
