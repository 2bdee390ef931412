/* SPDX-License-Identifier: ISC */
/*
 * storage.h: is there room for mail in mailboxes, or is it parked in busy/?
 *
 * From [storage] high_pct of the file system of the mail directory or of the
 * queue on, whichever is fuller, until less than low_pct of both is used.
 * queue-run measures itself: nothing is asked of deliver-mailbox meanwhile, and
 * its sandbox has no path to mailboxes, but a descriptor of O_PATH tells how
 * full a file system is and nothing else.
 */
#ifndef QUEUE_RUN_STORAGE_H
#define QUEUE_RUN_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"

struct run;

struct storage {
	const struct storage_settings *set; /* NULL: nothing is measured */
	int mail_fd; /* of O_PATH; -1: it was not there */
	bool parks;
	uint64_t looked_ms; /* monotonic; 0: not yet */
};

/* Before the sandbox closes. mail: the directory, relative to the home. */
void storage_open(
    struct run *, const struct storage_settings *, const char *mail);
/* At a start, with names mended: what lies parked stays so down to low_pct, as
   it would have without the stop. */
void storage_begin(struct run *);
/* Measure, at most once a second: parking may begin, or end. */
void storage_look(struct run *);
/* When to look again though nothing comes: monotonic; 0: never. */
uint64_t storage_next_ms(const struct run *);

#endif
