/* SPDX-License-Identifier: ISC */
/*
 * story.h: one message in plain words, with the times between its steps.
 */
#ifndef JOURNAL_STORY_H
#define JOURNAL_STORY_H

#include <stdio.h>

#include "select.h"

/*
 * The story of every message that `what` names: a qid, a Message-ID, an
 * address (a part of it is enough). Newest `most` messages, oldest first.
 * PERM 5.1.0: the journal knows nothing of it.
 */
enum outcome story_trace(int dir, struct span what, size_t most, bool json,
    FILE *out, struct fault *) MUST_USE;

#endif
