/* SPDX-License-Identifier: ISC */
/*
 * go.c, STEP_GO and STEP_CONTENT: a settled or deleted message is removed from
 * the queue. Of two files the envelope goes first, its directory is synced,
 * then the content (deliver.pml).
 */

#include "clock.h"
#include "codes.h"
#include "fds.h"
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
		reported |= m->status[i].notice[0] != '\0';
	if (!reported)
		return;
	history_put(m);
	if (store_append(&run->store, &m->envelope.qid, m->place,
	        buf_span(&m->lines), &file, &f) != OK ||
	    store_sync_file(file.fd, &f) != OK)
		run_alarm(run, m, &f);
	fds_close(&file.fd);
}

/* Nobody is told. */
static bool
is_deletion(const struct message *m)
{
	return m->operation != NULL && m->operation->word == OPERATION_DELETE;
}

/* The journal says so when its name is gone, and not before. */
static void
journal_gone(struct run *run, const struct message *m)
{
	if (is_deletion(m))
		run_tell(run, CODE_DELETED, m,
		    JOURNAL_FIELDS(
		        JOURNAL_TEXT("state", store_state_word(m->place.state)),
		        JOURNAL_TEXT("reason", m->operation->reason)));
	else
		run_tell(run, CODE_LET_GO, m, JOURNAL_NONE);
}

void
go_message(struct run *run, struct message *m)
{
	struct fault f;

	if (!is_deletion(m))
		save_report(run, m);
	if (store_unlink(&run->store, &m->envelope.qid, m->place, &f) != OK) {
		/* It stays, is found by a listing later, and is not delivered
		   twice. */
		run_alarm(run, m, &f);
		message_stays(run, m, &f);
		return;
	}
	journal_gone(run, m);
	if (m->envelope.shape == ENVELOPE_ONE && m->operation == NULL) {
		window_drop(&run->window, m);
		return;
	}
	message_go(run, m, STEP_CONTENT);
	if (m->operation != NULL) /* who waits for that, waits no round */
		TAILQ_FIRST(&run->step[STEP_CONTENT].head)->wait_ms = 0;
}

/* ---- Contents, a round later. ---- */

/* Those whose names left the first one's directory: it is synced, and then
   their contents go. Where it cannot be, they stay for tidying: model row 13. */
static void
remove_contents(struct run *run, struct list *list)
{
	struct store_place place = TAILQ_FIRST(&list->head)->place;
	struct fault synced = FAULT_NONE, f;

	if (store_sync(&run->store, place, &synced) != OK)
		store_io_error(&run->store, &run->journal, NULL, &synced);
	store_remove_part(&run->store, place);
	for (size_t n = list->n; n > 0; n--) {
		struct message *m = list_take(list);
		const struct qid *qid = &m->envelope.qid;

		if (!store_is_same_place(m->place, place)) {
			list_add(list, m);
			continue;
		}
		run_takes(run, m);
		if (synced.outcome == OK &&
		    m->envelope.shape == ENVELOPE_APART &&
		    store_unlink(
		        &run->store, qid, store_content_place(qid), &f) != OK)
			run_alarm(run, m, &f);
		message_finish(run, m, &synced);
	}
}

void
content_work(struct run *run)
{
	struct list *list = &run->step[STEP_CONTENT];

	if (run_lets_go_ms(run, list) > clock_mono_ms())
		return;
	while (list->n > 0)
		remove_contents(run, list);
}

uint64_t
content_next_ms(const struct run *run)
{
	return run_lets_go_ms(run, &run->step[STEP_CONTENT]);
}
