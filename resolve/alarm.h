/* SPDX-License-Identifier: ISC */
/* alarm.h: operator action needed: an entry in the journal, a line on fd 2. */
#ifndef RESOLVE_ALARM_H
#define RESOLVE_ALARM_H

#include "journal.h"

#define ALARM_MS 60000 /* at least, between two that clients can cause */

void alarm_raise(struct journal *, const char *what, const char *text);
/* At most one in ALARM_MS. *last_ms: of the last one, monotonic; 0: none. */
void alarm_raise_seldom(
    struct journal *, uint64_t *last_ms, const char *what, const char *text);

#endif
