/* SPDX-License-Identifier: ISC */
/*
 * accept.h: when the supervisor itself takes a connection: for a replacement,
 * which gets one connection a process, and to say busy for a pool that has been
 * full for over a second. Else it never does.
 */
#ifndef START_ACCEPT_H
#define START_ACCEPT_H

#include "pool.h"

/* Once, before the loop: the alarm that ends an accept() which lost a race. */
void accept_prepare(void);
/* Is the pool full, and since when? Called each time round. */
void accept_look(struct pool *, uint64_t now_ms);
/* Is the supervisor to accept there, that is, to poll its listener? */
bool accept_wants(const struct pool *, uint64_t now_ms);
/* It may have a connection: start a replacement on it, or say busy. */
void accept_ready(struct pool *, uint64_t now_ms);

#endif
