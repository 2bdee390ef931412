/* SPDX-License-Identifier: ISC */
/* listeners.h: which sockets a configuration wants, opened, kept and closed. */
#ifndef START_LISTENERS_H
#define START_LISTENERS_H

#include "supervisor.h"

/*
 * A listener for every service and address of the settings; those that are
 * there already are kept. The rest of *s is untouched when it fails. Unix
 * sockets are opened only when the queue has been tidied: a process that a
 * dead supervisor left would ask there, and wait, and hold the queue's lock
 * that tidying waits for.
 */
enum outcome listeners_open(
    struct supervisor *, const struct settings *, struct fault *) MUST_USE;
/* The sockets that were left for after the tidying. */
void listeners_open_rest(struct supervisor *);
/* Back to the first `had` of them, all wanted; the others are closed. */
void listeners_keep(struct supervisor *, size_t had);
/* Close what no configuration wants. */
void listeners_drop(struct supervisor *);
/* The deadlines of sockets that were opened by systemd, or for another
   configuration: for the connections of now on. */
void listeners_set_deadlines(
    const struct supervisor *, const struct settings *);

#endif
