/* SPDX-License-Identifier: ISC */
/*
 * save.c, STEP_SAVE: the envelope file of a deferred or held message is saved,
 * or moves to another state, in rounds: each part is done for all messages of
 * the round before the next one rests on it. The order is that of the model
 * (moves.pml):
 *
 *	save		envelope file under a dot name, synced, renamed; its
 *			directory synced; the one file gets its name in
 *			message/, synced; its name in in/ goes, synced
 *	move		link, target synced, unlink, source synced
 *
 * Where one journal carries all, data is waited for instead of synced, and the
 * first directory's sync is that of all (moves.pml, ROUND): a message that
 * cannot be delivered must not cost a commit of its own, or it keeps back those
 * that can be.
 *
 * A message whose part fails leaves the round, stays as it lies (an envelope
 * file that has its content governs, and the next start finishes the move; one
 * that has not goes), and waits in memory.
 */
#include <errno.h>
#include <stdlib.h>

#include "codes.h"
#include "mem.h"
#include "operate.h"
#include "steps.h"

/* Messages of a round: others wait meanwhile, and each has a file open. Ours. */
#define ROUND_MOST 256

/* The directories that a round syncs, in its order. */
enum which { SYNC_TO, SYNC_SHARD, SYNC_FROM };

/* A move of this round; fault.outcome says whether it is still in it. */
struct move {
	struct message *m;
	struct store_file
	    file; /* envelope that is written; open until synced */
	bool makes; /* an envelope file is made; else it moves or only grows */
	bool moves; /* it gets another name, and loses the old one */
	bool goes_on; /* with its attempts; else out of the window */
	bool doubled; /* it has its new name, and its old one */
	bool linked; /* the name of its content is ours */
	bool syncs[3]; /* not done yet */
	struct fault fault;
};

/* Released it may be delivered from now on, so its old name must be gone. */
static struct move
move_of(const struct run *run, struct message *m)
{
	struct move move = { .m = m,
		.file = STORE_FILE_NONE,
		.makes = m->envelope.shape == ENVELOPE_ONE,
		.moves = !store_is_same_place(m->place, m->to),
		.goes_on = m->goes_on,
		.fault = FAULT_NONE };
	bool is_release =
	    m->place.state == STORE_HOLD && m->to.state != STORE_HOLD;

	m->goes_on = false;
	move.syncs[SYNC_TO] = true;
	move.syncs[SYNC_SHARD] = move.makes;
	move.syncs[SYNC_FROM] =
	    move.moves && (is_release || !run->store.disk.names_in_order);
	return move;
}

/* The envelope file of a message that was one file, in its new state. */
static enum outcome
make_envelope(struct run *run, struct move *move, struct fault *f)
{
	struct message *m = move->m;
	struct buf *b = &run->scratch;

	buf_reset(b);
	if (envelope_put_apart(b, &m->envelope, f) != OK)
		return f->outcome;
	buf_add(b, buf_span(&m->lines));
	if (buf_failed(b))
		return fault_set(f, TEMP, "4.3.0", 0, "envelope: too large");
	if (store_create(&run->store, m->to, &m->envelope.qid, 0600,
	        &move->file, f) != OK)
		return f->outcome;
	return store_write(move->file.fd, buf_span(b), SPAN_EMPTY, f);
}

static enum outcome
step_write(struct run *run, struct move *move, struct fault *f)
{
	struct message *m = move->m;

	if (move->makes)
		return make_envelope(run, move, f);
	if (m->lines.len == 0)
		return OK;
	return store_append(&run->store, &m->envelope.qid, m->place,
	    buf_span(&m->lines), &move->file, f);
}

static enum outcome
step_start_disk(struct run *run, struct move *move, struct fault *f)
{
	(void)f;
	if (move->file.fd != -1)
		store_start_disk(&run->store, move->file.fd);
	return OK;
}

static enum outcome
step_sync(struct run *run, struct move *move, struct fault *f)
{
	if (move->file.fd == -1)
		return OK;
	return run->store.disk.fsync_carries_all
	    ? store_wait_for_disk(move->file.fd, f)
	    : store_sync_file(move->file.fd, f);
}

static enum outcome
step_name(struct run *run, struct move *move, struct fault *f)
{
	const struct message *m = move->m;
	const struct qid *qid = &m->envelope.qid;

	if (!move->makes && !move->moves)
		return OK;
	move->doubled =
	    (move->makes
	            ? store_publish(&run->store, &move->file, qid, f)
	            : store_link(&run->store, qid, m->place, m->to, f)) == OK;
	return move->doubled ? OK : f->outcome;
}

static enum outcome
step_content(struct run *run, struct move *move, struct fault *f)
{
	const struct qid *qid = &move->m->envelope.qid;

	if (!move->makes)
		return OK;
	move->linked = store_link(&run->store, qid, STORE_PLACE_IN,
	                   store_content_place(qid), f) == OK;
	return move->linked ? OK : f->outcome;
}

static enum outcome
step_unlink(struct run *run, struct move *move, struct fault *f)
{
	if (move->moves)
		move->doubled =
		    store_unlink(&run->store, &move->m->envelope.qid,
		        move->m->place, f) != OK;
	return move->doubled ? f->outcome : OK;
}

static struct store_place
place_of(const struct move *move, enum which which)
{
	return which == SYNC_TO   ? move->m->to
	    : which == SYNC_SHARD ? store_content_place(&move->m->envelope.qid)
	                          : move->m->place;
}

/* Each directory once; where one journal carries all, one of them for all. */
static void
sync_dirs(struct run *run, struct move *moves, size_t n, enum which which)
{
	for (size_t i = 0; i < n; i++) {
		struct store_place place = place_of(&moves[i], which);
		struct fault f = FAULT_NONE;

		if (!moves[i].syncs[which] || moves[i].fault.outcome != OK)
			continue;
		if (store_sync(&run->store, place, &f) != OK)
			store_trouble_set(
			    &run->store, run->journal.program, f.text);
		else if (run->store.disk.fsync_carries_all)
			return;
		for (size_t k = i; k < n; k++) {
			if (!store_is_same_place(
			        place_of(&moves[k], which), place))
				continue;
			if (moves[k].syncs[which] &&
			    moves[k].fault.outcome == OK)
				moves[k].fault = f;
			moves[k].syncs[which] = false;
		}
	}
}

static void
each(struct run *run, struct move *moves, size_t n,
    enum outcome (*step)(struct run *, struct move *, struct fault *))
{
	for (size_t i = 0; i < n; i++) {
		struct fault *f = &moves[i].fault;

		run_takes(run, moves[i].m);
		if (f->outcome == OK && step(run, &moves[i], f) == OK)
			*f = FAULT_NONE;
	}
}

static void
journal_moved(struct run *run, const struct message *m)
{
	const char *code = m->to.state == STORE_HOLD ? CODE_HELD
	    : m->to.state == STORE_RETRY1            ? CODE_TO_RETRY1
	    : m->to.state == STORE_BUSY              ? CODE_TO_BUSY
	    : m->place.state == STORE_HOLD           ? CODE_RELEASED
	    : m->place.state == STORE_BUSY           ? CODE_FROM_BUSY
	                                             : CODE_TAKEN_FROM_IN;
	static const struct status none = { .text = "" };
	const struct status *deferred = &none;
	const char *by = "operator";
	char dir[STORE_DIR_MAX];

	if (m->operation == NULL)
		by = m->to.state == STORE_HOLD ? "queue-run" : "";
	store_dir_name(m->to, dir);
	for (size_t i = m->envelope.recipients; i-- > 0;)
		if (m->status[i].state == STATUS_DEFERRED)
			deferred = &m->status[i];
	run_tell(run, code, m,
	    JOURNAL_FIELDS(JOURNAL_TEXT("to", dir), JOURNAL_TEXT("by", by),
	        JOURNAL_TEXT("code", deferred->code),
	        JOURNAL_TEXT("text", deferred->text),
	        JOURNAL_TEXT("reason",
	            m->operation == NULL ? "" : m->operation->reason)));
}

/*
 * A step failed: the message is what it was, under its old name, which is known
 * to be on disk. With two names it would be two messages, or an envelope whose
 * content goes its own way. Only names that this round made go: another file
 * that had the content's name stays. A crash before this leaves both, and the
 * next start finishes the move.
 */
static void
unmake(struct run *run, const struct move *move)
{
	const struct message *m = move->m;
	struct fault f;

	if (store_unlink(&run->store, &m->envelope.qid, m->to, &f) != OK ||
	    (move->linked &&
	        store_unlink(&run->store, &m->envelope.qid,
	            store_content_place(&m->envelope.qid), &f) != OK) ||
	    (!run->store.disk.names_in_order &&
	        store_sync(&run->store, m->to, &f) != OK))
		run_alarm(run, m, &f);
	else
		store_remove_part(&run->store, m->to);
}

/* It stays as it lies, and waits in memory; or it is not there any more. */
static void
move_failed(struct run *run, const struct move *move)
{
	struct message *m = move->m;

	if (move->makes)
		m->envelope.shape = ENVELOPE_ONE;
	run_alarm(run, m, &move->fault);
	/* Who takes it up next shall read the disk. */
	if (store_is_io_error(&move->fault))
		store_trouble_set(
		    &run->store, run->journal.program, move->fault.text);
	if (move->doubled)
		unmake(run, move);
	if (move->goes_on && m->attempts > 0) {
		m->step = STEP_ATTEMPTS; /* saved when the next has ended */
	} else if (move->goes_on && !run->draining) {
		message_go(run, m, STEP_REPORT);
	} else if (move->fault.error == ENOENT &&
	    !store_has(&run->store, &m->envelope.qid, m->place)) {
		/* Another was faster. */
		listing_want_in(run);
		message_finish(run, m, &move->fault);
	} else {
		message_stays(run, m, &move->fault);
	}
}

static void
move_done(struct run *run, const struct move *move)
{
	struct message *m = move->m;

	if (move->goes_on) {
		history_is_saved(m);
		message_go(run, m, STEP_REPORT);
		return;
	}
	journal_moved(run, m);
	if (move->moves)
		store_remove_part(&run->store, m->place);
	if (m->to.state == STORE_RETRY1)
		listing_due(run, m->to.part_ms);
	if (m->to.state != STORE_IN || run->requests_only) {
		message_finish(run, m, &move->fault);
		return;
	}
	m->place = m->to;
	m->told = m->fetched = false;
	operate_end(m, &move->fault);
	message_go(run, m, STEP_LOAD);
}

void
save_work(struct run *run)
{
	struct list *list = &run->step[STEP_SAVE];
	size_t n = list->n < ROUND_MOST ? list->n : ROUND_MOST;
	struct move *moves = mem_new(n, sizeof(*moves));

	for (size_t i = 0; i < n; i++)
		moves[i] = move_of(run, list_take(list));
	each(run, moves, n, step_write);
	each(run, moves, n, step_start_disk);
	each(run, moves, n, step_sync);
	each(run, moves, n, step_name);
	sync_dirs(run, moves, n, SYNC_TO);
	each(run, moves, n, step_content);
	sync_dirs(run, moves, n, SYNC_SHARD);
	each(run, moves, n, step_unlink);
	sync_dirs(run, moves, n, SYNC_FROM);
	for (size_t i = 0; i < n; i++) {
		run_takes(run, moves[i].m);
		store_abandon(&run->store, &moves[i].file);
		if (moves[i].fault.outcome == OK)
			move_done(run, &moves[i]);
		else
			move_failed(run, &moves[i]);
	}
	free(moves);
}
