/* SPDX-License-Identifier: ISC */
/*
 * store.h: the queue on disk: names, states, locks, moves, syncs.
 *
 * Only this and envelope_file.c know the shapes of a message. The directory an
 * envelope lies in is its state. Every function that changes something is one
 * step (a link, a sync, an unlink), so that queue-run can do each step for a
 * whole round before the next step rests on it; the orders are those of
 * tests/model. Nothing here retries an fsync: the page cache may look whole
 * after the first failure while the disk is not.
 *
 * Failures are TEMP with the errno in f->error: ENOENT and EEXIST are answers
 * to many callers and are told apart by it. ENOSPC and EDQUOT carry 4.3.1, all
 * others 4.3.0. Source of all of it: doc/PROTOCOL.md.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <sys/types.h>

#include "disk.h"
#include "envelope_file.h"
#include "store_state.h"

/* Where an envelope lies. minute_ms counts for the retry states only. */
struct store_place {
	enum store_state state;
	uint64_t minute_ms; /* wall time; rounded down to the minute */
};
#define STORE_PLACE_IN ((struct store_place){ STORE_IN, 0 })

#define STORE_NAME_MAX 64 /* octets of any name below, with the closing 0 */
#define STORE_DIR_MAX  32 /* "retry1/20261124T0304" and its 0, with room */
#define STORE_DOT_MAX  32 /* ".<qid>.9" and its 0, with room */
#define STORE_DIRS     16 /* directories kept open. all states, shards */
/* The largest envelope file that is read: ENVELOPE_RCPT_MAX recipients at 600
   octets. */
#define STORE_ENVELOPE_MAX (64UL * 1024 * 1024)
#define STORE_LOCK_WAIT_MS 30000 /* a start waits so long for `queue tidy` */

struct store_dir {
	char name[STORE_DIR_MAX]; /* relative to the queue; "": free */
	int fd;
	uint64_t used; /* serial of the last use */
};

struct store {
	int fd; /* the queue directory; -1: not open */
	struct disk disk; /* what its file system promises */
	int lock_fd, run_lock_fd; /* -1: not held */
	struct store_dir dir[STORE_DIRS];
	uint64_t uses;
	bool owes_trouble; /* queue/trouble could not be made */
};

/* ---- Open, locks. ---- */

/*
 * directory is prog.settings.queue.directory; PERM 5.3.5 when it is missing
 * (an unmounted queue must not look like an empty one). Missing directories
 * below are made and synced into it. Call before the sandbox closes: disk.h.
 */
enum outcome store_open(
    struct store *, const char *directory, struct fault *) MUST_USE;
void store_close(struct store *);

/*
 * queue/lock. Shared: all that run (queue-add, queue-run, verbs). Exclusive:
 * `queue tidy`, when nothing runs. TEMP with EWOULDBLOCK after wait_ms.
 */
enum store_lock { STORE_SHARED, STORE_EXCLUSIVE };
enum outcome store_lock(
    struct store *, enum store_lock, uint64_t wait_ms, struct fault *) MUST_USE;
/*
 * queue/run.lock, exclusive: one queue-run a queue, or one operator's verb
 * when none runs. Takes queue/lock shared before it, if not held.
 */
enum outcome store_lock_run(
    struct store *, uint64_t wait_ms, struct fault *) MUST_USE;
/*
 * Crash marker in run.lock: the qid in progress, dashes when idle (NULL), empty
 * after a clean shutdown. Not synced: it need only outlive the process.
 */
void store_run_takes(struct store *, const struct qid *);
void store_run_ends(struct store *);
/* What the last holder was working on when it ended; false: nothing. */
bool store_run_took(const struct store *, struct qid *);
/* It ended without store_run_ends(). */
bool store_run_was_cut(const struct store *);

/* ---- Names, relative to the queue directory. ---- */

/* Do envelopes of both lie in one directory? */
bool store_is_same_place(struct store_place, struct store_place);
/* "in", "retry1/20261124T0304" */
void store_dir_name(struct store_place, char out[STORE_DIR_MAX]);
/* "in/<qid>", "retry1/20261124T0304/<qid>" */
void store_envelope_name(
    struct store_place, const struct qid *, char out[STORE_NAME_MAX]);
/* "message/<shard>" and "message/<shard>/<qid>" */
void store_shard_name(const struct qid *, char out[STORE_DIR_MAX]);
void store_content_name(const struct qid *, char out[STORE_NAME_MAX]);

/*
 * A directory below the queue by its name above, from the kept ones or opened.
 * With make, a missing one is made and synced into its parent before anything
 * rests on it. The descriptor stays the store's: never close it, and use it
 * before the next call of any function here.
 */
enum outcome store_dir(struct store *, const char *name, bool make, int *fd,
    struct fault *) MUST_USE;
/* rmdir of a minute or a shard; one that is not empty stays, silently. */
void store_remove_dir(struct store *, const char *name);

/* ---- Writing a new file. ---- */

/* A file that is being written as `.<qid>`; nobody else looks at dot names. */
struct store_file {
	int fd; /* -1: none */
	char dir[STORE_DIR_MAX];
	char dot[STORE_DOT_MAX]; /* "": published or removed */
};
#define STORE_FILE_NONE ((struct store_file){ -1, "", "" })

/*
 * Create in dir (made if missing), O_EXCL, O_NOFOLLOW, for writing. mode: 0600
 * for envelopes, 0400 for content (one inode, many readers). A dot name that a
 * dead process left is passed over for `.<qid>.1` and so on.
 */
enum outcome store_create(struct store *, const char *dir, const struct qid *,
    mode_t mode, struct store_file *, struct fault *) MUST_USE;
/* Every octet of a, then of b, or TEMP with 4.3.1 when the disk is full. */
enum outcome store_write(
    int fd, struct span a, struct span b, struct fault *) MUST_USE;
/* The disk may begin; what waits for it later waits less. */
void store_start_disk(const struct store *, int fd);
/* Until its data is on the disk, or in its cache: what is flushed with the next
   commit of the journal. TEMP: as a failed fsync. */
enum outcome store_wait_for_disk(int fd, struct fault *) MUST_USE;
/*
 * Rename to its own name. TEMP with EEXIST: that name is taken; the dot name
 * is still there. Does not sync, does not close.
 */
enum outcome store_publish(struct store *, struct store_file *,
    const struct qid *, struct fault *) MUST_USE;
/* Close, and remove the dot name if it is still there. */
void store_abandon(struct store *, struct store_file *);
/* Close only, after all is done. */
void store_file_close(struct store_file *);

/*
 * fsync of one file, once. A caller that gets TEMP never syncs it again: it
 * removes the name (ENOSPC, EDQUOT) or sets it aside and calls
 * store_trouble_set().
 */
enum outcome store_sync_file(int fd, struct fault *) MUST_USE;

/* ---- Steps of moves and of letting go. ---- */

/* fsync of a directory by its name; a missing one is OK (its name went). */
enum outcome store_sync_dir(
    struct store *, const char *name, struct fault *) MUST_USE;
enum outcome store_syncfs(struct store *, struct fault *) MUST_USE;

/* A second name in the new state. One that is this very file already: OK. */
enum outcome store_link_state(struct store *, const struct qid *,
    struct store_place from, struct store_place to, struct fault *) MUST_USE;
enum outcome store_sync_state_dir(
    struct store *, struct store_place, struct fault *) MUST_USE;
/* A missing one is OK. */
enum outcome store_unlink_state(struct store *, const struct qid *,
    struct store_place, struct fault *) MUST_USE;

/* The one file gets its name in message/<shard>/ (its envelope file exists). */
enum outcome store_link_content(
    struct store *, const struct qid *, struct fault *) MUST_USE;
enum outcome store_sync_shard(
    struct store *, const struct qid *, struct fault *) MUST_USE;
enum outcome store_unlink_content(
    struct store *, const struct qid *, struct fault *) MUST_USE;

/* Append whole lines to an envelope file, after a torn one on a new line. file
   stays open for a sync. */
enum outcome store_append(struct store *, const struct qid *,
    struct store_place, struct span lines, struct store_file *,
    struct fault *) MUST_USE;

/*
 * To aside/<qid> (or aside/<qid>.1 and so on). The content of two files goes
 * to aside/<qid>.content. Nothing is synced. A missing one is TEMP, ENOENT.
 */
enum outcome store_set_aside(struct store *, const struct qid *,
    struct store_place, struct fault *) MUST_USE;
enum outcome store_set_aside_content(
    struct store *, const struct qid *, struct fault *) MUST_USE;

/*
 * queue/trouble: a write to the disk failed; while it stands, what a listing
 * finds is read back from the disk before use. An operator removes
 * it; no program does so by itself. One that cannot be made (no descriptor, no
 * inode) stands for this process, which makes it when it next looks.
 * lib/trouble.h.
 */
void store_trouble_set(struct store *, const char *program, const char *text);
bool store_is_trouble(struct store *);
enum outcome store_trouble_clear(struct store *, struct fault *) MUST_USE;

/* ---- Listing. ---- */

struct store_listed {
	char text[QID_LEN + 1]; /* a qid, a minute, or a shard */
};

enum store_kind { STORE_QIDS, STORE_MINUTES, STORE_SHARDS };

/*
 * The `most` smallest names of that kind that are greater than `after` ("": all),
 * in order: the oldest first, in memory for `most` alone. dir: "in",
 * "retry1/20261124T0304" (STORE_QIDS); "retry1" (STORE_MINUTES); "message"
 * (STORE_SHARDS).
 *
 * out		at least `most`; got: how many are set
 * more		there are greater ones than the last
 */
enum outcome store_list(struct store *, const char *dir, enum store_kind,
    const char *after, size_t most, struct store_listed *out, size_t *got,
    bool *more, struct fault *) MUST_USE;

/* One after the other: `after` becomes the next name; "" when there is none. */
enum outcome store_next(struct store *, const char *dir, enum store_kind,
    char after[QID_LEN + 1], struct fault *) MUST_USE;

/* Call `each` with each directory that envelopes of a state may lie in, minutes
   in their order, until it is not OK. */
enum outcome store_each_place(struct store *, enum store_state,
    enum outcome (*each)(void *arg, struct store_place, struct fault *),
    void *arg, struct fault *) MUST_USE;

/* Every name in dir but "." and "..", in no order, dot names too; for tidying.
   The function may remove that name. False from it ends the walk. */
enum outcome store_each(struct store *, const char *dir,
    bool (*each)(void *arg, const char *name), void *arg,
    struct fault *) MUST_USE;

/* How many envelopes of a state there are, and the oldest of them if there are
   any; retry states over all minutes. */
enum outcome store_count(struct store *, enum store_state, uint64_t *n,
    struct qid *oldest, struct fault *) MUST_USE;

/* ---- Reading. ---- */

/*
 * The envelope, of either shape, with its name checked against its qid. fresh:
 * from the disk, not from the page cache (POSIX_FADV_DONTNEED).
 *
 * PERM	5.3.0 corrupt: aside
 * TEMP	ENOENT not there; 4.3.0 cannot be read now, or a newer version
 */
enum outcome store_read_envelope(struct store *, const struct qid *,
    struct store_place, bool fresh, struct envelope *, struct fault *) MUST_USE;

/* Is there anything as message/<shard>/<qid>? */
bool store_has_content(const struct store *, const struct qid *);
/* Where the envelope that governs lies, any state but aside. TEMP, ENOENT:
   nowhere. */
enum outcome store_find_envelope(struct store *, const struct qid *,
    struct store_place *, struct fault *) MUST_USE;

struct store_content {
	int fd; /* -1: none */
	uint64_t offset; /* of the first octet that size and digest cover */
	char name[STORE_NAME_MAX]; /* relative to the queue: `deliver file=` */
	nlink_t links;
	dev_t device;
	uint64_t file_size;
};
#define STORE_CONTENT_NONE ((struct store_content){ .fd = -1 })

/*
 * Open the content of an envelope: in/<qid> for one file; message/<shard>/ for
 * an envelope apart, or in/ when the one file has not moved yet. TEMP, ENOENT:
 * in neither, a live envelope without content: an alarm, and aside.
 */
enum outcome store_open_content(struct store *, const struct envelope *,
    struct store_content *, struct fault *) MUST_USE;
/* The same where c->name and c->offset say. */
enum outcome store_open_content_at(
    const struct store *, struct store_content *, struct fault *) MUST_USE;
/*
 * Read it all and compare size and digest. PERM 5.3.0: not what was accepted.
 */
enum outcome store_check_content(const struct store_content *,
    const struct envelope *, bool fresh, struct fault *) MUST_USE;
void store_close_content(struct store_content *);

/* Octets that unprivileged writers may still use. */
enum outcome store_free_octets(
    const struct store *, uint64_t *octets, struct fault *) MUST_USE;

/* ---- Between the files of the store. ---- */

/* TEMP with errno: "queue: <what> <name>"; 4.3.1 when the disk is full. */
enum outcome store_failed(struct fault *, const char *what, const char *name);
/* A kept directory is opened again at its next use. */
void store_drop_dir(struct store *, const char *name);

#endif
