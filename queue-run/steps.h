/* SPDX-License-Identifier: ISC */
/*
 * steps.h: one file for each step of a message's life; no step calls another.
 * A step works on all messages that stand in it, so that what must be done once
 * for many (a sync, a write) is done once a turn.
 */
#ifndef QUEUE_RUN_STEPS_H
#define QUEUE_RUN_STEPS_H

#include "run.h"

/* A sync waits for the disk, which may have much to write. Ours. */
#define SYNC_MS 600000

/* With each message that was taken out of its list. */
void resolve_message(struct run *, struct message *);
void deliver_message(struct run *, struct message *);
void report_message(struct run *, struct message *);
void rest_message(struct run *, struct message *);
void go_message(struct run *, struct message *);
/* With all that stand in the list. */
void wait_work(struct run *);
void load_work(struct run *);
void settle_work(struct run *);
void save_work(struct run *);
void content_work(struct run *);

/* When there is work without an answer or a request: monotonic, 0: never. */
uint64_t wait_next_ms(const struct run *);
uint64_t settle_next_ms(const struct run *);
uint64_t content_next_ms(const struct run *);

/* A message whose envelope was read and checked begins its attempt. */
void load_checked(struct run *, struct message *);

/* The next try of a recipient that was tried so often before this; wall time. */
uint64_t retry_ms(
    const struct queue_settings *, uint64_t now_ms, uint32_t tries);
/* A report could not be entered: who failed is deferred, and fails again at the
   next attempt; of who is delayed its sender is told at the next deferral. */
void report_not_entered(struct message *, const struct fault *);
/* The step after delivery: SETTLE when something waits for a sync. */
enum step deliver_next(const struct message *);

void settle_begin(struct run *);
/* Are mailboxes being synced? */
bool settle_is_busy(const struct run *);

#endif
