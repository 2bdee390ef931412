/* SPDX-License-Identifier: ISC */
/*
 * message.h: a message in memory, the step it stands in, and how each of its
 * recipients fares in this attempt.
 */
#ifndef QUEUE_RUN_MESSAGE_H
#define QUEUE_RUN_MESSAGE_H

#include <sys/queue.h>

#include "envelope_file.h"
#include "store.h"
#include "wire_resolve.h"

/*
 * The life of a message, in the order of work in a turn: turn.c has the table.
 * A message stands in the list of one step, or waits for answers (`open`) in
 * none; then `step` is the step that asked.
 */
enum step {
	STEP_WAIT, /* could not be saved on disk: here, until due */
	STEP_LOAD, /* listed, or its qid was told: to be read and checked */
	STEP_RESOLVE, /* recipients to be resolved */
	STEP_DELIVER, /* attempts to be made */
	STEP_ATTEMPTS, /* waits for attempts of transports; in no list */
	STEP_SETTLE, /* delivered; its mailboxes are to be synced */
	STEP_REPORT, /* recipients failed; a report is to be entered */
	STEP_REST, /* all that was asked is answered: what now? */
	STEP_SAVE, /* its envelope file is to be saved, or to move */
	STEP_CONTENT, /* its envelope is removed, its content goes a round later */
	STEP_LEFT, /* two names are not mended (names.c); in no list */
	STEP_GO, /* settled: it is removed from the queue */
	STEPS
};

/* How one recipient fares in this attempt. */
enum status_state {
	STATUS_OPEN = 0, /* not yet decided */
	STATUS_SETTLED, /* was delivered or failed before this attempt */
	STATUS_NOT_DUE, /* was deferred before, and its next try is later */
	STATUS_UNDER_WAY, /* a transport has it (destination.h) */
	STATUS_SHARED, /* another recipient's copy serves (`same`) */
	STATUS_LINKED, /* in the mailbox, not yet synced */
	STATUS_DELIVERED, /* and synced */
	STATUS_DEFERRED, /* temp */
	STATUS_FAILED, /* perm */
};

struct status {
	enum status_state state;
	bool died; /* deferred because a stage died on it */
	bool postponed; /* deferred unasked: no try, and at the next minute */
	bool parked; /* deferred unasked, for there is no room: in busy/ */
	bool put; /* the line of its end is in `lines` */
	bool saved; /* its end is in the envelope file */
	bool journaled; /* failed: the journal has it */
	bool delayed; /* its sender is to be told that it is delayed */
	bool relayed; /* delivered: so he is, that it was relayed */
	bool keeps_detail; /* its address says more than its mailbox */
	bool in_report; /* the one that is under way */
	bool reported; /* a report covers it, or could not be entered */
	const char *how; /* delivered: `done how=` */
	const struct transport *transport; /* NULL: its mailbox */
	uint64_t next_ms; /* deferred: its next try not before; wall time */
	uint32_t same; /* index of the recipient whose copy serves */
	/* Kept with the message; "": none. */
	const char *path; /* next hop */
	const char *address; /* where an alias leads */
	struct quota quota; /* of its mailbox */
	const char *text; /* why */
	const char *host; /* who said so, or whom we tried to ask */
	uint32_t
	    reply; /* text is that of an SMTP reply with this code; 0: not */
	const char *notice; /* qid of the report */
	char code[FAULT_CODE_MAX];
};

/* What fills the window. What is told, and what is due again, has a part of its
   own beside what a listing brings. */
enum window_part { WINDOW_LISTED, WINDOW_TOLD, WINDOW_DUE };
#define WINDOW_PARTS 3

struct operation;
struct share;
struct text;
struct transport;

struct message {
	TAILQ_ENTRY(message) link; /* in its step's list */
	TAILQ_ENTRY(message) link_window; /* in the window */
	struct message *next_hash;
	struct envelope envelope;
	struct store_place place;
	enum step step;
	bool listed; /* its step's list holds it */
	bool told; /* by queue-add: not read and digested again */
	bool again; /* may lie in a mailbox already: look first */
	bool released; /* an operator lets it go on: not to be parked */
	bool recovered; /* found at the start */
	bool fetched; /* from the disk, for an operator alone */
	enum window_part part; /* where it is counted */
	size_t weight; /* its share of the window's */
	uint32_t open; /* answers that are due */
	uint32_t attempts; /* of transports: shares and attempts, not ended */
	LIST_HEAD(message_shares, share)
	shares; /* wait for one (destination.h) */
	bool goes_on; /* STEP_SAVE: with its attempts, not out of the window */
	/* Monotonic. When the first of its list came into its step; STEP_WAIT:
	   until when it stands there. */
	uint64_t wait_ms;
	struct status *status; /* one a recipient */
	struct text *texts; /* of them */
	struct buf lines; /* done and try lines to be written */
	struct store_place to; /* STEP_SAVE: where it goes */
	struct qid notice; /* the report that is under way */

	struct operation *operation; /* an operator waits for its rest */
};

struct list {
	TAILQ_HEAD(list_head, message) head;
	size_t n;
};

void list_begin(struct list *);
void list_add(struct list *, struct message *);
/* The first is taken; NULL: there is none. */
struct message *list_take(struct list *);
void list_remove(struct list *, struct message *);
/* All of `from`, which is empty then. */
void list_move(struct list *to, struct list *from);

/* Set up a status for each recipient; none any more. */
void status_prepare(struct message *);
void status_free(struct message *);
/* The recipient's end in this attempt; f may be NULL or OK: no reason. */
void status_end(
    struct message *, size_t i, enum status_state, const struct fault *);
/* Failed or deferred, by the fault's outcome. */
void status_end_by_fault(struct message *, size_t i, const struct fault *);
bool message_has(const struct message *, enum status_state);

/* A copy that lives as long as the statuses. */
const char *message_keep(struct message *, struct span);

/* ---- history.c: the lines of an envelope file that say what happened. ---- */

/* done and try lines of this attempt, into m->lines, which was emptied. */
void history_put(struct message *);
/* They are in the envelope file; what ended since is not. */
void history_is_saved(struct message *);
/* `held by= [text=]`, `released by= [text=]` after them. */
void history_add(
    struct message *, const char *word, const char *by, const char *text);

/*
 * Does the sender get a report when this recipient fails (word FAILURE), is
 * delayed (DELAY), or is relayed (SUCCESS)? Never for a null reverse-path; else
 * as NOTIFY says, and without one of the first two. Source: RFC 5321 4.5.5, RFC
 * 3461 4.1.
 */
bool report_is_wanted(
    const struct envelope *, const struct recipient *, const char *word);

#endif
