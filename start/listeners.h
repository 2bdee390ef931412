/* SPDX-License-Identifier: ISC */
/* listeners.h: the sockets of a configuration, shared with the one before. */
#ifndef START_LISTENERS_H
#define START_LISTENERS_H

#include "supervisor.h"

/* That of a pool with this address; NULL: none. */
struct listener *listeners_find(const struct supervisor *, const char *address);
/*
 * Open those of the pools from `had` on that are not open yet: all of these may
 * be freed when one cannot be, and nothing has changed. Unix
 * sockets are opened only when the queue has been tidied: a process that a
 * dead supervisor left would ask there, and wait, and hold the queue's lock
 * that tidying waits for.
 */
enum outcome listeners_open(struct supervisor *, const struct settings *,
    size_t had, struct fault *) MUST_USE;
/* The sockets that were left for after the tidying. */
void listeners_open_rest(struct supervisor *);

#endif
