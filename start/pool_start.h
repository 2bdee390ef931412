/* SPDX-License-Identifier: ISC */
/* pool_start.h: how a process of a pool begins. */
#ifndef START_POOL_START_H
#define START_POOL_START_H

#include "pool.h"

/* One more, with this connection (a replacement's); -1: on the listener, or as
   reader of the FIFO. */
enum outcome pool_start(
    struct pool *, int connection, uint64_t now_ms, struct fault *) MUST_USE;

#endif
