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

#include <sys/stat.h>

#include "disk.h"
#include "envelope_file.h"
#include "journal.h"
#include "store_state.h"

/* A directory of the queue: of a state, of a minute of it, or of a shard. */
struct store_place {
	enum store_state state;
	uint64_t part_ms; /* wall time within its minute or shard; else 0 */
};
#define STORE_PLACE_IN ((struct store_place){ STORE_IN, 0 })

#define STORE_NAME_MAX 72 /* octets of any name below, with the closing 0 */
#define STORE_DIR_MAX  32 /* "retry1/20261124T0304" and its 0, with room */
#define STORE_KNOWN    16 /* minutes and shards in use at a time, with room */
/* The largest envelope file that is read: ENVELOPE_RCPT_MAX recipients at 600
   octets. */
#define STORE_ENVELOPE_MAX (64UL * 1024 * 1024)
#define STORE_LOCK_WAIT_MS 30000 /* a start waits so long for `queue tidy` */

struct store {
	int fd; /* the queue directory; -1: not open */
	struct disk disk; /* what its file system promises */
	int lock_fd, run_lock_fd; /* -1: not held */
	/* Minutes and shards whose names are on disk: a ring. */
	char known[STORE_KNOWN][STORE_DIR_MAX];
	size_t next_known;
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
 * With that lock. Crash marker in run.lock: the qid in progress, dashes when idle (NULL), empty
 * after a clean shutdown. Not synced: it need only outlive the process.
 */
void store_run_takes(struct store *, const struct qid *);
void store_run_ends(struct store *);
/* What the last holder was working on when it ended; false: nothing. */
bool store_run_took(const struct store *, struct qid *);
/* It ended without store_run_ends(). */
bool store_run_was_cut(const struct store *);

/* ---- Names, relative to the queue directory. ---- */

/* Is it the same directory? */
bool store_is_same_place(struct store_place, struct store_place);
/* Where content lies that is apart from its envelope. */
struct store_place store_content_place(const struct qid *);
/* "in", "retry1/20261124T0304", "message/<shard>" */
void store_dir_name(struct store_place, char out[STORE_DIR_MAX]);
/* "in/<qid>", "message/<shard>/<qid>", "aside/<qid>.content" */
void store_name(
    struct store_place, const struct qid *, char out[STORE_NAME_MAX]);
/* Is there anything of that name? */
bool store_has(const struct store *, const struct qid *, struct store_place);

/* ---- Writing a new file. ---- */

/* A file that is being written as `.<qid>`; nobody else looks at dot names. */
struct store_file {
	int fd; /* -1: none */
	struct store_place place;
	char dot[STORE_NAME_MAX]; /* "": published or removed */
};
#define STORE_FILE_NONE ((struct store_file){ .fd = -1 })

/*
 * Create, O_EXCL, O_NOFOLLOW, for writing. A missing minute or shard is made,
 * and its name synced before anything rests on it. mode: 0600 for envelopes,
 * 0400 for content (one inode, many readers). A dot name that a dead process
 * left is passed over for `.<qid>.1` and so on.
 */
enum outcome store_create(struct store *, struct store_place,
    const struct qid *, mode_t mode, struct store_file *,
    struct fault *) MUST_USE;
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

/*
 * fsync of one file, once. A caller that gets TEMP never syncs it again: it
 * removes the name (ENOSPC, EDQUOT) or sets it aside and calls
 * store_trouble_set().
 */
enum outcome store_sync_file(int fd, struct fault *) MUST_USE;

/* ---- Steps of moves and of letting go. ---- */

/* fsync of a directory; a missing one is OK (its name went). */
enum outcome store_sync(
    struct store *, struct store_place, struct fault *) MUST_USE;
enum outcome store_syncfs(struct store *, struct fault *) MUST_USE;
/* A second name; a missing minute or shard is made as in store_create(). One
   that is this very file already: OK. */
enum outcome store_link(struct store *, const struct qid *,
    struct store_place from, struct store_place to, struct fault *) MUST_USE;
/* A missing one is OK. */
enum outcome store_unlink(struct store *, const struct qid *,
    struct store_place, struct fault *) MUST_USE;
/* All of a move: link, sync, unlink, sync. */
enum outcome store_move(struct store *, const struct qid *,
    struct store_place from, struct store_place to, struct fault *) MUST_USE;
/* rmdir of a minute or a shard; any other, and one that is not empty, stays. */
void store_remove_part(struct store *, struct store_place);

/* Append whole lines to an envelope file, after a torn one on a new line. file
   stays open for a sync. */
enum outcome store_append(struct store *, const struct qid *,
    struct store_place, struct span lines, struct store_file *,
    struct fault *) MUST_USE;

/*
 * To aside/<qid> (or aside/<qid>.1 and so on), content that lies apart to
 * aside/<qid>.content. Nothing is synced. A missing one is TEMP, ENOENT.
 */
enum outcome store_set_aside(struct store *, const struct qid *,
    struct store_place, struct fault *) MUST_USE;

/*
 * queue/trouble: a write to the disk failed; while it stands, what a listing
 * finds is read back from the disk before use. An operator removes
 * it; no program does so by itself. One that cannot be made (no descriptor, no
 * inode) stands for this process, which makes it when it next looks.
 * lib/trouble.h.
 */
void store_trouble_set(struct store *, const char *program, const char *text);
/* The same and an alarm; qid may be NULL. And is a fault one for it? */
void store_io_error(
    struct store *, struct journal *, const struct qid *, const struct fault *);
bool store_is_io_error(const struct fault *);
bool store_is_trouble(struct store *);
enum outcome store_trouble_clear(struct store *, struct fault *) MUST_USE;

/* ---- Listing. ---- */

/*
 * The `most` smallest qids of a directory that are greater than `after` ("":
 * all), in order: the oldest first, in memory for twice `most`.
 *
 * out		at least `most`; got: how many are set; after may be of them
 * more		there are greater ones than the last
 */
enum outcome store_list(struct store *, struct store_place,
    const struct qid *after, size_t most, struct qid *out, size_t *got,
    bool *more, struct fault *) MUST_USE;

/* *part_ms becomes the time of the next minute or shard; 0: there is none. */
enum outcome store_next_part(struct store *, enum store_state,
    uint64_t *part_ms, struct fault *) MUST_USE;

/* Call it with each directory of a state, minutes and shards in their order,
   until it is not OK. */
typedef enum outcome store_on_place(
    void *arg, struct store_place, struct fault *);
enum outcome store_each_place(struct store *, enum store_state,
    store_on_place *, void *arg, struct fault *) MUST_USE;

/*
 * With each qid of a state, the oldest first within each directory, until it
 * is not OK. What moves meanwhile may be seen twice or not at all.
 */
typedef enum outcome store_on_qid(
    void *arg, struct store_place, const struct qid *, struct fault *);
enum outcome store_each_qid(struct store *, enum store_state, store_on_qid *,
    void *arg, struct fault *) MUST_USE;

/* Every name in dir but "." and "..", in no order, dot names too; for tidying.
   The function may remove that name. */
enum outcome store_each_name(struct store *, const char *dir,
    void (*each)(void *arg, const char *name), void *arg,
    struct fault *) MUST_USE;

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

/* Where the envelope that governs lies, any state but aside. TEMP, ENOENT:
   nowhere. */
enum outcome store_find_envelope(struct store *, const struct qid *,
    struct store_place *, struct fault *) MUST_USE;

struct store_content {
	int fd; /* -1: none */
	uint64_t offset; /* of the first octet that size and digest cover */
	char name[STORE_NAME_MAX]; /* relative to the queue: `deliver file=` */
	struct stat st;
};
#define STORE_CONTENT_NONE ((struct store_content){ .fd = -1 })

/*
 * Open the content of an envelope: in/<qid> for one file; message/<shard>/ for
 * an envelope apart, or in/ when the one file has not moved yet. TEMP, ENOENT:
 * in neither, a live envelope without content: an alarm, and aside.
 */
enum outcome store_open_content(struct store *, const struct envelope *,
    struct store_content *, struct fault *) MUST_USE;
/* The same, in the first of n places that has it; ENOENT: in none. */
enum outcome store_open_content_of(const struct store *,
    const struct envelope *, const struct store_place *, size_t n,
    struct store_content *, struct fault *) MUST_USE;
/*
 * Read it all and compare size and digest. PERM 5.3.0: not what was accepted.
 */
enum outcome store_check_content(const struct store_content *,
    const struct envelope *, bool fresh, struct fault *) MUST_USE;
void store_close_content(struct store_content *);

/* ---- Between the files of the store. ---- */

/* TEMP with errno: "queue: <what> <name>"; 4.3.1 when the disk is full. */
enum outcome store_failed(struct fault *, const char *what, const char *name);

#endif
