/* SPDX-License-Identifier: ISC */
/* pool_start.h: how a process of a pool begins. */
#ifndef START_POOL_START_H
#define START_POOL_START_H

#include "pool.h"

/* One more, on the listener or as reader of the FIFO. */
enum outcome pool_start(struct pool *, const struct pool_ground *,
    uint64_t now_ms, struct fault *) MUST_USE;
/* One more with this connection (a replacement's). */
enum outcome pool_start_on(struct pool *, const struct pool_ground *, int fd,
    uint64_t now_ms, struct fault *) MUST_USE;

#endif
