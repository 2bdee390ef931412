/* SPDX-License-Identifier: ISC */
/*
 * settle.c, STEP_SETTLE: what was delivered is synced in batches, and only then
 * the queue lets go. The order is that of the model (deliver.pml): mailboxes
 * synced, then the queue's name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "steps.h"
#include "wire_deliver.h"

/* From so many mailboxes on, one sync of all is cheaper: measured. Where one
   journal carries all, a sync of all is as dear as that of one. */
#define SETTLE_ALL         16
#define SETTLE_ALL_JOURNAL 2

/* A sync waits for the disk, which may have much to write. Ours. */
#define SYNC_MS 600000

/* One mailbox that the batch delivered to, or ("") all mailboxes. */
struct sync {
	char path[RESOLVE_PATH_MAX + 1];
	struct fault fault; /* OK: nothing failed yet */
};

struct batch {
	struct list messages;
	size_t open; /* answers that are due */
	struct sync sync[SETTLE_ALL];
	size_t syncs;
};

enum outcome
settle_begin(struct run *run, struct fault *f)
{
	run->batch = calloc(1, sizeof(*run->batch));
	if (run->batch == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	list_begin(&run->batch->messages);
	return OK;
}

void
settle_end(struct run *run)
{
	free(run->batch);
	run->batch = NULL;
}

bool
settle_is_busy(const struct run *run)
{
	return run->batch->messages.n > 0;
}

/* ---- The end of a batch. ---- */

/* The sync that covers a mailbox: choose_syncs() took all paths of the batch. */
static const struct sync *
sync_of(const struct batch *batch, const char *path)
{
	size_t i = 0;

	while (i + 1 < batch->syncs && batch->sync[i].path[0] != '\0' &&
	    strcmp(batch->sync[i].path, path) != 0)
		i++;
	return &batch->sync[i];
}

/* A sync failed: what it was to write is not known to be on disk, and is
   deferred. The kernel tells an error once, so no second sync of these names
   would prove anything. */
static void
sync_fails(struct sync *sync, const struct fault *f)
{
	sync->fault = *f;
	sync->fault.outcome = TEMP;
}

static void
message_synced(struct run *run, struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct sync *sync;

		if (m->status[i].state != STATUS_LINKED)
			continue;
		sync = sync_of(run->batch, message_text(m, m->status[i].path));
		status_end(m, i,
		    sync->fault.outcome == OK ? STATUS_DELIVERED
		                              : STATUS_DEFERRED,
		    &sync->fault);
	}
}

static void
batch_end(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->batch->messages)) != NULL) {
		run_takes(run, m);
		message_synced(run, m);
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
	for (struct message *m = window_next(&run->window, NULL); m != NULL;
	     m = window_next(&run->window, m))
		for (size_t i = 0;
		     m->status != NULL && i < m->envelope.recipients; i++)
			if (m->status[i].state == STATUS_LINKED)
				status_end(m, i, STATUS_DEFERRED, &why);
}

/* ---- The question. ---- */

static void
sync_request(
    const struct run *run, const struct ask *ask, struct deliver_req *req)
{
	const char *path = run->batch->sync[ask->i].path;

	*req = (struct deliver_req){ .word = DELIVER_SYNC_ALL };
	if (path[0] == '\0')
		return;
	req->word = DELIVER_SYNC;
	(void)span_copy(span_of(path), req->path, sizeof(req->path));
}

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct deliver_req req;

	sync_request(run, ask, &req);
	return wire_deliver_put_req(out, &req, f);
}

static void
answered(struct run *run)
{
	if (--run->batch->open == 0)
		batch_end(run);
}

static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct deliver_req req;
	enum deliver_how how;
	enum outcome got;
	struct fault f;

	sync_request(run, ask, &req);
	got = wire_deliver_get_ans(line, &req, &how, &f);
	/* The deliver-mailbox that was asked first may have been told of the
	   failure, and have died before it said so: it left queue/trouble. */
	if (got == OK && ask->again && store_is_trouble(&run->store))
		got = fault_set(&f, TEMP, "4.3.0", 0,
		    "deliver-mailbox ended in it, and a write had failed");
	if (got != OK) {
		journal_alarm(
		    &run->journal, NULL, "sync of mailboxes: %s", f.text);
		/* A mailbox that is not there concerns itself alone. */
		if (!fault_is(&f, FAULT_NO_MAILBOX)) {
			store_trouble_set(
			    &run->store, run->journal.program, f.text);
			distrust_linked(run, &f);
		}
		sync_fails(&run->batch->sync[ask->i], &f);
	}
	answered(run);
	return true;
}

static void
failed(struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	(void)died;
	sync_fails(&run->batch->sync[ask->i], f);
	answered(run);
}

static const struct question question = { put, answer, failed, SYNC_MS };

/* ---- The step. ---- */

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Room for the paths of all deliveries of a batch, sorted, each once; NULL: no
   memory. The caller frees it. */
static const char **
collect_paths(const struct list *list, size_t deliveries, size_t *paths)
{
	const char **path = malloc((deliveries + 1) * sizeof(*path));
	size_t n = 0;

	*paths = 0;
	if (path == NULL)
		return NULL;
	for (struct message *m = list->first; m != NULL; m = m->next)
		for (size_t i = 0; i < m->envelope.recipients; i++)
			if (m->status[i].state == STATUS_LINKED)
				path[n++] = message_text(m, m->status[i].path);
	qsort(path, n, sizeof(*path), compare_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(path[i], path[*paths - 1]) != 0)
			path[(*paths)++] = path[i];
	return path;
}

/* Few mailboxes are synced one by one, many at once. */
static void
choose_syncs(struct run *run, size_t deliveries)
{
	struct batch *batch = run->batch;
	size_t all = run->store.disk.fsync_carries_all && !run->mail_is_far
	    ? SETTLE_ALL_JOURNAL
	    : SETTLE_ALL;
	size_t paths;
	const char **path = collect_paths(&batch->messages, deliveries, &paths);

	if (path == NULL || paths >= all) {
		batch->sync[0] = (struct sync){ .fault = FAULT_NONE };
		batch->syncs = 1;
	} else {
		for (size_t i = 0; i < paths; i++) {
			batch->sync[i] = (struct sync){ .fault = FAULT_NONE };
			(void)span_copy(span_of(path[i]), batch->sync[i].path,
			    sizeof(batch->sync[i].path));
		}
		batch->syncs = paths;
	}
	free(path);
}

static void
ask_syncs(struct run *run)
{
	struct batch *batch = run->batch;

	for (size_t i = 0; i < batch->syncs; i++) {
		struct ask ask = { NULL, &question, false, (uint32_t)i };
		struct fault f;

		if (stage_ask(&run->stage[STAGE_DELIVER], ask)) {
			batch->open++;
			continue;
		}
		(void)fault_set(&f, TEMP, "4.3.0", 0, "no memory");
		sync_fails(&batch->sync[i], &f);
	}
}

static size_t
count_deliveries(const struct list *list)
{
	size_t n = 0;

	for (const struct message *m = list->first; m != NULL; m = m->next)
		for (size_t i = 0; i < m->envelope.recipients; i++)
			n += m->status[i].state == STATUS_LINKED;
	return n;
}

void
settle_work(struct run *run)
{
	struct list *list = &run->step[STEP_SETTLE];
	uint64_t now = clock_mono_ms();

	if (list->first->wait_ms == 0)
		list->first->wait_ms = now;
	if (settle_is_busy(run)) /* one batch at a time; the next one grows */
		return;
	if (!run->draining && list->n < run->settings->queue.let_go_max &&
	    now - list->first->wait_ms < run->settings->queue.let_go_ms &&
	    count_deliveries(list) < run->settings->queue.let_go_max)
		return;
	list_move(&run->batch->messages, list);
	choose_syncs(run, count_deliveries(&run->batch->messages));
	ask_syncs(run);
	if (run->batch->open == 0)
		batch_end(run);
}

uint64_t
settle_next_ms(const struct run *run)
{
	const struct message *m = run->step[STEP_SETTLE].first;

	if (m == NULL || settle_is_busy(run))
		return 0;
	return m->wait_ms +
	    (run->draining ? 0 : run->settings->queue.let_go_ms);
}
