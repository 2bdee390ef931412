/* SPDX-License-Identifier: ISC */
/*
 * rest.c, STEP_REST: all that was asked about a message is answered. It is
 * removed from the queue, deferred, or does what an operator wants.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "operate.h"
#include "steps.h"

/* Recipients that shared another's copy share its end. True: some failed, and
   no report is about them yet. */
static bool
share_ends(struct run *run, struct message *m)
{
	bool failed = false;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		size_t same = m->status[i].same;
		const struct status *first = &m->status[same];

		if (m->status[i].state != STATUS_SHARED)
			continue;
		m->status[i].state = first->state;
		m->status[i].how = first->how;
		m->status[i].text = first->text;
		m->status[i].host = first->host;
		m->status[i].reply = first->reply;
		m->status[i].parked = first->parked;
		memcpy(m->status[i].code, first->code, sizeof(first->code));
		failed |= first->state == STATUS_FAILED;
		if (first->state == STATUS_DELIVERED)
			run_tell(run, CODE_DELIVERED_RCPT, m,
			    JOURNAL_FIELDS(RUN_RECIPIENT(m, i),
			        JOURNAL_NUM(
			            "same", m->envelope.recipient[same].n)));
	}
	return failed;
}

static void
journal_failures(struct run *run, struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i];

		if (status->state != STATUS_FAILED || status->journaled)
			continue;
		status->journaled = true;
		run_tell(run, CODE_UNDELIVERABLE, m,
		    JOURNAL_FIELDS(RUN_RECIPIENT(m, i),
		        JOURNAL_TEXT("code", status->code),
		        JOURNAL_TEXT("text", status->text),
		        JOURNAL_TEXT("notice",
		            status->notice[0] == '\0' ? "none"
		                                      : status->notice)));
		/* A report, or what else has no sender: nobody hears of its end
		   but an operator. */
		if (path_is_null(&m->envelope.reverse_path))
			journal_alarm(&run->journal, &m->envelope.qid,
			    "undeliverable to %s, and there is no sender to "
			    "tell: %s",
			    m->envelope.recipient[i].forward_path.text,
			    status->text);
	}
}

static void
save_to(struct run *run, struct message *m, struct store_place to)
{
	m->to = to;
	message_go(run, m, STEP_SAVE);
}

/* ---- Deferral. ---- */

/* The first try comes a minute later at least: not in this minute any more. */
uint64_t
retry_ms(const struct queue_settings *set, uint64_t now_ms, uint32_t tries)
{
	uint64_t delay = set->retry_min_ms;

	while (tries-- > 0 && delay < set->retry_max_ms)
		delay *= 2;
	return now_ms + (delay < set->retry_max_ms ? delay : set->retry_max_ms);
}

static struct store_place
minute_of(uint64_t ms)
{
	return (struct store_place){ STORE_RETRY1, ms - ms % MINUTE_MS };
}

/* What was parked is as old as the time since it was tried again. */
static bool
is_old(const struct message *m, size_t i, uint64_t now, uint64_t age_ms)
{
	uint64_t since = m->envelope.recipient[i].since_ms;

	if (since == 0)
		since = m->envelope.time_ms;
	return age_ms > 0 && now >= since && now - since >= age_ms;
}

/* Our own lack of room returns no mail to its sender. */
static bool
lacks_room(const struct status *status)
{
	return status->transport == NULL &&
	    strcmp(status->code, FAULT_NO_SPACE) == 0;
}

/* Who is still deferred after queue.lifetime fails; the sender of who is so
   after queue.delay_warning is told once: not of a deferral that was saved
   without it. What could not be told is left to the next attempt. False: there
   is nothing to tell. */
static bool
is_overdue(struct run *run, struct message *m, uint64_t now)
{
	bool told = false;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct recipient *r = &m->envelope.recipient[i];
		struct status *status = &m->status[i];
		bool expires = is_old(m, i, now, run->set->lifetime_ms) &&
		    !lacks_room(status);
		struct fault f;

		if (status->state != STATUS_DEFERRED || status->reported ||
		    status->parked)
			continue;
		if (expires) {
			const char *host = status->host;

			(void)fault_set(&f, PERM, "5.4.7", 0,
			    "delivery time expired; last: %s", status->text);
			status_end(m, i, STATUS_FAILED, &f);
			status->host = host;
		} else if (is_old(m, i, now, run->set->delay_warning_ms) &&
		    !status->saved && !r->warned &&
		    report_is_wanted(&m->envelope, r, "DELAY")) {
			status->delayed = true;
		}
		told |= expires || status->delayed;
	}
	return told;
}

/* Each recipient is tried again by its own tries: when it is the first's turn. */
static uint64_t
next_try_ms(struct run *run, struct message *m, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i];

		if (status->parked) /* goes along with the others */
			continue;
		if (status->state == STATUS_DEFERRED && !status->saved &&
		    !status->postponed)
			status->next_ms = retry_ms(
			    run->set, now, m->envelope.recipient[i].tries);
		if ((status->state == STATUS_DEFERRED ||
		        status->state == STATUS_NOT_DUE) &&
		    status->next_ms < first)
			first = status->next_ms;
	}
	return first;
}

/* Are all who wait parked? */
static bool
is_parked(const struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_NOT_DUE ||
		    (m->status[i].state == STATUS_DEFERRED &&
		        !m->status[i].parked))
			return false;
	return true;
}

/*
 * Deferred: until when, or to hold when stages die on it. A mailbox that cannot
 * be delivered to asks for an operator. What a next hop defers does not: it is
 * in the journal, as the move to retry1.
 */
static void
defer(struct run *run, struct message *m, uint64_t now)
{
	uint32_t deaths = 0;
	uint64_t next;
	bool held, local = false;
	const char *why = "";

	if (is_overdue(run, m, now)) {
		message_go(run, m, STEP_REPORT);
		return;
	}
	if (is_parked(m)) {
		history_put(m);
		save_to(run, m, (struct store_place){ STORE_BUSY, 0 });
		return;
	}
	next = next_try_ms(run, m, now);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct status *status = &m->status[i];
		uint32_t died = m->envelope.recipient[i].deaths + 1;

		if (status->state != STATUS_DEFERRED || status->parked)
			continue;
		why = status->text;
		/* A full mailbox is its reader's affair. */
		local |= status->transport == NULL &&
		    strcmp(status->code, FAULT_FULL) != 0;
		if (status->died && died > deaths)
			deaths = died;
	}
	held = deaths >= run->set->poison_deaths;
	history_put(m);
	if (held)
		history_add(m, "held", "queue-run", why);
	if (held || local)
		journal_alarm(&run->journal, &m->envelope.qid, "%s: %s",
		    held ? "held" : "deferred", why);
	save_to(run, m,
	    held ? (struct store_place){ STORE_HOLD, 0 } : minute_of(next));
}

/*
 * Others have not ended. What has is saved, so that neither a crash nor a stop
 * repeats it: where it lies, for a message of several recipients has an
 * envelope file. False: there is nothing to save.
 */
static bool
save_ended(struct run *run, struct message *m, uint64_t now)
{
	(void)next_try_ms(run, m, now);
	history_put(m);
	if (m->lines.len == 0)
		return false;
	m->goes_on = true;
	save_to(run, m, m->place);
	return true;
}

/* It goes on when the next attempt has ended. */
static void
wait_for_attempts(struct run *run, struct message *m, uint64_t now)
{
	if (is_overdue(run, m, now))
		message_go(run, m, STEP_REPORT);
	else if (!save_ended(run, m, now))
		m->step = STEP_ATTEMPTS;
}

/* ---- What an operator wants. ---- */

/*
 * The answer. What was fetched for an operator alone was not checked: it leaves
 * the window, and a listing finds it. False: it is under way, and goes on.
 */
static bool
answer(struct run *run, struct message *m, enum outcome got, const char *text)
{
	struct operation *op = m->operation;

	m->operation = NULL;
	operate_answer(op, got, text);
	if (!m->fetched)
		return false;
	if (m->place.state == STORE_IN)
		listing_want_in(run);
	else if (m->place.state == STORE_RETRY1)
		listing_due(run, m->place.part_ms);
	else if (m->place.state == STORE_BUSY)
		listing_want_busy(run);
	window_drop(&run->window, m);
	return true;
}

static bool
hold(struct run *run, struct message *m)
{
	if (m->place.state == STORE_HOLD && m->operation->reason[0] == '\0')
		return answer(run, m, OK, "");
	history_put(m);
	history_add(m, "held", "operator", m->operation->reason);
	save_to(run, m, (struct store_place){ STORE_HOLD, 0 });
	return true;
}

/* Parked, it goes on though there is no room: an operator knows better. */
static bool
release(struct run *run, struct message *m)
{
	if (m->place.state != STORE_HOLD && m->place.state != STORE_BUSY)
		return answer(run, m, PERM, "it is not held");
	m->released = m->place.state == STORE_BUSY;
	buf_reset(&m->lines);
	history_add(m, "released", "operator", m->operation->reason);
	save_to(run, m, STORE_PLACE_IN);
	return true;
}

static bool delete (struct run *run, struct message *m)
{
	message_go(run, m, STEP_GO);
	return true;
}

/* Its directory becomes this minute's. */
static bool
flush(struct run *run, struct message *m)
{
	struct store_place now = minute_of(clock_wall_ms());

	if (m->place.state == STORE_HOLD)
		return answer(run, m, PERM, "it is held: release it first");
	if (m->place.state == STORE_IN ||
	    (m->place.state == STORE_RETRY1 && m->place.part_ms <= now.part_ms))
		return answer(run, m, OK, "");
	if (m->place.state == STORE_BUSY)
		return release(run, m);
	if (m->place.state != STORE_RETRY1)
		return answer(run, m, PERM, "it waits for no retry");
	buf_reset(&m->lines);
	save_to(run, m, now);
	return true;
}

/*
 * As after any failure that lasts: its sender is told, and it goes. Those who
 * wait fail once; when a report could not be entered they wait as before.
 */
static bool
expire(struct run *run, struct message *m)
{
	struct operation *op = m->operation;
	const char *why = "no report could be entered";
	struct fault f;

	fault_set(&f, PERM, "5.4.7", 0, "given up by the operator%s%s",
	    op->reason[0] == '\0' ? "" : ": ", op->reason);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		enum status_state state = m->status[i].state;

		if (op->begun && state == STATUS_DEFERRED)
			why = m->status[i].text;
		else if (!op->begun &&
		    (state == STATUS_OPEN || state == STATUS_NOT_DUE ||
		        state == STATUS_DEFERRED))
			status_end(m, i, STATUS_FAILED, &f);
	}
	if (op->begun)
		return answer(run, m, TEMP, why);
	op->begun = true;
	message_go(run, m, STEP_REPORT);
	return true;
}

/* False: it goes on as without an operator. */
static bool
obey(struct run *run, struct message *m, bool remaining)
{
	static bool (*const does[])(struct run *, struct message *) = {
		[OPERATION_HOLD] = hold,
		[OPERATION_RELEASE] = release,
		[OPERATION_DELETE] = delete,
		[OPERATION_FLUSH] = flush,
		[OPERATION_EXPIRE] = expire,
	};
	const struct operation *op = m->operation;

	if (op == NULL || (!remaining && op->begun))
		return false;
	if (!remaining && op->word != OPERATION_FLUSH)
		return answer(run, m, PERM, "it is settled already");
	return does[op->word](run, m);
}

/* ---- The step. ---- */

/* It is not where it was taken from: another listing, or an operator who held
   it before queue-add told of it, was faster. */
static bool
is_elsewhere(struct run *run, struct message *m)
{
	if (store_has(&run->store, &m->envelope.qid, m->place) ||
	    errno != ENOENT)
		return false;
	if (m->operation != NULL) {
		m->operation->next = run->again;
		run->again = m->operation;
	}
	window_drop(&run->window, m);
	return true;
}

void
rest_message(struct run *run, struct message *m)
{
	uint64_t now = clock_wall_ms();
	bool waits, open;

	if (share_ends(run, m)) {
		message_go(run, m, STEP_REPORT);
		return;
	}
	journal_failures(run, m);
	if (m->attempts > 0) {
		wait_for_attempts(run, m, now);
		return;
	}
	open = message_has(m, STATUS_OPEN);
	waits =
	    message_has(m, STATUS_DEFERRED) || message_has(m, STATUS_NOT_DUE);
	if (((waits || open) && is_elsewhere(run, m)) ||
	    obey(run, m, waits || open))
		return;
	if (open && run->draining && save_ended(run, m, now))
		return;
	if (open) /* an operator let it be, or a stop took questions back */
		message_go(run, m, STEP_RESOLVE);
	else if (waits)
		defer(run, m, now);
	else
		message_go(run, m, STEP_GO);
}
