/* SPDX-License-Identifier: ISC */
/* entries.h: what the journal is told. */
#ifndef SMTPD_ENTRIES_H
#define SMTPD_ENTRIES_H

#include "state.h"

/*
 * The message in hand was queued: 94 91 92 9T 99 97. Call while it is there:
 * a reply that cannot leave empties it.
 */
void entries_queued(struct session *);
/* Something was refused: code with rule, reply, client and path. */
void entries_refused(struct session *, const char *code, const char *rule,
    int reply, const struct fault *, struct span to);
/* At the session's end: how many refusals more there were, if any. */
void entries_untold(struct session *);

#endif
