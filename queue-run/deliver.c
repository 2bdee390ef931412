/* SPDX-License-Identifier: ISC */
/*
 * deliver.c, STEP_DELIVER: one copy into each mailbox that the recipients lead
 * to, and an attempt for each other next hop. The outcome is per recipient.
 */
#include <search.h>
#include <string.h>

#include "codes.h"
#include "destination.h"
#include "steps.h"
#include "wire_deliver.h"

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	const struct message *m = ask->m;
	const struct qid *qid = &m->envelope.qid;
	struct deliver_req req = { .word = DELIVER_DELIVER,
		.qid = *qid,
		.n = m->envelope.recipient[ask->i].n,
		.again = m->again || ask->again,
		.quota = m->status[ask->i].quota };
	struct maildir_name name = {
		.qid = *qid,
		.n = req.n,
		.octets = m->envelope.start + m->envelope.size,
		.dots = m->envelope.dots,
	};

	(void)run;
	store_name(m->envelope.shape == ENVELOPE_ONE ? STORE_PLACE_IN
	                                             : store_content_place(qid),
	    qid, req.file);
	maildir_make_name(&name, req.name);
	(void)span_copy(
	    span_of(m->status[ask->i].path), req.path, sizeof(req.path));
	return wire_deliver_put_req(out, &req, f);
}

static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	const struct deliver_req req = { .word = DELIVER_DELIVER,
		.qid = m->envelope.qid,
		.n = m->envelope.recipient[ask->i].n };
	enum deliver_how how;
	enum outcome got;
	struct fault f;

	got = wire_deliver_get_ans(line, &req, &how, &f);
	/*
	 * A name that an earlier attempt left in the mailbox may be seen and
	 * not be on disk, when a write failed since: the kernel told so once,
	 * and a sync now would find nothing to do and succeed. So whatever
	 * state the message was listed in, it waits until an operator has
	 * looked. What is linked now is new to the disk, and its sync counts.
	 */
	if (got == OK && how == DELIVER_FOUND && store_is_trouble(&run->store))
		got = fault_set(&f, TEMP, "4.3.0", 0,
		    "a write to the disk failed: see trouble in the queue");
	if (got != OK) {
		status_end_by_fault(m, ask->i, &f);
		return true;
	}
	status_end(m, ask->i, STATUS_LINKED, NULL);
	m->status[ask->i].how = deliver_how_word(how);
	run_tell(run, CODE_DELIVERED, m,
	    JOURNAL_FIELDS(JOURNAL_NUM("n", m->envelope.recipient[ask->i].n),
	        JOURNAL_TEXT("path", m->status[ask->i].path),
	        JOURNAL_TEXT("how", m->status[ask->i].how)));
	run_tell(run, CODE_DELIVERED_RCPT, m,
	    JOURNAL_FIELDS(RUN_RECIPIENT(m, ask->i)));
	return true;
}

static const struct question question = { put, answer, stage_defer, 0 };

/* ---- The step. ---- */

static int
by_path(const void *a, const void *b)
{
	return strcmp(
	    ((const struct status *)a)->path, ((const struct status *)b)->path);
}

static void
keep(void *status)
{
	(void)status;
}

/* One copy for recipients that are equal after resolution and alias. */
static void
find_same(struct message *m)
{
	void *tree = NULL;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i], **first;

		if (status->state != STATUS_OPEN || status->transport != NULL ||
		    status->keeps_detail)
			continue;
		first = tsearch(status, &tree, by_path);
		if (first != NULL && *first != status) {
			status->state = STATUS_SHARED;
			status->same = (uint32_t)(*first - m->status);
		}
	}
	tdestroy(tree, keep);
}

enum step
deliver_next(const struct message *m)
{
	return message_has(m, STATUS_LINKED) ? STEP_SETTLE : STEP_REPORT;
}

/* There is no room: not tried, and not its sender's fault. */
static void
park(struct message *m, size_t i)
{
	struct fault f;

	fault_set(&f, TEMP, FAULT_NO_SPACE, 0,
	    "parked: more than [storage] high_pct of the disk is used");
	status_end(m, i, STATUS_DEFERRED, &f);
	m->status[i].parked = true;
}

void
deliver_message(struct run *run, struct message *m)
{
	find_same(m);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		if (m->status[i].state != STATUS_OPEN || m->operation != NULL)
			continue;
		if (m->status[i].transport != NULL)
			destination_add(run, m, i);
		else if (run->storage.parks && !m->released)
			park(m, i);
		else
			stage_ask(&run->stage[STAGE_DELIVER], m, &question, i);
	}
	if (m->open == 0)
		message_go(run, m, deliver_next(m));
}
