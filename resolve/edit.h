/* SPDX-License-Identifier: ISC */
/*
 * edit.h: changes to the text entries, all or nothing.
 *
 * An editor holds the lock and the directory, whose lines it replaces, takes
 * out or adds. The commit parses what would come of it, and only what is free
 * of errors is written: mailboxes first, then texts and databases together
 * (directory_write). Lines that are not changed stay octet for octet; changed
 * ones keep the keys that are not known.
 */
#ifndef RESOLVE_EDIT_H
#define RESOLVE_EDIT_H

#include "directory.h"
#include "record.h"

/* One field of a record: an empty value takes it out. */
struct field_change {
	const char *key;
	struct span value;
};

struct editor {
	struct directory d; /* its index is that of before, up to the commit */
	struct problems before; /* the change */
	size_t added; /* entries and aliases */
	size_t made, found; /* by the commit: mailboxes new, there already */
};

/*
 * Databases of other texts, after a change that was cut short, are made anew:
 * who was half removed must not log in until somebody compiles.
 *
 * PERM	5.3.5 the directory has errors; they stand in d.problems
 * TEMP	4.3.0 cannot be read, locked or compiled; directory_expect_records()
 */
enum outcome editor_begin(
    struct editor *, const struct settings *, struct fault *) MUST_USE;
void editor_free(struct editor *);

/*
 * A new entry or alias: what is wrong with it is told by the commit. An entry
 * without path= gets one, without store= is a mailbox. Its password is `hash`,
 * which takes password= out of the record, or what the record has as hash=. Here
 * and in editor_set_hash() the keys of SCRAM may follow it behind a space.
 * A password that its address had before goes.
 *
 * replaces	the entry or alias of that address, if there is one, goes
 * source	its line of an import; 0: none
 */
void editor_add(struct editor *, struct span record, struct span hash,
    bool replaces, uint32_t source);
/* PERM 5.1.1: there is no such entry, or no such alias. */
enum outcome editor_find(const struct editor *, const struct address *,
    bool alias, struct line **, struct fault *) MUST_USE;
/* PERM 5.3.5: the line would be too long. */
enum outcome editor_change(struct editor *, struct line *,
    const struct field_change *, size_t n, struct fault *) MUST_USE;
/*
 * What is kept of a password, by [auth] hash_ops, hash_memory and scram, is
 * appended to out. It takes long, and needs no editor. TEMP: no memory.
 */
enum outcome editor_hash(const struct settings *, struct span password,
    struct buf *out, struct fault *) MUST_USE;
/* PERM 5.3.5: it is a program's. */
enum outcome editor_set_hash(struct editor *, const struct line *,
    struct span hash, struct fault *) MUST_USE;
/* The entry, its password and every alias that ends at it. */
void editor_remove(struct editor *, struct line *);
/*
 * The user leaves: aliases go as above, mail is refused, and who has the
 * password can still fetch what lies in the mailbox. time: of now
 */
enum outcome editor_leave(
    struct editor *, struct line *, const char *time, struct fault *) MUST_USE;
/*
 * Another address of an entry: its password and the aliases that name it go
 * along. path: of its mailbox, which the caller has moved, or SPAN_EMPTY. alias:
 * the old address becomes one that leads to the new. PERM 5.3.5: a line is too
 * long
 */
enum outcome editor_rename(struct editor *, struct line *,
    const struct address *to, const char *new_smtp, struct span path,
    bool alias, struct fault *) MUST_USE;
/*
 * What a user may change himself: fields about the person, of the entry of his
 * address. An empty value takes one away. PERM 5.1.1: there is no such entry;
 * 5.3.5: another key, or the line is too long
 */
enum outcome editor_change_person(struct editor *, const struct address *,
    const struct field_change *, size_t n, struct fault *) MUST_USE;

/*
 * The change; tries: only whether it can be made. PERM 5.3.5: what would come
 * of it has errors; they stand in d.problems.
 */
enum outcome editor_commit(
    struct editor *, bool tries, struct fault *) MUST_USE;

#endif
