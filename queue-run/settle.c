/* SPDX-License-Identifier: ISC */
/*
 * settle.c, STEP_SETTLE: what was delivered is synced in batches, and only then
 * the queue lets go. The order is that of the model (deliver.pml): mailboxes
 * synced, then the queue's name.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "steps.h"
#include "wire_deliver.h"

/* From so many mailboxes on, one sync of all is cheaper: measured. Where one
   journal carries all, a sync of all is as dear as that of one. */
#define SETTLE_ALL         16
#define SETTLE_ALL_JOURNAL 2

/* One mailbox that the batch delivered to, or all mailboxes. */
struct sync {
	struct deliver_req req;
	struct fault fault; /* OK: nothing failed yet */
};

struct batch {
	struct list messages;
	size_t open; /* answers that are due */
	struct sync sync[SETTLE_ALL];
	size_t syncs;
};

void
settle_begin(struct run *run)
{
	run->batch = mem_new(1, sizeof(*run->batch));
	list_begin(&run->batch->messages);
}

bool
settle_is_busy(const struct run *run)
{
	return run->batch->messages.n > 0;
}

/* The sync that covers a mailbox; NULL: none yet. */
static const struct sync *
sync_of(const struct batch *batch, const char *path)
{
	for (size_t i = 0; i < batch->syncs; i++)
		if (batch->sync[i].req.word == DELIVER_SYNC_ALL ||
		    strcmp(batch->sync[i].req.path, path) == 0)
			return &batch->sync[i];
	return NULL;
}

/* ---- The end of a batch. ---- */

static void
batch_end(struct run *run)
{
	struct message *m;
	const struct fault *f;

	while ((m = list_take(&run->batch->messages)) != NULL) {
		run_takes(run, m);
		for (size_t i = 0; i < m->envelope.recipients; i++) {
			if (m->status[i].state != STATUS_LINKED)
				continue;
			f = &sync_of(run->batch, m->status[i].path)->fault;
			status_end(m, i,
			    f->outcome == OK ? STATUS_DELIVERED
			                     : STATUS_DEFERRED,
			    f);
		}
		message_go(run, m, STEP_REPORT);
	}
}

/*
 * A write to that file system failed. Deliveries linked before the failed sync
 * are also unconfirmed, in this batch and the next: it was to write them too.
 * Answers come in order, so these are all that are linked by now; what is
 * linked after it is new to the disk.
 */
static void
distrust_linked(struct run *run, const struct fault *f)
{
	struct fault why = *f;

	why.outcome = TEMP;
	for (struct message *m = TAILQ_FIRST(&run->window.messages); m != NULL;
	     m = TAILQ_NEXT(m, link_window))
		for (size_t i = 0;
		     m->status != NULL && i < m->envelope.recipients; i++)
			if (m->status[i].state == STATUS_LINKED)
				status_end(m, i, STATUS_DEFERRED, &why);
}

/* ---- The question. ---- */

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	return wire_deliver_put_req(out, &run->batch->sync[ask->i].req, f);
}

/* Of a sync that failed nothing is known to be on disk: it is deferred. The
   kernel tells an error once, so no second sync of these names would prove
   anything. */
static void
failed(struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	struct fault *end = &run->batch->sync[ask->i].fault;

	(void)died;
	*end = *f;
	end->outcome = f->outcome == OK ? OK : TEMP;
	if (--run->batch->open == 0)
		batch_end(run);
}

static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct fault f = FAULT_NONE;
	enum deliver_how how;
	enum outcome got =
	    wire_deliver_get_ans(line, &run->batch->sync[ask->i].req, &how, &f);

	/* The deliver-mailbox that was asked first may have been told of the
	   failure, and have died before it said so: it left queue/trouble. */
	if (got == OK && ask->again && store_is_trouble(&run->store))
		got = fault_set(&f, TEMP, "4.3.0", 0,
		    "deliver-mailbox ended in it, and a write had failed");
	f.outcome = got;
	if (got != OK)
		fault_context(&f, "sync of mailboxes");
	/* A mailbox that is not there concerns itself alone. */
	if (got != OK && fault_is(&f, FAULT_NO_MAILBOX)) {
		run_alarm(run, NULL, &f);
	} else if (got != OK) {
		store_io_error(&run->store, &run->journal, NULL, &f);
		distrust_linked(run, &f);
	}
	failed(run, ask, false, &f);
	return true;
}

static const struct question question = { put, answer, failed, SYNC_MS };

/* ---- The step. ---- */

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct sync *)a)->req.path,
	    ((const struct sync *)b)->req.path);
}

/* One more mailbox to sync; few are synced one by one, many at once. */
static void
add_sync(struct run *run, const char *path)
{
	struct batch *batch = run->batch;
	size_t all = run->store.disk.fsync_carries_all && !run->mail_is_far
	    ? SETTLE_ALL_JOURNAL
	    : SETTLE_ALL;
	bool is_many = batch->syncs + 1 == all;
	struct sync *sync;

	if (is_many)
		batch->syncs = 0;
	sync = &batch->sync[batch->syncs++];
	*sync = (struct sync){ .fault = FAULT_NONE };
	sync->req.word = is_many ? DELIVER_SYNC_ALL : DELIVER_SYNC;
	if (!is_many)
		(void)span_copy(
		    span_of(path), sync->req.path, sizeof(sync->req.path));
}

static void
ask_syncs(struct run *run)
{
	struct batch *batch = run->batch;

	batch->syncs = 0;
	for (struct message *m = TAILQ_FIRST(&batch->messages.head); m != NULL;
	     m = TAILQ_NEXT(m, link))
		for (size_t i = 0; i < m->envelope.recipients; i++) {
			const char *path = m->status[i].path;

			if (m->status[i].state == STATUS_LINKED &&
			    sync_of(batch, path) == NULL)
				add_sync(run, path);
		}
	qsort(batch->sync, batch->syncs, sizeof(*batch->sync), by_path);
	for (batch->open = 0; batch->open < batch->syncs; batch->open++)
		stage_ask(
		    &run->stage[STAGE_DELIVER], NULL, &question, batch->open);
	if (batch->open == 0)
		batch_end(run);
}

/* One batch at a time; the next one grows meanwhile. */
void
settle_work(struct run *run)
{
	struct list *list = &run->step[STEP_SETTLE];

	if (settle_is_busy(run) || run_lets_go_ms(run, list) > clock_mono_ms())
		return;
	list_move(&run->batch->messages, list);
	ask_syncs(run);
}

uint64_t
settle_next_ms(const struct run *run)
{
	return settle_is_busy(run)
	    ? 0
	    : run_lets_go_ms(run, &run->step[STEP_SETTLE]);
}
