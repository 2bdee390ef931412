/* SPDX-License-Identifier: ISC */
/*
 * edit.h: changes to the text entries, all or nothing.
 *
 * An editor holds the lock, knows the directory as it is, collects changes of
 * lines, and at the commit parses what would come of them before anything is
 * written: mailboxes first, then the texts (whole, under a dot name, synced,
 * renamed), then the databases. Lines that are not changed stay octet for
 * octet; changed ones keep the keys that are not known.
 */
#ifndef RESOLVE_EDIT_H
#define RESOLVE_EDIT_H

#include "directory.h"
#include "wire_resolve.h"

/* Lines of one text that change, and what is put at its end. */
struct line_edit {
	uint32_t line;
	size_t at, len; /* in `records`; len 0: the line goes */
};
struct edits {
	struct line_edit *p;
	size_t n, cap;
	struct buf records, appended;
};

/* One field of a record: an empty value takes it out. */
struct field_change {
	const char *key;
	struct span value;
};

struct editor {
	const struct settings *settings;
	int lock; /* -1: not held */
	struct directory now, fresh;
	size_t entries_before; /* those of `now` that are on disk */
	struct edits entries, secrets;
	char path[RESOLVE_PATH_MAX + 1]; /* of a changed entry, or "" */
	uint32_t line; /* of an import, in its own input; 0: none */
	size_t made, found; /* by the commit: mailboxes new, there already */
};

/*
 * PERM	5.3.5 the directory has errors; they stand in now.problems
 * TEMP	4.3.0 cannot be read or locked
 */
enum outcome editor_begin(
    struct editor *, const struct settings *, struct fault *) MUST_USE;
void editor_free(struct editor *);

/*
 * A new entry or alias. An entry without path= gets one, without store= is a
 * mailbox. hash: of its password, or empty.
 * PERM	5.1.3 and 5.3.5: what is wrong with it
 */
enum outcome editor_add(struct editor *, struct span record, struct span hash,
    struct fault *) MUST_USE;
/* PERM 5.1.1: there is no such entry. */
enum outcome editor_change(struct editor *, const struct address *,
    const struct field_change *, size_t n, struct fault *) MUST_USE;
enum outcome editor_set_hash(struct editor *, const struct address *,
    struct span hash, struct fault *) MUST_USE;
/* The entry, its secret and the aliases to it; how many those were. */
enum outcome editor_remove(struct editor *, const struct address *,
    size_t *aliases, struct fault *) MUST_USE;
enum outcome editor_remove_alias(
    struct editor *, struct span key, struct fault *) MUST_USE;

/* PERM 5.3.5: what would come of it has errors, in fresh.problems. */
enum outcome editor_commit(struct editor *, struct fault *) MUST_USE;

#endif
