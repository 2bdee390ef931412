/* SPDX-License-Identifier: ISC */
/*
 * reload.h: a configuration becomes the running one: at the start, and at
 * SIGHUP while sessions go on.
 */
#ifndef START_RELOAD_H
#define START_RELOAD_H

#include "supervisor.h"

/* A pool for every wanted listener and for the journal; or none. */
enum outcome reload_make_pools(struct supervisor *, const struct settings *,
    const char *snapshot, uint64_t generation, struct fault *) MUST_USE;
/* SIGHUP. An error is told and changes nothing. */
void reload(struct supervisor *, uint64_t now_ms);

#endif
