/* SPDX-License-Identifier: ISC */
/* stop.h: a stop in stages; each ends what it has in hand, or is killed. */
#ifndef START_STOP_H
#define START_STOP_H

#include "supervisor.h"

/* Tell the first stage. While it stops already: nothing. */
void stop_begin(struct supervisor *, uint64_t now_ms);
/* Go on when a stage has ended, kill it when it is late. True: all is done. */
bool stop_advance(struct supervisor *, uint64_t now_ms);

#endif
