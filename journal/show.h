/* SPDX-License-Identifier: ISC */
/*
 * show.h: entries, for people and for programs.
 */
#ifndef JOURNAL_SHOW_H
#define JOURNAL_SHOW_H

#include <jansson.h>

#include "select.h"

/* " key=value ..." of all fields but time, program, pid and qid. */
void show_put_fields(struct buf *, const struct record *);
/* "2026-11-24 03:04:05.123 94 local-received <qid> smtpd ip=..." LF. */
void show_put_line(struct buf *, const struct entry *);
/* The caller's to json_decref(). */
json_t *show_json(const struct entry *);

/*
 * story.c: print the story of every message that `what` names: a qid, a
 * Message-ID, an address (a part of it is enough). Newest `most` messages,
 * oldest first; with --json its entries in that order.
 * PERM 5.1.0: the journal knows nothing of it.
 */
enum outcome story_trace(
    int dir, struct span what, size_t most, struct fault *) MUST_USE;

#endif
