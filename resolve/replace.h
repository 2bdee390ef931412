/* SPDX-License-Identifier: ISC */
/*
 * replace.h: files that take the place of others, several as one change.
 *
 * Each is written whole under a dot name and synced; only when all of them are
 * does the first get its name. What can fail (space, rights, a name in the
 * way) has failed by then, and nothing was changed.
 */
#ifndef RESOLVE_REPLACE_H
#define RESOLVE_REPLACE_H

#include "span.h"

#define REPLACEMENT_NAME_MAX 127 /* octets */

struct replacement {
	const char *name; /* borrowed */
	char dot_name[REPLACEMENT_NAME_MAX + 1]; /* directory/.entries */
	int fd; /* -1: none, or it has its name */
};
#define REPLACEMENT_NONE ((struct replacement){ .fd = -1 })

/* Created, mode 0600. The caller holds the lock and writes to fd. */
enum outcome replacement_begin(
    struct replacement *, const char *name, struct fault *) MUST_USE;
enum outcome replacement_sync(struct replacement *, struct fault *) MUST_USE;
/*
 * It gets its name, on disk too. One that never began: nothing. TEMP with fd
 * -1: it has its name, but that may not be on disk.
 */
enum outcome replacement_put(struct replacement *, struct fault *) MUST_USE;
/* Nothing of it stays, unless it has its name. */
void replacement_drop(struct replacement *);

#endif
