/* SPDX-License-Identifier: ISC */
/* directory_parts.h: what the files directory*.c share, and nobody else. */
#ifndef RESOLVE_DIRECTORY_PARTS_H
#define RESOLVE_DIRECTORY_PARTS_H

#include "directory.h"

struct span directory_shown(struct span); /* not longer than is good to read */

/* A copy that lives as long as the directory; false: no memory. */
bool directory_keep(struct directory *, struct span in, struct span *out);

/* Its last line has its end: nothing was cut off, but for whole lines. */
bool items_are_whole(const struct items *);

struct span directory_field(const struct item *, enum index_field);
const struct item *directory_find_by(const struct directory *,
    const struct items *, enum index_field, struct span value);
/* Put the newest item in; not NULL: the one that has the same value. */
const struct item *directory_put_index(
    const struct directory *, struct items *, enum index_field);

/* What is known of a line that has a problem. */
struct place {
	const struct items *items;
	uint32_t line; /* 0: of no line */
	struct span smtp; /* or empty */
};
struct place directory_place(const struct items *, const struct item *);
/* Where a person finds it: its file, or the standard input, and the line. */
const char *directory_file(const struct items *, uint32_t *line);
void directory_problem(struct directory *, enum problem_level, struct place,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The entry whose password it is, or NULL. */
const struct item *directory_entry_of(
    const struct directory *, const struct item *secret);
/* Can auth verify it, at a cost that we could have asked for? */
bool directory_is_hash(
    const struct settings *, struct span hash, bool *costs_other);

#endif
