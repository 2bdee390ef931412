/* SPDX-License-Identifier: ISC */
/* supervise.h: `pneu run`. */
#ifndef START_SUPERVISE_H
#define START_SUPERVISE_H

#include "fault.h"

/*
 * Until SIGTERM, SIGINT or SIGQUIT. The cwd is the home.
 * PERM: a configuration with errors, an address that cannot be bound, a second
 * supervisor on one home.
 */
enum outcome supervise(struct fault *) MUST_USE;

#endif
