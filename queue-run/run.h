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
#include "storage.h"
#include "store.h"
#include "window.h"

#define MINUTE_MS UINT64_C(60000) /* a directory of retry1 */

/* Who is asked; start.c has a row for each. */
enum { STAGE_RESOLVE, STAGE_DELIVER, STAGE_ADD, STAGES };

struct attempts;
struct batch;

struct run {
	const struct queue_settings *set;
	const char *hostname;
	const char *postmaster; /* the first local domain: mail to it arrives */
	struct store store;
	struct journal journal;
	dev_t mail_device; /* of the mailbox root */
	bool mail_is_far; /* other file systems lie below it, or it is one */

	struct stage stage[STAGES];
	struct window window;
	struct list step[STEPS];
	struct list answered; /* all that was asked; turn.c says what then */
	struct listing listing;
	struct storage storage; /* is mail for mailboxes parked? */
	struct destinations *destinations; /* next hops but mailboxes */
	struct attempts *attempts; /* under way, at them */
	struct batch *batch; /* settle.c: whose mailboxes are being synced */
	struct operation *again; /* requests.c begins it once more */

	bool draining; /* it is to end: nothing new is begun */
	bool requests_only; /* serves operators' requests, delivers nothing */
	/* The queue-run before this one died: each step names its message first. */
	bool careful;
	struct buf scratch;
};

/* The message stands in that step now. */
void message_go(struct run *, struct message *, enum step);
/* The time when what is let go together goes, after the first of the list or
   when they are enough; 0: the list is empty. */
uint64_t run_lets_go_ms(const struct run *, const struct list *);
/* The earlier of two times; 0 is none. */
uint64_t run_earlier_ms(uint64_t, uint64_t);

/* The message that a step works on from here on; NULL: none. A write for each
   message and step, so only while the run is careful. */
void run_takes(struct run *, const struct message *);
/*
 * What was seen in the queue is on disk. TEMP: some of it is not; the kernel
 * tells that once, so it is recorded in queue/trouble.
 */
enum outcome run_syncfs(struct run *, struct fault *) MUST_USE;

/* To aside/ with an envelope that is of no use as it lies; with_content: and with
   the content of two files. What cannot be moved is an alarm. */
void run_set_aside(struct run *, const struct qid *, struct store_place,
    bool with_content, const char *why);

/* An alarm that says the fault; m NULL: of no message. */
void run_alarm(struct run *, const struct message *m, const struct fault *);
/* An entry about the message; the first fields of one about a recipient. */
void run_tell(struct run *, const char *code, const struct message *,
    const struct journal_field *);
#define RUN_RECIPIENT(m, i)                                                    \
	JOURNAL_NUM("n", (m)->envelope.recipient[i].n),                        \
	    JOURNAL_TEXT("to", (m)->envelope.recipient[i].forward_path.text)

#endif
