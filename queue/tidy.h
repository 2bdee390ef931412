/* SPDX-License-Identifier: ISC */
/* tidy.h: removes what crashes left, while nothing runs. */
#ifndef QUEUE_TIDY_H
#define QUEUE_TIDY_H

#include "journal.h"
#include "store.h"

struct tidied {
	uint64_t dot_names; /* of files that were being written */
	uint64_t contents; /* settled ones */
	uint64_t aside; /* contents that are in no mailbox */
};
/*
 * Removes them and counts, under the exclusive lock (store_lock()); alarms go
 * to the journal. TEMP: a directory could not be read or synced.
 */
enum outcome tidy_queue(
    struct store *, struct journal *, struct tidied *, struct fault *) MUST_USE;

#endif
