/* SPDX-License-Identifier: ISC */
/*
 * load.c, STEP_LOAD: a message that was listed is read and checked before
 * anything is done with it. What is corrupt is moved to aside/, with an alarm.
 * STEP_WAIT: what could not be saved on disk, until it is due.
 */
#include <errno.h>

#include "clock.h"
#include "codes.h"
#include "operate.h"
#include "steps.h"

/* Listed messages that are read in one turn: 64 of 4 KiB are some 3 ms. Ours */
#define LOAD_SHARE 64

static void
journal_taken(struct run *run, const struct message *m)
{
	run_tell(run,
	    m->place.state == STORE_RETRY1     ? CODE_FROM_RETRY1
	        : m->place.state == STORE_BUSY ? CODE_FROM_BUSY
	                                       : CODE_TAKEN_FROM_IN,
	    m, JOURNAL_FIELDS(JOURNAL_TEXT("how", m->told ? "" : "listed")));
	if (m->recovered && !m->told)
		run_tell(run, CODE_RECOVERED, m,
		    JOURNAL_FIELDS(
		        JOURNAL_TEXT("state", store_state_word(m->place.state)),
		        JOURNAL_ANY("from", m->envelope.reverse_path.text),
		        JOURNAL_NUM("size", m->envelope.size),
		        JOURNAL_NUM("recipients", m->envelope.recipients)));
}

/*
 * Recipients that were deferred until a later minute than this are left out. Of
 * what an operator released (it lies in in/) or flushed (in a minute before all
 * of them), all are due.
 */
static void
leave_out_not_due(const struct run *run, struct message *m)
{
	const struct recipient *r = m->envelope.recipient;
	uint64_t now = clock_wall_ms(), first = UINT64_MAX;
	uint64_t due = now - now % MINUTE_MS + MINUTE_MS;
	/* What lies later was written by a clock that was wrong. */
	uint64_t last = now + run->set->retry_max_ms + MINUTE_MS;

	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (r[i].state == RECIPIENT_WAITS && r[i].next_ms < first)
			first = r[i].next_ms;
	if (m->place.state != STORE_RETRY1 ||
	    m->place.part_ms + MINUTE_MS <= first)
		return;
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_OPEN && r[i].next_ms >= due &&
		    r[i].next_ms <= last) {
			m->status[i].state = STATUS_NOT_DUE;
			m->status[i].next_ms = r[i].next_ms;
		}
}

void
load_checked(struct run *run, struct message *m)
{
	if (m->operation == NULL)
		journal_taken(run, m);
	status_prepare(m);
	if (m->operation != NULL) /* asked for where it lies: no attempt */
		message_go(run, m, STEP_REST);
	else if (envelope_waiting(&m->envelope) == 0)
		message_go(run, m, STEP_GO);
	else {
		leave_out_not_due(run, m);
		message_go(run, m, STEP_RESOLVE);
	}
}

static enum outcome
check(struct run *run, struct message *m, bool trouble, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	enum outcome got;

	if (m->envelope.shape == ENVELOPE_ONE && m->place.state != STORE_IN)
		return fault_set(f, PERM, "5.3.0", 0,
		    "envelope: no such shape in this state");
	if (m->told)
		return OK;
	got = store_open_content(&run->store, &m->envelope, &content, f);
	if (got != OK && f->error == ENOENT)
		return fault_set(
		    f, PERM, "5.3.0", 0, "envelope without content");
	if (got == OK)
		got = store_check_content(&content, &m->envelope, trouble, f);
	/* The one file whose envelope file was made by a round that a crash cut
	   short lies in message/ too, or will: the envelope file governs. */
	if (got == OK && m->envelope.shape == ENVELOPE_ONE &&
	    content.st.st_nlink >= 2 &&
	    store_has(&run->store, &m->envelope.qid,
	        store_content_place(&m->envelope.qid)))
		got = fault_set(f, TEMP, "4.3.0", 0,
		    "half moved: a restart of queue-run mends it");
	/* Alone on the mailboxes' file system it is in no mailbox. */
	m->again = run->mail_is_far || content.st.st_nlink != 1 ||
	    content.st.st_dev != run->mail_device;
	store_close_content(&content);
	return got;
}

static void
load(struct run *run, struct message *m, bool trouble)
{
	const struct qid qid = m->envelope.qid;
	struct fault f = FAULT_NONE;
	enum outcome got;

	if (!m->told)
		store_run_takes(&run->store, &qid);
	else
		run_takes(run, m);
	got = store_read_envelope(
	    &run->store, &qid, m->place, trouble, &m->envelope, &f);
	m->envelope.qid = qid;
	if (got == OK) {
		window_weigh(&run->window, m);
		got = check(run, m, trouble, &f);
	}
	if (got == OK) {
		load_checked(run, m);
		return;
	}
	if (got == PERM) {
		journal_alarm(&run->journal, &qid, "to aside: %s", f.text);
		run_set_aside(run, &qid, m->place,
		    m->envelope.shape == ENVELOPE_APART, f.text);
	} else if (f.error != ENOENT) { /* gone: somebody was faster */
		journal_alarm(&run->journal, &qid, "%s", f.text);
	}
	message_finish(run, m, &f);
}

void
load_work(struct run *run)
{
	struct list *list = &run->step[STEP_LOAD];
	bool trouble = store_is_trouble(&run->store);
	bool takes = false;
	struct message *m;

	for (int n = 0; n < LOAD_SHARE && (m = list_take(list)) != NULL; n++) {
		takes |= !m->told;
		load(run, m, trouble);
	}
	if (takes)
		store_run_takes(&run->store, NULL);
}

/* All wait for as long, so the first is due first. */
void
wait_work(struct run *run)
{
	struct list *list = &run->step[STEP_WAIT];
	uint64_t now = clock_mono_ms();

	while (list->n > 0 && TAILQ_FIRST(&list->head)->wait_ms <= now) {
		/* Where it lies now is what a listing says. */
		listing_want_all(run);
		window_drop(&run->window, list_take(list));
	}
}

uint64_t
wait_next_ms(const struct run *run)
{
	const struct list *list = &run->step[STEP_WAIT];

	return list->n == 0 ? 0 : TAILQ_FIRST(&list->head)->wait_ms;
}
