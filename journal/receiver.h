/* SPDX-License-Identifier: ISC */
/*
 * receiver.h: the file that the journal is appended to, and its successors.
 *
 * Receivers are journal/000001, 000002, ...; the greatest number is attached.
 * A new one is begun at a size, or when an operator has made the next file
 * (journal rotate). The name is that of the original system.
 */
#ifndef JOURNAL_RECEIVER_H
#define JOURNAL_RECEIVER_H

#include <pthread.h>
#include <sys/types.h>

#include "journal.h"
#include "receivers.h"
#include "settings.h"

struct receiver {
	const struct settings *set;
	int dir; /* the journal's directory; this process holds its lock */
	int fd; /* the attached receiver, -1 none */
	ino_t inode; /* of it: its name may be taken away */
	uint64_t number, size;
	uint64_t lost; /* entries that could not be written; said later */
	struct journal own; /* its own entries are made here, never flushed */

	/* Each is said when it begins, not each time it is met again. */
	bool is_full, is_gone, is_stuck, is_unsynced, is_crowded, is_early;

	/*
	 * What waits for a disk has a thread of its own, so that reading never
	 * does: it alone syncs, closes and removes receivers.
	 */
	pthread_t syncer;
	pthread_mutex_t lock; /* of fd for the thread, and of what follows */
	pthread_cond_t wake;
	bool dirty, ending;
	int old; /* the one before fd, not yet synced and closed; -1 none */
	char alarm[FAULT_TEXT_MAX]; /* written before the next entry */
};

/*
 * Attach the newest receiver, or make the first; a torn last line is cut.
 * TEMP when another has it: two would cut each other's lines.
 */
enum outcome receiver_open(
    struct receiver *, const struct settings *, struct fault *) MUST_USE;
/* Start the thread: after the sandbox is closed. */
enum outcome receiver_start(struct receiver *, struct fault *) MUST_USE;
/*
 * Append whole lines, as they are. Rotates when it is due. What the disk does
 * not take is counted, and said before the next line that it takes.
 */
void receiver_append(struct receiver *, struct span lines);
/* Stop the thread, sync, close. */
void receiver_close(struct receiver *);

#endif
