/* SPDX-License-Identifier: ISC */
/*
 * run.h: what the steps of queue-run share: the queue, the journal, the window,
 * the stages, and the list of each step.
 */
#ifndef QUEUE_RUN_RUN_H
#define QUEUE_RUN_RUN_H

#include "journal.h"
#include "listing.h"
#include "settings.h"
#include "stage.h"
#include "store.h"
#include "window.h"

/* Who is asked; start.c has a row for each. */
enum { STAGE_RESOLVE, STAGE_DELIVER, STAGE_ADD, STAGES };

struct batch;
struct names;

struct run {
	const struct settings *settings;
	const char *hostname;
	const char *postmaster; /* the first local domain: mail to it arrives */
	struct store store;
	struct journal journal;
	dev_t mail_device; /* of the mailbox root */
	bool mail_is_far; /* other file systems lie below it, or it is one */

	struct stage stage[STAGES];
	struct window window;
	struct list step[STEPS];
	struct list answered; /* the table of steps says where they go */
	struct listing listing;
	struct destinations *destinations; /* attempts of transports */
	struct batch *batch; /* settle.c: whose mailboxes are being synced */
	struct names *names; /* names.c: messages with two names */
	struct operation *again; /* requests.c begins it once more */

	uint64_t pause_ms; /* no memory: nothing begun before; monotonic */
	bool draining; /* it is to end: nothing new is begun */
	bool requests_only; /* serves operators' requests, delivers nothing */
	/* The queue-run before this one died: each step names its message first. */
	bool careful;
	struct buf scratch;
};

/* The message stands in that step now. */
void message_go(struct run *, struct message *, enum step);
/* Take one out of the list of its step. */
void message_leave(struct run *, struct message *);
/* All that the step of this message asked is answered. */
void run_message_answered(struct run *, struct message *);

/* The message that a step works on from here on; NULL: none. A write for each
   message and step, so only while the run is careful. */
void run_takes(struct run *, const struct message *);
/* There was no memory for what is to be begun: a second's rest. */
void run_pause(struct run *);
bool run_is_paused(const struct run *);
/* A write to the disk failed: queue/trouble, and an alarm. */
void run_io_error(struct run *, const struct fault *);
/*
 * What was seen in the queue is on disk. TEMP: some of it is not; the kernel
 * tells that once, so it is recorded in queue/trouble.
 */
enum outcome run_syncfs(struct run *, struct fault *) MUST_USE;

/* An alarm that says the fault; m NULL: of no message. */
void run_alarm(struct run *, const struct message *m, const struct fault *);
/* journal_begin() for one recipient: n=, to=. */
struct record_out run_entry_recipient(
    struct run *, const char *code, const struct message *, size_t i);

#endif
