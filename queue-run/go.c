/* SPDX-License-Identifier: ISC */
/*
 * go.c, STEP_GO and STEP_CONTENT: a settled or deleted message is removed from
 * the queue. Of two files the envelope goes first, its directory is synced,
 * then the content (deliver.pml).
 */
#include <errno.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "history.h"
#include "operate.h"
#include "steps.h"

/* A report was entered: before the queue lets go, the envelope says so. */
static void
save_report(struct run *run, struct message *m)
{
	struct store_file file;
	bool reported = false;
	struct fault f;

	if (m->envelope.shape == ENVELOPE_ONE)
		return;
	for (size_t i = 0; i < m->envelope.recipients; i++)
		reported |= m->status[i].notice != 0;
	if (!reported)
		return;
	history_put(run, m);
	if (store_append(&run->store, &m->envelope.qid, m->place,
	        buf_span(&m->lines), &file, &f) != OK ||
	    store_sync_file(file.fd, &f) != OK)
		run_alarm(run, m, &f);
	fds_close(&file.fd);
}

static void
journal_let_go(struct run *run, const struct message *m)
{
	journal_end(&run->journal,
	    journal_begin(&run->journal, CODE_LET_GO, &m->envelope.qid));
}

/* The journal says so when its name is gone, and not before. */
static void
journal_deleted(struct run *run, const struct message *m)
{
	struct record_out out =
	    journal_begin(&run->journal, CODE_DELETED, &m->envelope.qid);

	record_puts(out, "state", store_state_word(m->place.state));
	if (m->operation->reason[0] != '\0')
		record_puts(out, "reason", m->operation->reason);
	journal_end(&run->journal, out);
}

/* Nobody is told. */
static bool
is_deletion(const struct message *m)
{
	return m->operation != NULL && m->operation->word == OPERATION_DELETE;
}

/* False: the name could not be removed. */
static bool
remove_envelope(struct run *run, struct message *m)
{
	struct fault f;

	if (store_unlink(&run->store, &m->envelope.qid, m->place, &f) == OK)
		return true;
	/* It stays, is found by a listing later, and is not delivered twice. */
	run_alarm(run, m, &f);
	operate_end(m, &f);
	message_go(run, m, STEP_WAIT);
	m->wait_ms = clock_mono_ms() + run->settings->queue.retry_min_ms;
	return false;
}

void
go_work(struct run *run)
{
	struct list *contents = &run->step[STEP_CONTENT];
	struct message *m;

	while ((m = list_take(&run->step[STEP_GO])) != NULL) {
		run_takes(run, m);
		if (!is_deletion(m))
			save_report(run, m);
		if (!remove_envelope(run, m))
			continue;
		if (is_deletion(m))
			journal_deleted(run, m);
		else
			journal_let_go(run, m);
		if (m->envelope.shape == ENVELOPE_APART ||
		    m->operation != NULL || m->place.state != STORE_IN)
			message_go(run, m, STEP_CONTENT);
		else
			window_drop(&run->window, m);
	}
	if (contents->n > 0 && contents->first->wait_ms == 0)
		contents->first->wait_ms = clock_mono_ms();
}

/* ---- Contents, a round later. ---- */

static bool
has_operation(const struct list *list)
{
	for (const struct message *m = list->first; m != NULL; m = m->next)
		if (m->operation != NULL)
			return true;
	return false;
}

static void
remove_content(struct run *run, struct message *m, const struct fault *synced)
{
	struct fault f;

	run_takes(run, m);
	if (synced->outcome == OK && m->envelope.shape == ENVELOPE_APART &&
	    store_unlink(&run->store, &m->envelope.qid,
	        store_content_place(&m->envelope.qid), &f) != OK)
		run_alarm(run, m, &f);
	message_finish(run, m, synced);
}

/* Those whose names left the first one's directory: it is synced, and then
   their contents go. Where it cannot be, they stay for tidying: model row 13. */
static void
remove_contents(struct run *run, struct list *list)
{
	struct store_place place = list->first->place;
	struct fault synced = FAULT_NONE;

	if (store_sync(&run->store, place, &synced) != OK)
		run_io_error(run, &synced);
	store_remove_part(&run->store, place);
	for (size_t n = list->n; n > 0; n--) {
		struct message *m = list_take(list);

		if (store_is_same_place(m->place, place))
			remove_content(run, m, &synced);
		else
			list_add(list, m);
	}
}

void
content_work(struct run *run)
{
	struct list *list = &run->step[STEP_CONTENT];

	if (!run->draining && list->n < run->settings->queue.let_go_max &&
	    !has_operation(list) &&
	    clock_mono_ms() - list->first->wait_ms <
	        run->settings->queue.let_go_ms)
		return;
	while (list->n > 0)
		remove_contents(run, list);
}

uint64_t
content_next_ms(const struct run *run)
{
	const struct message *m = run->step[STEP_CONTENT].first;

	if (m == NULL)
		return 0;
	return m->wait_ms +
	    (run->draining ? 0 : run->settings->queue.let_go_ms);
}
