/* SPDX-License-Identifier: ISC */
/*
 * start.c: a start syncs first what it sees, so that what a dead queue-run or
 * queue-add left is on disk before it is used, and gives each message one name.
 */
#include "start.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "attempt.h"
#include "destination.h"
#include "fds.h"
#include "prog.h"
#include "serve.h"
#include "steps.h"
#include "wire_deliver.h"

/* A service that the supervisor is just starting is asked so often. Ours. */
#define HELLO_TRIES    20
#define HELLO_PAUSE_MS 250

/* The line services that a message is brought on by. */
static const char *const stages[STAGES] = {
	[STAGE_RESOLVE] = "resolve",
	[STAGE_DELIVER] = "deliver-mailbox",
	[STAGE_ADD] = "queue-add",
};

enum outcome
run_begin(struct run *run, const struct queue_settings *set,
    const char *program, struct fault *f)
{
	*run =
	    (struct run){ .set = set, .scratch = BUF_INIT(STORE_ENVELOPE_MAX) };
	run->store.fd = run->store.lock_fd = run->store.run_lock_fd = -1;
	for (size_t i = 0; i < STEPS; i++)
		list_begin(&run->step[i]);
	list_begin(&run->answered);
	for (size_t i = 0; i < STAGES; i++)
		stage_begin(&run->stage[i], stages[i],
		    i == STAGE_ADD ? 1 : set->attempts_max);
	journal_open(&run->journal, program);
	run->hostname = prog_hostname();
	run->postmaster = prog.settings.resolve.domain.n > 0
	    ? prog.settings.resolve.domain.value[0]
	    : run->hostname;
	run->storage.mail_fd = -1;
	window_begin(&run->window, set->window);
	settle_begin(run);
	destinations_begin(run);
	attempts_begin(run);
	return store_open(&run->store, set->directory, f);
}

/* All else ends with the process. */
void
run_end(struct run *run)
{
	for (size_t i = 0; i < STAGES; i++)
		service_close(&run->stage[i].service);
	journal_close(&run->journal);
}

enum outcome
start_open(struct run *run, struct fault *f)
{
	if (store_lock_run(&run->store,
	        run->requests_only ? 0 : STORE_LOCK_WAIT_MS, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < STAGES && !run->requests_only; i++)
		if (service_open(&run->stage[i].service, f) != OK)
			return f->outcome;
	return OK;
}

/* ---- What the last queue-run died on. ---- */

/* How often queue-run has died on this message, this time included: that is
   kept behind the crash marker, of the last one. */
static uint64_t
count_death(struct run *run, const struct qid *qid)
{
	char text[2 * QID_LEN] = "";
	struct span rest, before;
	uint64_t deaths = 0;
	int n;

	(void)!pread(
	    run->store.run_lock_fd, text, sizeof(text) - 1, QID_LEN + 1);
	rest = span_of(text);
	if (span_next(&rest, ' ', &before) && span_eq(before, qid->text))
		(void)num_parse(span_head(rest, span_find(rest, '\n')), 0,
		    UINT32_MAX, &deaths);
	n = snprintf(text, sizeof(text), "\n%s %llu\n", qid->text,
	    (unsigned long long)++deaths);
	(void)!pwrite(run->store.run_lock_fd, text, (size_t)n, QID_LEN);
	return deaths;
}

/*
 * The queue-run before us ended while it read this one. It is not read again
 * after so many deaths: it goes to aside/ as it is, for a person to look at.
 */
static void
judge_taken(struct run *run, const struct qid *qid)
{
	uint64_t deaths = count_death(run, qid);
	struct store_place place;
	struct fault f;

	journal_alarm(&run->journal, qid, "queue-run died on it, %llu times",
	    (unsigned long long)deaths);
	if (deaths >= run->set->poison_deaths &&
	    store_find_envelope(&run->store, qid, &place, &f) == OK)
		run_set_aside(run, qid, place, true, "");
}

/* ---- What is seen is on disk. ---- */

/* A question that waits: only at the start, when nothing else is to be done. */
static enum outcome
ask_deliver(struct run *run, enum deliver_word word, struct fault *f)
{
	struct deliver_req req = { .word = word };
	struct buf b = BUF_INIT(RECORD_MAX);
	struct service *s = &run->stage[STAGE_DELIVER].service;
	enum deliver_how how;
	struct span line;
	enum outcome got;

	got = wire_deliver_put_req(&b, &req, f);
	if (word == DELIVER_SYNC_ALL && s->fd != -1)
		fds_set_timeouts(s->fd, SYNC_MS, SYNC_MS);
	for (int i = 0; got == OK && i < HELLO_TRIES; i++) {
		if (service_ask(s, buf_span(&b), true, &line, f) == OK) {
			got = wire_deliver_get_ans(line, &req, &how, f);
			break;
		}
		if (i + 1 == HELLO_TRIES || serve_stopping)
			got = TEMP;
		else
			(void)poll(NULL, 0, HELLO_PAUSE_MS);
	}
	buf_free(&b);
	return got;
}

enum outcome
start_run(struct run *run, struct fault *f)
{
	struct qid took;

	/* Only moved, nothing delivered: of two names the one that stays must be
	   on disk before one goes. */
	if (run->requests_only)
		return run_syncfs(run, f) == OK ? names_repair(run, f)
		                                : f->outcome;
	if (store_run_took(&run->store, &took))
		judge_taken(run, &took);
	run->careful = store_run_was_cut(&run->store);
	store_run_takes(&run->store, NULL);
	/* Nothing of a dead queue-run may still be under way. */
	if (ask_deliver(run, DELIVER_HELLO, f) != OK)
		return f->outcome;
	/* What is seen in mailboxes and queue is on disk; after an error the
	   disk is read from here on. */
	if (ask_deliver(run, DELIVER_SYNC_ALL, f) != OK)
		store_io_error(&run->store, &run->journal, NULL, f);
	(void)!run_syncfs(run, f);
	if (names_repair(run, f) != OK)
		return f->outcome;
	storage_begin(run);
	run->listing.starting = true;
	listing_rescan(run);
	listing_fill(run);
	journal_flush(&run->journal);
	return OK;
}
