/* SPDX-License-Identifier: ISC */
/*
 * directories.h: the mailboxes that are kept open, for mailbox.c. A kept one
 * is looked at once a round: an operator may have renamed it and made another
 * in its place.
 */
#ifndef DELIVER_DIRECTORIES_H
#define DELIVER_DIRECTORIES_H

#include "mailbox.h"

struct mailbox {
	char path[RESOLVE_PATH_MAX + 1];
	int fd; /* its new/; -1: dropped */
	const struct mailbox_root *root; /* its file system */
	ino_t ino;
	uint64_t round; /* when it was last found to be what path names */
	uint64_t last_use;
};

/*
 * Is the mail directory that is open still the one of that name? Asked once a
 * round. TEMP: 4.2.0 it is not, and is_replaced stays.
 */
enum outcome mailbox_root_is_current(
    struct mailbox_store *, struct fault *) MUST_USE;
/* The mailbox, kept or opened. TEMP: 4.2.0 there is none; 4.3.0 */
enum outcome mailbox_get(struct mailbox_store *, const char *path,
    struct mailbox **, struct fault *) MUST_USE;
/* Only what is kept, or NULL. */
struct mailbox *mailbox_find_open(struct mailbox_store *, const char *path);
/* Does its path still name the directory that is kept open? */
bool mailbox_is_current(struct mailbox_store *, struct mailbox *);
/* Keep it no longer. */
void mailbox_drop(struct mailbox *);
/* "cur", "tmp" of a mailbox; -1 and errno. */
int mailbox_open_part(
    struct mailbox_store *, const char *path, const char *part);

/* TEMP, and an alarm: a call on it failed; it cannot be opened. */
enum outcome mailbox_failed(struct mailbox_store *, const char *path, int error,
    const char *what, struct fault *);
enum outcome mailbox_missing(
    struct mailbox_store *, const char *path, int error, struct fault *);
/* The same one is said once in MAILBOX_ALARM_MS. */
void mailbox_alarm(
    struct mailbox_store *, const char *path, const struct fault *);

#endif
