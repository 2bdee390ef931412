/* SPDX-License-Identifier: ISC */
/*
 * settle.c: what was delivered is synced in batches, and only then the queue
 * lets go. The orders here are those of the model (deliver.pml): mailboxes
 * synced, then the queue's name; of two files the envelope, its directory
 * synced, then the content.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"

/* From so many mailboxes on, one sync of all is cheaper: measured. Where one
   journal carries all, a sync of all is as dear as that of one. */
#define SETTLE_ALL         16
#define SETTLE_ALL_JOURNAL 2

/* ---- The batch. ---- */

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The mailboxes that the batch touched, each once, into run->batch_paths. */
static enum outcome
collect_paths(
    struct run *run, size_t deliveries, size_t *paths, struct fault *f)
{
	const char **all = malloc((deliveries + 1) * sizeof(*all));
	size_t n = 0;

	*paths = 0;
	if (all == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	for (struct message *m = run->batch.first; m != NULL; m = m->next)
		for (size_t i = 0; i < m->envelope.recipients; i++)
			if (m->way[i].state == WAY_DELIVERED && n < deliveries)
				all[n++] = message_text(m, m->way[i].path);
	qsort(all, n, sizeof(*all), compare_text);
	buf_reset(&run->batch_paths);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(all[i], all[i - 1]) == 0)
			continue;
		buf_add(&run->batch_paths,
		    (struct span){ all[i], strlen(all[i]) + 1 });
		(*paths)++;
	}
	free(all);
	if (buf_failed(&run->batch_paths))
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	return OK;
}

/*
 * A sync failed: nothing of the batch goes. The kernel tells an error once, so
 * no second sync of these names would prove anything; they are tried again
 * from the start, and what is found then waits until somebody has looked
 * (attempt.c, is_doubtful()).
 */
static void
not_synced(struct run *run, const struct fault *f)
{
	run->batch_failed = true;
	run->batch_fault = *f;
	run->batch_fault.outcome = TEMP;
}

/*
 * Nor does anything go that was linked before that sync: it was to write that
 * too. Answers come in order, so that is what is delivered by now; and what is
 * linked after it is new to the disk.
 */
static void
distrust(struct run *run, const struct fault *f)
{
	struct fault why = *f;

	why.outcome = TEMP;
	for (size_t k = 0; k < run->hash_size; k++)
		for (struct message *m = run->hash[k]; m; m = m->next_hash)
			for (size_t i = 0;
			     m->way != NULL && i < m->envelope.recipients; i++)
				if (m->way[i].state == WAY_DELIVERED)
					way_end(m, i, WAY_DEFERRED, &why);
}

static void
ask_syncs(struct run *run, size_t paths)
{
	struct ask ask = { .kind = ASK_SYNC };
	size_t all = run->store.disk.fsync_carries_all && !run->mail_is_far
	    ? SETTLE_ALL_JOURNAL
	    : SETTLE_ALL;
	size_t asks = paths < all ? paths : 1;
	struct fault f;

	if (paths >= all)
		buf_reset(&run->batch_paths); /* empty: all of them */
	for (size_t i = 0; i < asks; i++) {
		ask.i = (uint32_t)i;
		if (stage_ask(&run->stage[STAGE_DELIVER], ask)) {
			run->batch_open++;
		} else {
			fault_set(&f, TEMP, "4.3.0", 0, "no memory");
			not_synced(run, &f);
		}
	}
}

static void
batch_end(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->batch)) != NULL) {
		run_takes(run, m);
		for (size_t i = 0; i < m->envelope.recipients; i++) {
			if (m->way[i].state != WAY_DELIVERED)
				continue;
			if (run->batch_failed)
				way_end(m, i, WAY_DEFERRED, &run->batch_fault);
			else
				way_end(m, i, WAY_DONE, NULL);
		}
		message_go(run, m, STEP_REPORT);
	}
	run->batch_failed = false;
}

/* How many deliveries wait; run only when something was added. */
static size_t
count_deliveries(const struct list *list)
{
	size_t n = 0;

	for (const struct message *m = list->first; m != NULL; m = m->next)
		for (size_t i = 0; i < m->envelope.recipients; i++)
			n += m->way[i].state == WAY_DELIVERED;
	return n;
}

void
settle_batch(struct run *run)
{
	struct list *list = &run->step[STEP_SETTLE];
	uint64_t now = clock_mono_ms();
	size_t paths, deliveries;
	struct fault f;

	if (run->settle_ms == 0)
		run->settle_ms = now;
	if (run->batch.n > 0) /* one batch at a time; the next one grows */
		return;
	if (!run->draining && list->n < run->settings->queue.let_go_max &&
	    now - run->settle_ms < run->settings->queue.let_go_ms &&
	    count_deliveries(list) < run->settings->queue.let_go_max)
		return;
	run->settle_ms = 0;
	run->batch = *list;
	if (run->batch.n == 0)
		run->batch.last = &run->batch.first;
	list_begin(list);
	deliveries = count_deliveries(&run->batch);
	if (collect_paths(run, deliveries, &paths, &f) == OK)
		ask_syncs(run, paths);
	else
		not_synced(run, &f);
	if (run->batch_open == 0)
		batch_end(run);
}

uint64_t
settle_next_ms(const struct run *run)
{
	uint64_t let_go_ms = run->draining ? 0 : run->settings->queue.let_go_ms;
	uint64_t at = 0;

	if (run->settle_ms != 0 && run->batch.n == 0)
		at = run->settle_ms + let_go_ms;
	if (run->content_ms != 0 &&
	    (at == 0 || run->content_ms + let_go_ms < at))
		at = run->content_ms + let_go_ms;
	return at;
}

static void
sync_request(
    const struct run *run, const struct ask *ask, struct deliver_req *req)
{
	const char *p = run->batch_paths.p;

	*req = (struct deliver_req){ .word = DELIVER_SYNC_ALL };
	if (run->batch_paths.len == 0)
		return;
	req->word = DELIVER_SYNC;
	for (uint32_t i = 0; i < ask->i; i++)
		p += strlen(p) + 1;
	(void)span_copy(span_of(p), req->path, sizeof(req->path));
}

enum outcome
settle_put_sync(
    struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	struct deliver_req req;

	sync_request(run, ask, &req);
	return wire_deliver_put_req(out, &req, f);
}

void
settle_unanswered(struct run *run, const struct fault *f)
{
	not_synced(run, f);
	if (--run->batch_open == 0)
		batch_end(run);
}

void
settle_answer(struct run *run, const struct ask *ask, struct span line)
{
	struct deliver_req req;
	enum deliver_how how;
	enum outcome got;
	struct fault f;

	sync_request(run, ask, &req);
	got = wire_deliver_get_ans(line, &req, &how, &f);
	/* The deliver-mailbox that was asked first may have been told of the
	   failure, and have died before it told us: it left the trouble. */
	if (got == OK && ask->again && store_is_trouble(&run->store))
		got = fault_set(&f, TEMP, "4.3.0", 0,
		    "deliver-mailbox ended in it, and there is trouble");
	if (got != OK) {
		run_alarm(run, NULL, "sync of mailboxes: %s", f.text);
		if (!fault_is(&f, FAULT_NO_MAILBOX)) {
			store_trouble_set(&run->store, "queue-run", f.text);
			distrust(run, &f);
		}
		not_synced(run, &f);
	}
	if (--run->batch_open == 0)
		batch_end(run);
}

/* ---- At rest: what now? ---- */

/* Recipients that shared another's copy share its end. */
static void
end_same(struct run *run, struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct way *first;

		if (m->way[i].state != WAY_SAME)
			continue;
		first = &m->way[m->way[i].same];
		m->way[i].state = first->state;
		m->way[i].how = first->how;
		m->way[i].text = first->text;
		memcpy(m->way[i].code, first->code, sizeof(first->code));
		if (first->state == WAY_DONE) {
			struct record_out out =
			    run_entry_recipient(run, CODE_DELIVERED_RCPT, m, i);

			record_put_num(out, "same",
			    m->envelope.recipient[m->way[i].same].n);
			journal_end(&run->journal, out);
		}
	}
}

/* Is it still where we took it from? Another listing, or an operator, may have
   been faster than a notice. */
static bool
is_gone(struct run *run, const struct message *m)
{
	char name[STORE_NAME_MAX];

	store_envelope_name(m->place, &m->envelope.qid, name);
	return faccessat(run->store.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	    errno == ENOENT;
}

static void
put_event(struct run *run, struct message *m, size_t i, bool done)
{
	const struct way *way = &m->way[i];
	struct envelope_event event = {
		.n = m->envelope.recipient[i].n,
		.time_ms = clock_wall_ms(),
		.outcome = way->state == WAY_DONE ? OK
		    : way->state == WAY_FAILED    ? PERM
		                                  : TEMP,
		.died = way->died,
		.code = span_of(way->state == WAY_DONE ? "2.1.5" : way->code),
		.text = span_of(message_text(m, way->text)),
	};
	struct fault f;
	enum outcome outcome;

	if (way->state == WAY_DONE) {
		event.how =
		    span_of(deliver_how_word((enum deliver_how)way->how));
		event.path = span_of(message_text(m, way->path));
	}
	event.notice = span_of(message_text(m, way->notice));
	outcome = done
	    ? envelope_put_done(&m->lines, &m->envelope.qid, &event, &f)
	    : envelope_put_try(&m->lines, &m->envelope.qid, &event, &f);
	if (outcome == OK)
		return;
	m->lines_lost = true;
	run_alarm(run, &m->envelope.qid, "%s", f.text);
}

void
settle_put_lines(struct run *run, struct message *m)
{
	buf_reset(&m->lines);
	m->lines_lost = false;
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		enum way_state state = m->way[i].state;

		if (state == WAY_DONE || state == WAY_FAILED)
			put_event(run, m, i, true);
		else if (state == WAY_DEFERRED)
			put_event(run, m, i, false);
	}
}

static void
journal_failed(struct run *run, const struct message *m, size_t i)
{
	struct record_out out =
	    run_entry_recipient(run, CODE_UNDELIVERABLE, m, i);

	record_puts(out, "code", m->way[i].code);
	record_puts(out, "text", message_text(m, m->way[i].text));
	record_puts(out, "notice",
	    m->way[i].notice == 0 ? "none" : message_text(m, m->way[i].notice));
	journal_end(&run->journal, out);
}

/* Put off: until when, or to hold when stages die on it. */
static void
put_off(struct run *run, struct message *m)
{
	uint32_t tries = 0, deaths = 0;
	const char *why = "";

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct recipient *r = &m->envelope.recipient[i];

		if (m->way[i].state != WAY_DEFERRED)
			continue;
		why = message_text(m, m->way[i].text);
		if (r->tries > tries)
			tries = r->tries;
		if (m->way[i].died && r->deaths + 1 > deaths)
			deaths = r->deaths + 1;
	}
	settle_put_lines(run, m);
	m->to = schedule_retry(run->settings, clock_wall_ms(), tries);
	if (deaths >= run->settings->queue.poison_deaths) {
		m->to = (struct store_place){ STORE_HOLD, 0 };
		operate_put_held(m, "queue-run", why);
	}
	run_alarm(run, &m->envelope.qid, "%s: %s",
	    m->to.state == STORE_HOLD ? "held" : "put off", why);
	message_go(run, m, STEP_MEMORY);
}

static void
rest(struct run *run, struct message *m)
{
	bool deferred = false, open = false, gone;

	end_same(run, m);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		deferred |= m->way[i].state == WAY_DEFERRED;
		open |= m->way[i].state == WAY_OPEN;
	}
	gone = (deferred || open) && is_gone(run, m);
	if (!gone && m->operation != NULL &&
	    operate_expire(run, m, deferred || open))
		return;
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->way[i].state == WAY_FAILED)
			journal_failed(run, m, i);
	if (gone) {
		struct operation *op = m->operation;

		m->operation = NULL;
		window_drop(run, m);
		/* Gone from there: held before its notice came, say. */
		if (op != NULL)
			operate_begin(run, op);
		return;
	}
	if (m->operation != NULL && operate_at_rest(run, m, deferred || open))
		return;
	if (deferred)
		put_off(run, m);
	else if (open) /* an operation let it be */
		message_go(run, m, STEP_RESOLVE);
	else
		message_go(run, m, STEP_GO);
}

void
settle_rest(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->step[STEP_REST])) != NULL) {
		run_takes(run, m);
		rest(run, m);
	}
}

/* ---- Letting go. ---- */

/* A report was entered: before the queue lets go, the envelope says so. */
static void
remember_report(struct run *run, struct message *m)
{
	struct store_file file;
	bool reported = false;
	struct fault f;

	if (m->envelope.shape == ENVELOPE_ONE)
		return;
	for (size_t i = 0; i < m->envelope.recipients; i++)
		reported |= m->way[i].notice != 0;
	if (!reported)
		return;
	settle_put_lines(run, m);
	if (store_append(&run->store, &m->envelope.qid, m->place,
	        buf_span(&m->lines), &file, &f) != OK ||
	    store_sync_file(file.fd, &f) != OK)
		run_alarm(run, &m->envelope.qid, "%s", f.text);
	store_file_close(&file);
}

static void
journal_let_go(struct run *run, const struct message *m)
{
	journal_end(
	    &run->journal, run_entry(run, CODE_LET_GO, &m->envelope.qid));
}

/* Nobody is told. */
static bool
is_deletion(const struct message *m)
{
	return m->operation != NULL && m->operation->word == OPERATION_DELETE;
}

void
settle_go(struct run *run)
{
	struct message *m;
	struct fault f;

	while ((m = list_take(&run->step[STEP_GO])) != NULL) {
		run_takes(run, m);
		if (!is_deletion(m))
			remember_report(run, m);
		if (store_unlink_state(
		        &run->store, &m->envelope.qid, m->place, &f) != OK) {
			/* It stays, and is found by the next listing. */
			run_alarm(run, &m->envelope.qid, "%s", f.text);
			operate_end(m, &f);
			window_drop(run, m);
			continue;
		}
		if (is_deletion(m))
			operate_deleted(run, m);
		else
			journal_let_go(run, m);
		if (m->envelope.shape == ENVELOPE_APART ||
		    m->operation != NULL || m->place.state != STORE_IN)
			message_go(run, m, STEP_CONTENT);
		else
			window_drop(run, m);
	}
	if (run->step[STEP_CONTENT].n > 0 && run->content_ms == 0)
		run->content_ms = clock_mono_ms();
}

/* Is this place the same directory as that of a message before it? */
static bool
is_synced(const struct list *list, const struct message *m)
{
	for (const struct message *x = list->first; x != m; x = x->next)
		if (x->place.state == m->place.state &&
		    x->place.minute_ms == m->place.minute_ms)
			return true;
	return false;
}

static bool
has_operation(const struct list *list)
{
	for (const struct message *m = list->first; m != NULL; m = m->next)
		if (m->operation != NULL)
			return true;
	return false;
}

/* Each directory that a name left, once. */
static enum outcome
sync_left(struct run *run, const struct list *list, struct fault *f)
{
	for (const struct message *m = list->first; m != NULL; m = m->next)
		if (!is_synced(list, m) &&
		    store_sync_state_dir(&run->store, m->place, f) != OK)
			return f->outcome;
	return OK;
}

static void
remove_minutes(struct run *run, const struct list *list)
{
	char dir[STORE_DIR_MAX];

	for (const struct message *m = list->first; m != NULL; m = m->next) {
		if (!store_has_minutes(m->place.state) || is_synced(list, m))
			continue;
		store_dir_name(m->place, dir);
		store_remove_dir(&run->store, dir);
	}
}

void
settle_content(struct run *run)
{
	struct list *list = &run->step[STEP_CONTENT];
	struct message *m;
	struct fault f = FAULT_NONE;

	if (!run->draining && list->n < run->settings->queue.let_go_max &&
	    !has_operation(list) &&
	    clock_mono_ms() - run->content_ms < run->settings->queue.let_go_ms)
		return;
	run->content_ms = 0;
	if (sync_left(run, list, &f) != OK) {
		/* The content stays, for tidying. Model row 13. */
		run_trouble(run, &f);
	}
	remove_minutes(run, list);
	while ((m = list_take(list)) != NULL) {
		struct fault why = f;

		run_takes(run, m);
		if (f.outcome == OK && m->envelope.shape == ENVELOPE_APART &&
		    store_unlink_content(&run->store, &m->envelope.qid, &why) !=
		        OK)
			run_alarm(run, &m->envelope.qid, "%s", why.text);
		operate_end(m, &f);
		window_drop(run, m);
	}
}
