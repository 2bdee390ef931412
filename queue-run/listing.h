/* SPDX-License-Identifier: ISC */
/*
 * listing.h: what waits on disk, oldest first, a part at a time, into the
 * window while there is room.
 */
#ifndef QUEUE_RUN_LISTING_H
#define QUEUE_RUN_LISTING_H

#include "store.h"

struct run;

struct scan {
	struct store_place place;
	struct qid *name;
	size_t at, n;
	struct qid after;
	bool active, more;
};

/* Names of one listing in memory. Ours: 1.8 MB; a directory is read once for
   each so many of its names. */
#define SCAN_NAMES_MAX 65536

struct listing {
	struct scan in, retry, busy;
	bool wanted; /* in/ from the start again, when there is room */
	bool busy_wanted; /* so busy/, when nothing is parked any more */
	/* Minutes of retry1, wall time. */
	uint64_t retry_after_ms; /* up to it they were listed */
	uint64_t ahead_after_ms; /* so were those too far ahead; 0: all */
	uint64_t due_ms; /* the next one; 0: none */
	uint64_t rescan_ms; /* monotonic */
	uint64_t listed_ms; /* when in/ was last begun; monotonic */
	bool starting; /* the first listing: recovered ones */
};

/* Fill the window from what waits on disk. */
void listing_fill(struct run *);
/* List in/ again, when there is room for what it finds. */
void listing_want_in(struct run *);
/* The same with busy/, unless mail is parked. */
void listing_want_busy(struct run *);
/* A message was deferred until that minute (wall time). */
void listing_due(struct run *, uint64_t minute_ms);
/* Nobody knows in which state a message lies now: look into all. */
void listing_want_all(struct run *);
/* The same, as every queue.rescan. */
void listing_rescan(struct run *);
/* Is something to be found by it? */
bool listing_is_active(const struct run *);
uint64_t listing_next_ms(const struct run *); /* monotonic; 0: nothing */

#endif
