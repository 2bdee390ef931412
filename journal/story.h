/* SPDX-License-Identifier: ISC */
/*
 * story.h: one message in plain words, with the times between its steps.
 */
#ifndef JOURNAL_STORY_H
#define JOURNAL_STORY_H

#include "select.h"

/*
 * Print the story of every message that `what` names: a qid, a Message-ID, an
 * address (a part of it is enough). Newest `most` messages, oldest first; with
 * --json its entries in that order.
 * PERM 5.1.0: the journal knows nothing of it.
 */
enum outcome story_trace(
    int dir, struct span what, size_t most, struct fault *) MUST_USE;

#endif
