/* SPDX-License-Identifier: ISC */
/*
 * accept.h: messages into the queue, in rounds. A name appears when the file
 * is whole, the answer when it is on disk.
 *
 * accept_take() parses requests (accept.c, one state machine a client) and
 * writes what they bring (put.c); accept_finish() brings all of the round to
 * the disk and answers, accept_after() tells queue-run (round.c).
 */
#ifndef QUEUE_ADD_ACCEPT_H
#define QUEUE_ADD_ACCEPT_H

#include "journal.h"
#include "lines.h"
#include "serve.h"
#include "settings.h"
#include "store.h"
#include "tell.h"
#include "wire_add.h"

/* One answer of the round, in the order of the requests. */
enum accepted_kind {
	ACCEPTED_ONE, /* file: of in/, whole, without its name */
	ACCEPTED_APART, /* content: the same; no envelope yet */
	ACCEPTED_EXISTS, /* checked and synced already */
	ACCEPTED_WRITE, /* pass_fd goes with the answer */
	ACCEPTED_FAILED /* why is the answer */
};

struct accepted {
	enum accepted_kind kind;
	struct client *client;
	struct qid qid;
	struct store_file file; /* the one file, or the envelope */
	struct store_file content; /* of two files */
	struct envelope *envelope; /* of two files; owned */
	size_t notice_at, notice_len; /* in the round's notices */
	int pass_fd;
	uint64_t offset; /* of pass_fd */
	struct fault why;
};

struct accept {
	struct store *store;
	struct journal *journal;
	uint64_t one_file_max, min_free, recipients_max;
	struct tell tell;
	struct accepted *entry; /* of this round */
	size_t entries, entries_cap;
	struct buf head; /* `Pneu:` line, then the fields; kept */
	struct buf fields; /* Return-Path:, Delivered-To:; kept */
	struct buf notices; /* of this round; told in accept_after() */
	struct buf told; /* those of them that were accepted; kept */
	uint64_t space_asked_ms; /* when free space was last looked at */
	bool space_short;
};

#define ACCEPT_SPACE_MS 1000 /* free space is looked at so often */

/* Both are borrowed. */
void accept_begin(
    struct accept *, struct store *, struct journal *, const struct settings *);
void accept_end(struct accept *);

/* The functions of a line service (serve.h); arg is the struct accept. */
enum outcome accept_take(void *arg, struct client *, struct span in,
    size_t most, size_t *used, size_t *requests, struct fault *) MUST_USE;
void accept_finish(void *arg);
void accept_after(void *arg);
void accept_gone(void *arg, struct client *);

/* ---- Between accept.c, put.c, round.c, existing.c and alarm.c. ---- */

/*
 * Add an entry; NULL: no memory, and then nobody is answered. What the entry
 * holds (files, envelope) is the round's from then on.
 */
struct accepted *accept_enter(
    struct accept *, struct client *, enum accepted_kind, const struct qid *);
enum outcome accept_enter_failed(struct accept *, struct client *,
    const struct qid *, const struct fault *why, struct fault *) MUST_USE;
/* An alarm in the journal, for an operator. */
void accept_alarm(struct accept *, const struct qid *, const struct fault *why);
/* The disk failed: queue/trouble, and an alarm. */
bool accept_is_io_error(const struct fault *);
void accept_io_error(
    struct accept *, const struct qid *, const struct fault *why);
/*
 * The whole message is there: write it as one file, or as content apart. An
 * entry is made whatever happens, but TEMP: no memory for one. The envelope is
 * taken from *e when it stays apart.
 */
enum outcome accept_put(struct accept *, struct client *, struct envelope *e,
    struct span content, bool dots, struct fault *) MUST_USE;
/*
 * Begin content that stands apart, with its fields: what was written is in
 * a->fields, and e->skip is set. content: what will come, if it is known; else
 * empty, and what begins with no field is refused when it is whole.
 */
enum outcome accept_begin_content(struct accept *, struct envelope *e,
    struct span content, struct store_file *, struct fault *) MUST_USE;
/* It is whole: make an entry. file is the round's then. */
enum outcome accept_put_content(struct accept *, struct client *,
    struct envelope *e, struct store_file *file, struct fault *) MUST_USE;
/*
 * Somebody brought a message of that qid before. OK: it is valid and synced.
 */
enum outcome accept_check_existing(
    struct accept *, const struct qid *, struct fault *) MUST_USE;

#endif
