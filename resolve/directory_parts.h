/* SPDX-License-Identifier: ISC */
/* directory_parts.h: what the files directory*.c share, and nobody else. */
#ifndef RESOLVE_DIRECTORY_PARTS_H
#define RESOLVE_DIRECTORY_PARTS_H

#include "directory.h"

struct span directory_shown(struct span); /* not longer than is good to read */

/* Its last line has its end: nothing was cut off, but for whole lines. */
bool items_are_whole(const struct items *);

/*
 * Fill items->by[field]. An item whose value one before it has is told as an
 * error, and left out here and in what is sorted after it. False: no memory.
 */
bool items_sort(struct directory *, struct items *, enum item_field);
/* The item that has this value, or NULL. */
const struct item *items_find(
    const struct items *, enum item_field, struct span value);

/* Where a person finds a line: its file, or the standard input. */
const char *directory_file(const struct items *, uint32_t *line);
/* item: what has it, as far as it is known; NULL: it is of no line. */
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
