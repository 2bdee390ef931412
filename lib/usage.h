/* SPDX-License-Identifier: ISC */
/*
 * usage.h: how much of a mailbox with a quota is used: a small file beneath
 * quota/, named as the mailbox is beneath the mail directory.
 *
 *	count time=... octets=N messages=N [quota=N] [quota-messages=N]
 *	more octets=N messages=N
 *	less octets=N messages=N
 *
 * deliver-mailbox counts, and adds what it delivers; pop3-session takes off
 * what it removes; each of these is a line of its own, appended in one write,
 * so that neither waits for the other. resolve reads. Nothing is synced: what a
 * crash or another program (which removes mail unseen) makes wrong is counted
 * anew, when the mailbox seems full or the count is old. A file that is no such
 * lines is no count.
 */
#ifndef LIB_USAGE_H
#define LIB_USAGE_H

#include "fault.h"
#include "wire_resolve.h"

#define USAGE_DIRECTORY "quota"
#define USAGE_MAX       8192 /* octets that are read; a longer one is no count */
#define USAGE_LONG      2048 /* then it becomes one line again */
#define USAGE_OLD_MS    (15 * 60000UL) /* a count that says full is redone then */
#define USAGE_KEPT_MS   (24 * 3600000UL) /* and any other then. All ours */

struct usage {
	uint64_t octets, messages;
	struct quota quota; /* that was in force when it was counted */
	uint64_t counted_ms; /* wall time */
	size_t length; /* of the file; 0: there is none, or it is no count */
};

bool quota_is_set(const struct quota *);

/* The file beneath dir, which is quota/; flags are open(2)'s. -1 and errno. */
int usage_open(int dir, const char *path, int flags);
/* The same, made where it is missing, with the directories on the way. */
int usage_make(int dir, const char *path);

/* From the start of the open file. False: it is no count; *usage is empty. */
bool usage_read(int fd, struct usage *);
/* One line in place of all that was; false, and errno. */
bool usage_write(int fd, const struct usage *);
/* A line more; false, and errno. fd is open for appending. */
bool usage_add(int fd, uint64_t octets, uint64_t messages);
bool usage_take_off(int fd, uint64_t octets, uint64_t messages);

/* Is there no room for a message of so many octets? */
bool usage_is_over(const struct usage *, const struct quota *, uint64_t octets);
/* Octets that are left; 0: full. UINT64_MAX: octets have no limit. */
uint64_t usage_room(const struct usage *, const struct quota *);
/* How long ago was it counted? UINT64_MAX: in the future, by a wrong clock. */
uint64_t usage_age_ms(const struct usage *, uint64_t now_ms);

#endif
