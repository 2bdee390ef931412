/* SPDX-License-Identifier: ISC */
/*
 * mailboxes.h: mailboxes of the mail store: where one lies, and making it.
 *
 * A mailbox is a Maildir (new, cur, tmp) at <mail>/<domain>/<user>. It is made
 * here and nowhere else: for a delivery a missing one is `temp`, since a store
 * that is not mounted must not look like an empty one.
 */
#ifndef RESOLVE_MAILBOXES_H
#define RESOLVE_MAILBOXES_H

#include "address.h"
#include "buf.h"
#include "wire_resolve.h"

/*
 * The path of an address: its domain as A-labels, '/', its local-part with all
 * of ASCII but a-z 0-9 . _ + = - percent-encoded, and a dot in front too. Two
 * addresses never get one path. PERM 5.3.5: longer than a file name may be.
 */
enum outcome mailboxes_path(const struct address *,
    char out[RESOLVE_PATH_MAX + 1], struct fault *) MUST_USE;

/* TEMP: the mail directory is missing. The caller closes *root. */
enum outcome mailboxes_open(
    const char *directory, int *root, struct fault *) MUST_USE;
/*
 * Make the mailbox and whatever leads to it. sync: each directory up to the
 * root is on disk after OK; else the caller ends with mailboxes_sync(). *existed:
 * there was one already; it is kept as it is.
 *
 * PERM	5.3.5 the path leads over something that is no directory
 * TEMP	4.3.0 the system said no
 */
enum outcome mailboxes_make(int root, struct span path, bool sync,
    bool *existed, struct fault *) MUST_USE;
/* Everything of the root's file system (syncfs). */
enum outcome mailboxes_sync(int root, struct fault *) MUST_USE;
bool mailboxes_has(const char *directory, struct span path);
/* Messages in its new/ and cur/; 0 also where there is no mailbox. */
size_t mailboxes_count(const char *directory, struct span path);
/*
 * Delete a mailbox and all mail in it; one that is not there is done. Other
 * things in its directory stay, and the directory with them.
 *
 * PERM	5.3.5 the path leads through a link or over something that is no
 *	directory
 * TEMP	4.3.0 the system said no: what is left can be deleted again
 */
enum outcome mailboxes_purge(
    const char *directory, struct span path, struct fault *) MUST_USE;
/*
 * Give a mailbox another path, whose directories are made; on disk after OK. One
 * that is at the new path, and no more at the old one, has been moved.
 * PERM 5.3.5: the new path is taken, or there is no mailbox. TEMP: the system
 */
enum outcome mailboxes_move(const char *directory, struct span from,
    struct span to, struct fault *) MUST_USE;

#endif
