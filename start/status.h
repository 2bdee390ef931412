/* SPDX-License-Identifier: ISC */
/*
 * status.h: one screen: is all well, and if not, what is not. Each part looks
 * at one thing; a line that is not well begins with `!`.
 */
#ifndef START_STATUS_H
#define START_STATUS_H

#include <jansson.h>

#include "buf.h"
#include "fault.h"

#define STATUS_TEXT_MAX (1024UL * 1024) /* octets of a screen */

/* Text for people grows in `text`, or objects in `json`; both are made. */
struct status {
	struct buf text;
	json_t *json; /* array: one object a line */
	uint64_t now_ms;
	bool well;
};

void status_put(struct status *, bool well, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What is not well and has no line of its own: as text, and as an object. */
void status_fail(struct status *, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the object over. */
void status_put_json(struct status *, json_t *);
/* "3d 4h", "2m", "12s" */
void status_age(uint64_t ms, char out[32]);
/* "12.3 GB" */
void status_size(uint64_t octets, char out[32]);

/* The supervisor and its services, from run/pneu. */
void status_services(struct status *);
/* The number of the configuration in force, from run/pneu. */
enum outcome status_generation(uint64_t *, struct fault *) MUST_USE;
/* Counts of each state, the oldest, aside/, trouble. */
void status_queue(struct status *, const char *queue);
/* Free space, type, journal of the file system. */
void status_disk(struct status *, const char *what, const char *path);
/* Entries lost, links against copies: from the end of the journal. */
void status_journal(struct status *);

#endif
