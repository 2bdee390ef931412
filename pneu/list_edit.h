/* SPDX-License-Identifier: ISC */
/*
 * list_edit.h: entries of a list of lists/ added and removed in its text:
 * comments, order and line ends stay.
 */
#ifndef START_LIST_EDIT_H
#define START_LIST_EDIT_H

#include "buf.h"
#include "lists.h"

#define LIST_EDIT_ENTRIES 256 /* of one command. Chosen */

struct list_edit {
	const struct list_about *about;
	bool removes; /* else adds, at the end, what is not there yet */
	const struct span *entry; /* borrowed */
	size_t entries; /* up to LIST_EDIT_ENTRIES */
};

/* Do both mean the same? 192.0.2.7 and 192.0.2.7/32 do. */
bool list_entry_same(struct span, struct span);
/*
 * Append the whole new text to out. PERM 5.5.4: an entry is none of this list,
 * or one that shall go is not there.
 */
enum outcome list_edit(struct span text, const struct list_edit *,
    struct buf *out, struct fault *) MUST_USE;

#endif
