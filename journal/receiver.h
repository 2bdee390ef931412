/* SPDX-License-Identifier: ISC */
/*
 * receiver.h: the file that the journal is appended to, and its successors.
 *
 * Receivers are journal/000001, 000002, ...; the greatest number is attached.
 * A new one is begun at a size, or when an operator has made the next file
 * (journal rotate). Source: ours, after the journal receivers of the original.
 */
#ifndef JOURNAL_RECEIVER_H
#define JOURNAL_RECEIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "buf.h"
#include "receivers.h"

struct receiver {
	int dir; /* the journal's directory */
	int fd; /* the attached receiver, -1 none */
	uint64_t number, size;
	uint64_t rotate_size, keep;
	uint64_t lost; /* entries that could not be written; said later */

	/* Syncing has a thread of its own: reading never waits for a disk. */
	pthread_t syncer;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool dirty, ending;
	uint64_t sync_ms;
	_Atomic int sync_error; /* errno of the last failed sync, 0 none */
};

/* Attach the newest receiver, or make the first; a torn last line is cut. */
enum outcome receiver_open(struct receiver *, uint64_t rotate_size,
    uint64_t keep, struct fault *) MUST_USE;
/* Start the syncing thread: after the sandbox is closed. */
enum outcome receiver_start(
    struct receiver *, uint64_t sync_ms, struct fault *) MUST_USE;
/* Append whole lines; control octets become '?'. Rotates when it is due. */
enum outcome receiver_append(
    struct receiver *, struct span lines, struct fault *) MUST_USE;
/* Stop the thread, sync, close. */
void receiver_close(struct receiver *);

#endif
