/* SPDX-License-Identifier: ISC */
/*
 * reload.h: a configuration becomes the running one: at the start, and at
 * SIGHUP while sessions go on.
 */
#ifndef START_RELOAD_H
#define START_RELOAD_H

#include "supervisor.h"

/*
 * Check the configuration and make pools of it, with their listeners, beside
 * those that are there; or nothing has changed.
 */
enum outcome reload_take(struct supervisor *, struct fault *) MUST_USE;
/* SIGHUP. An error is told and changes nothing. */
void reload(struct supervisor *, uint64_t now_ms);

#endif
