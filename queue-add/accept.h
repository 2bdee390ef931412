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
struct accepted {
	enum add_answer
	    answer; /* ADD_OK: unless something fails from here on */
	struct client *client;
	struct qid qid;
	/* Whole, without its name: the one file; of two the content, and when
	   that is on disk the envelope file. */
	struct store_file file;
	struct buf envelope; /* of two files: what that will hold; else empty */
	int pass_fd; /* ADD_WRITE: goes with the answer */
	uint64_t offset; /* of pass_fd */
	struct fault why; /* ADD_FAILED: the answer */
};

struct accept {
	struct store *store;
	struct journal *journal;
	uint64_t one_file_max, recipients_max;
	uint64_t min_free; /* kept from all who bring mail */
	struct tell tell;
	struct accepted *entry; /* of this round, ROUND_REQUESTS_MAX at most */
	size_t entries;
	struct buf head; /* `Pneu:` line, then the fields; kept */
	struct buf fields; /* Return-Path:, Delivered-To:; kept */
	struct buf hints; /* of this round; told in accept_after() */
	bool hints_are_wrong; /* one of them was not accepted after all */
	uint64_t space_asked_ms; /* when free space was last looked at */
	bool space_short;
};

#define ACCEPT_SPACE_MS 1000 /* free space is looked at so often */
/* smtpd stops at [storage] min_free. What it had let through by then, and
   reports, come in down to so much of it. */
#define SPACE_KEPT 2

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

/* TEMP 4.3.1: there is not enough free space for a message. */
enum outcome accept_check_space(struct accept *, struct fault *) MUST_USE;

/*
 * The whole message is there: write it as one file, or as content apart. An
 * entry is made whatever happens.
 */
void accept_put(
    struct accept *, struct client *, struct envelope *e, struct span content);

/* ---- Between accept.c, put.c, round.c and existing.c. ---- */

/* Add an entry: what is put into it is the round's from then on. */
struct accepted *accept_enter(
    struct accept *, struct client *, enum add_answer, const struct qid *);
void accept_enter_failed(struct accept *, struct client *, const struct qid *,
    const struct fault *why);
/*
 * Begin content that stands apart, with its fields: what was written is in
 * a->fields, and e->skip is set. content: what will come, if it is known; else
 * empty, and what begins with no field is refused when it is whole.
 */
enum outcome accept_begin_content(struct accept *, struct envelope *e,
    struct span content, struct store_file *, struct fault *) MUST_USE;
/* It is whole: make an entry. file is the round's then. */
void accept_put_content(struct accept *, struct client *, struct envelope *e,
    struct store_file *file);
/*
 * Somebody brought a message of that qid before. OK: it is valid and synced.
 */
enum outcome accept_check_existing(
    struct accept *, const struct qid *, struct fault *) MUST_USE;

#endif
