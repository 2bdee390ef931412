/* SPDX-License-Identifier: ISC */
/*
 * mailbox.h: a message into a mailbox, and the syncs that settle it.
 *
 * The order of the calls is not a matter of taste: it is that of the model
 * (tests/model, deliver). A delivery is one linkat() of the queue's file into
 * new/, under a name made of the envelope alone, so that repeating it is
 * harmless. Nothing is synced then; queue-run asks for the syncs and lets go
 * only after them.
 */
#ifndef DELIVER_MAILBOX_H
#define DELIVER_MAILBOX_H

#include <sys/types.h>

#include "disk.h"
#include "journal.h"
#include "wire_deliver.h"

/*
 * Open new/ directories kept between deliveries: with one message a
 * mailbox and a thousand mailboxes an open and a close are saved for each.
 */
#define MAILBOX_OPEN_MAX 2048
/* File systems under the mail directory, mounts within it included */
#define MAILBOX_ROOTS_MAX 64
/* The same alarm is said once in this time, in milliseconds */
#define MAILBOX_ALARM_MS 60000

struct mailbox; /* an open new/ directory */

struct mailbox_root {
	dev_t dev;
	int fd; /* open since the first use, so that no error is missed */
	struct disk disk;
};

struct mailbox_store {
	int queue, mail; /* descriptors of the two directories */
	int quota; /* of the uses of mailboxes; -1: none is kept */
	struct journal *journal; /* alarms */
	struct mailbox *open; /* `used` of at most `most` */
	uint32_t *hash; /* of the path of each */
	size_t most, used;
	uint64_t uses; /* counted, to know the last use of each */
	uint64_t round; /* a kept directory is looked at once a round */
	const char *mail_name; /* borrowed; mail was opened by it */
	ino_t mail_ino;
	uint64_t mail_round; /* when it was last found to name that one */
	bool is_replaced; /* it does no more: end, to be started afresh */
	bool links; /* the try at the start could link */
	/* A file system has two mounts there: no link leads from one into the
	   other, and mail is copied. */
	bool is_mounted_twice;
	struct mailbox_root root[MAILBOX_ROOTS_MAX]; /* mail's own first */
	size_t roots;
	uint32_t alarm_key;
	uint64_t alarm_ms;
};

/*
 * Open both directories and every file system mounted beneath the second.
 * queue, mail: relative to the home. journal is borrowed, may be without FIFO.
 * TEMP 4.3.0: cannot be opened. Free with mailbox_store_free().
 */
enum outcome mailbox_store_open(struct mailbox_store *, const char *queue,
    const char *mail, struct journal *, struct fault *) MUST_USE;
void mailbox_store_free(struct mailbox_store *);

/*
 * Inside the closed sandbox: link a file of the queue into each mailbox root,
 * and take both away. Another set of Landlock rights on the two, or a mount
 * between them, answers EXDEV, and every delivery would silently be a copy.
 * What is wrong is said on fd 2 and in the journal. False: links fail.
 */
bool mailbox_try_links(struct mailbox_store *);

/*
 * One attempt.
 * OK	*how: linked, copied (other file system, too many links), or found
 *	under its name already. Nothing is synced but a copy's own content.
 * TEMP	4.2.0 no such mailbox (an unmounted store must not look like an empty
 *	one), or the mail directory was replaced; 4.2.2 over quota; 4.3.1 no
 *	space; 4.3.0 not permitted, or else
 */
enum outcome mailbox_deliver(struct mailbox_store *, const struct deliver_req *,
    enum deliver_how *how, struct fault *) MUST_USE;

/*
 * What was linked there is on disk: new/, then cur/, for a reader may have
 * moved it in between; new/ alone where its sync carries all; the file system
 * where cur/ cannot be opened. TEMP: not known to be on disk, of this mailbox
 * alone; when a sync failed, queue/trouble stands by then.
 */
enum outcome mailbox_sync(
    struct mailbox_store *, const char *path, struct fault *) MUST_USE;
/* The same for all mailboxes: each file system, twice (model, SYNC=3), or one
   directory where its sync carries all. */
enum outcome mailbox_sync_all(struct mailbox_store *, struct fault *) MUST_USE;

/* A round ended: directories are looked at again before their next use. */
void mailbox_next_round(struct mailbox_store *);

#endif
