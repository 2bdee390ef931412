/* SPDX-License-Identifier: ISC */
/*
 * edit.h: changes to the text entries, all or nothing.
 *
 * An editor holds the lock and the directory as it is, whose items get another
 * line or none, and collects lines that are new. The commit parses what would
 * come of it, and only what is free of errors is written: mailboxes first, then
 * texts and databases together (directory_write). Lines that are not changed
 * stay octet for octet; changed ones keep the keys that are not known.
 */
#ifndef RESOLVE_EDIT_H
#define RESOLVE_EDIT_H

#include "directory.h"
#include "wire_resolve.h"

/* What goes to the end of one text, and what comes of it at the commit. */
struct addition {
	struct buf lines, text;
	struct buf source; /* uint32_t of each line: its number in an import */
};

/* One field of a record: an empty value takes it out. */
struct field_change {
	const char *key;
	struct span value;
};

struct editor {
	const struct settings *settings;
	int lock; /* -1: not held */
	struct directory now, fresh; /* fresh: after the commit */
	struct addition entries, secrets;
	char path[RESOLVE_PATH_MAX + 1]; /* of a changed entry, or "" */
	uint32_t source; /* line of an import that is added; 0: none */
	size_t added; /* entries and aliases */
	size_t made, found; /* by the commit: mailboxes new, there already */
};

/*
 * Databases of other texts, after a change that was cut short, are made anew:
 * who was half removed must not log in until somebody compiles.
 *
 * PERM	5.3.5 the directory has errors; they stand in now.problems
 * TEMP	4.3.0 cannot be read, locked or compiled; directory_expect_records()
 */
enum outcome editor_begin(
    struct editor *, const struct settings *, struct fault *) MUST_USE;
void editor_free(struct editor *);

/*
 * A new entry or alias: what is wrong with it is told by the commit. An entry
 * without path= gets one, without store= is a mailbox; hash= becomes its
 * password. A password that its address had before goes.
 */
enum outcome editor_add(
    struct editor *, struct span record, struct fault *) MUST_USE;
/* PERM 5.1.1: there is no such entry. */
enum outcome editor_change(struct editor *, const struct address *,
    const struct field_change *, size_t n, struct fault *) MUST_USE;
enum outcome editor_set_hash(struct editor *, const struct address *,
    struct span hash, struct fault *) MUST_USE;
/* The entry, its password and every alias that ends at it. */
enum outcome editor_remove(
    struct editor *, const struct address *, struct fault *) MUST_USE;
enum outcome editor_remove_alias(
    struct editor *, const struct address *, struct fault *) MUST_USE;
/* The entry or alias of this address, if there is one, and nothing else. */
enum outcome editor_clear(
    struct editor *, const struct address *, struct fault *) MUST_USE;

/*
 * PERM 5.3.5: what would come of it has errors, in fresh.problems, or a local
 * domain would lose its postmaster.
 */
enum outcome editor_check(struct editor *, struct fault *) MUST_USE;
/* The check, and if it is OK, the change. */
enum outcome editor_commit(struct editor *, struct fault *) MUST_USE;
/* Does this problem of `fresh` come from the change? */
bool editor_is_new(const struct editor *, const struct problem *);

/* The same record with some fields changed, in its old order, and a LF. */
enum outcome record_change(const struct record *, const struct field_change *,
    size_t n, struct buf *, struct fault *) MUST_USE;

#endif
