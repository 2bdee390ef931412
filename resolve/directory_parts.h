/* SPDX-License-Identifier: ISC */
/* directory_parts.h: what the files directory*.c share, and nobody else. */
#ifndef RESOLVE_DIRECTORY_PARTS_H
#define RESOLVE_DIRECTORY_PARTS_H

#include "directory.h"

struct span directory_shown(struct span); /* not longer than is good to read */

/* Does its last line end with LF? If not, the text may have been cut there. */
bool items_are_whole(const struct items *);

/*
 * Fill items->by[field]. An item whose value an earlier item has is an error,
 * and left out here and of what is sorted later. False: no memory.
 */
bool items_sort(struct directory *, struct items *, enum item_field);
/* The item that has this value, or NULL. */
const struct item *items_find(
    const struct items *, enum item_field, struct span value);

/* item: the line that has it, as far as it was read; NULL: no line. */
void directory_problem(struct directory *, enum problem_level,
    const struct items *, const struct item *, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* By file and line. */
void directory_sort_problems(struct directory *);

/* The entry whose password it is, or NULL. */
const struct item *directory_entry_of(
    const struct directory *, const struct item *secret);
/* Can auth verify it, at a cost within the bounds of [auth]? */
bool directory_is_hash(
    const struct settings *, struct span hash, bool *costs_other);

#endif
