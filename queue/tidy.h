/* SPDX-License-Identifier: ISC */
/* tidy.h: what crashes left lying, removed when nothing runs. */
#ifndef QUEUE_TIDY_H
#define QUEUE_TIDY_H

#include "journal.h"
#include "store.h"

struct tidied {
	uint64_t dot_names; /* of files that were being written */
	uint64_t contents; /* settled ones */
	uint64_t aside; /* contents that lie in no mailbox */
};
/*
 * Removes them and counts, under the exclusive lock (store_lock()); alarms go
 * to the journal. TEMP: a directory could not be read or synced.
 */
enum outcome tidy_queue(
    struct store *, struct journal *, struct tidied *, struct fault *) MUST_USE;

#endif
