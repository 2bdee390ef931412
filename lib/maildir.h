/* SPDX-License-Identifier: ISC */
/*
 * maildir.h: names of messages in a mailbox. They are made of the envelope
 * alone, so that a second attempt makes the same name:
 *
 *	<seconds of the qid>.<qid>R<n>,S=<octets>,W=<octets>[,D=0][:2,flags]
 *
 * S counts the whole file, first line included; content has CRLF ends, so W is
 * the same number; D=0 says that no line begins with a dot. Source: ours, after
 * the Maildir and Maildir++ conventions.
 */
#ifndef LIB_MAILDIR_H
#define LIB_MAILDIR_H

#include <dirent.h>

#include "qid.h"

#define MAILDIR_NAME_MAX 128 /* octets with the closing 0; ours are under 90 */

/* What a name of ours says. */
struct maildir_name {
	struct qid qid;
	uint32_t n; /* recipient */
	uint64_t octets;
	bool dots; /* false: D=0 */
};

void maildir_make_name(const struct maildir_name *, char out[MAILDIR_NAME_MAX]);
/* Ours, with or without :2,flags? A foreign name is false. */
bool maildir_parse_name(struct span name, struct maildir_name *);
/* Octets of the file, as any name may say them. Source: Maildir++. */
bool maildir_named_octets(struct span name, uint64_t *octets);
/*
 * A reader that changes flags renames within cur/, and a listing that runs
 * meanwhile may miss the name: look() once, and again while dir changes. Two
 * changes in one tick of the kernel's clock leave the same time behind: who
 * looks just after the first waits until it is MAILDIR_TICK_MS old.
 * TEMP: look()'s, or it changed during MAILDIR_LOOKS of them (error EAGAIN).
 */
#define MAILDIR_LOOKS   4
#define MAILDIR_TICK_MS 20 /* HZ=100 has 10; Linux 6.13 and later none. Ours */
enum outcome maildir_look(int dir,
    enum outcome (*look)(void *arg, struct fault *), void *arg,
    struct fault *) MUST_USE;
/*
 * each(arg, entry) for every name in dir, in such looks, until it says false. A
 * name may come twice; OK: one that did not come is not there.
 */
enum outcome maildir_each(int dir,
    bool (*each)(void *arg, const struct dirent *), void *arg,
    struct fault *) MUST_USE;
/*
 * The same in one pass and without waiting, for new/: a name there may leave,
 * but is not renamed, so readdir(3) misses none that stays.
 */
enum outcome maildir_list(int dir,
    bool (*each)(void *arg, const struct dirent *), void *arg,
    struct fault *) MUST_USE;
/* The part before ':', which never changes: the unique id of POP3. */
struct span maildir_base(struct span name);

#endif
