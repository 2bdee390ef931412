/* SPDX-License-Identifier: ISC */
/*
 * rest.c, STEP_REST: all that was asked about a message is answered. It is
 * removed from the queue, deferred, or does what an operator wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "history.h"
#include "operate.h"
#include "steps.h"

#define MINUTE_MS 60000UL

/* Recipients that shared another's copy share its end. */
static void
share_ends(struct run *run, struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct status *first;

		if (m->status[i].state != STATUS_SHARED)
			continue;
		first = &m->status[m->status[i].same];
		m->status[i].state = first->state;
		m->status[i].how = first->how;
		m->status[i].text = first->text;
		memcpy(m->status[i].code, first->code, sizeof(first->code));
		if (first->state == STATUS_DELIVERED) {
			struct record_out out =
			    run_entry_recipient(run, CODE_DELIVERED_RCPT, m, i);

			record_put_num(out, "same",
			    m->envelope.recipient[m->status[i].same].n);
			journal_end(&run->journal, out);
		}
	}
}

/* Is it still where we took it from? Another listing, or an operator, may have
   been faster than a notice. */
static bool
is_gone(struct run *run, const struct message *m)
{
	return !store_has(&run->store, &m->envelope.qid, m->place) &&
	    errno == ENOENT;
}

static void
journal_failed(struct run *run, struct message *m, size_t i)
{
	struct status *status = &m->status[i];
	struct record_out out;

	if (status->state != STATUS_FAILED || status->journaled)
		return;
	status->journaled = true;
	out = run_entry_recipient(run, CODE_UNDELIVERABLE, m, i);
	record_puts(out, "code", status->code);
	record_puts(out, "text", message_text(m, status->text));
	record_puts(out, "notice",
	    status->notice == 0 ? "none" : message_text(m, status->notice));
	journal_end(&run->journal, out);
}

/* ---- Deferral. ---- */

struct store_place
retry_place(const struct settings *settings, uint64_t now_ms, uint32_t tries)
{
	uint64_t delay = settings->queue.retry_min_ms;

	while (tries-- > 0 && delay < settings->queue.retry_max_ms)
		delay *= 2;
	if (delay > settings->queue.retry_max_ms)
		delay = settings->queue.retry_max_ms;
	now_ms += delay; /* a minute at least: not in this minute any more */
	return (
	    struct store_place){ STORE_RETRY1, now_ms - now_ms % MINUTE_MS };
}

static bool
is_old(const struct message *m, uint64_t now, uint64_t age_ms)
{
	return age_ms > 0 && now >= m->envelope.time_ms &&
	    now - m->envelope.time_ms >= age_ms;
}

/* Those who are still deferred after queue.lifetime fail. False: none. */
static bool
fail_expired(struct run *run, struct message *m, uint64_t now)
{
	bool failed = false;

	if (!is_old(m, now, run->settings->queue.lifetime_ms))
		return false;
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct fault f;

		if (m->status[i].state != STATUS_DEFERRED)
			continue;
		(void)fault_set(&f, PERM, "5.4.7", 0,
		    "delivery time expired; last: %s",
		    message_text(m, m->status[i].text));
		status_end(m, i, STATUS_FAILED, &f);
		failed = true;
	}
	return failed;
}

/* The sender is told once that it is delayed. False: nothing to tell. */
static bool
warn_of_delay(struct run *run, struct message *m, uint64_t now)
{
	bool warns = false;

	if (!is_old(m, now, run->settings->queue.delay_warning_ms))
		return false;
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		const struct recipient *r = &m->envelope.recipient[i];
		struct status *status = &m->status[i];

		if (status->state != STATUS_DEFERRED || status->reported ||
		    r->warned || !report_is_wanted(&m->envelope, r, "DELAY"))
			continue;
		warns = status->delayed = true;
	}
	return warns;
}

/* Each recipient is tried again by its own tries. */
static void
set_next_tries(struct run *run, struct message *m, uint64_t now)
{
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		struct status *status = &m->status[i];

		if (status->state == STATUS_DEFERRED && !status->saved &&
		    !status->postponed)
			status->next_ms = retry_place(
			    run->settings, now, m->envelope.recipient[i].tries)
			                      .part_ms;
	}
}

/* The place of the first of these tries. */
static struct store_place
first_try(const struct message *m)
{
	struct store_place place = { STORE_RETRY1, UINT64_MAX };

	for (size_t i = 0; i < m->envelope.recipients; i++)
		if ((m->status[i].state == STATUS_DEFERRED ||
		        m->status[i].state == STATUS_NOT_DUE) &&
		    m->status[i].next_ms < place.part_ms)
			place.part_ms = m->status[i].next_ms;
	place.part_ms -= place.part_ms % MINUTE_MS;
	return place;
}

/* A mailbox that cannot be delivered to asks for an operator. What a next hop
   defers does not: it is in the journal, as the move to retry1. */
static void
tell_deferral(struct run *run, const struct message *m, const char *why)
{
	bool local = m->to.state == STORE_HOLD;

	for (size_t i = 0; i < m->envelope.recipients; i++)
		local |= m->status[i].state == STATUS_DEFERRED &&
		    m->status[i].transport == NULL;
	if (local)
		journal_alarm(&run->journal, &m->envelope.qid, "%s: %s",
		    m->to.state == STORE_HOLD ? "held" : "deferred", why);
}

/* Deferred: until when, or to hold when stages die on it. */
static void
defer(struct run *run, struct message *m, uint64_t now)
{
	uint32_t deaths = 0;
	const char *why = "";

	if (fail_expired(run, m, now) || warn_of_delay(run, m, now)) {
		message_go(run, m, STEP_REPORT);
		return;
	}
	set_next_tries(run, m, now);
	for (size_t i = 0; i < m->envelope.recipients; i++) {
		if (m->status[i].state != STATUS_DEFERRED)
			continue;
		why = message_text(m, m->status[i].text);
		if (m->status[i].died &&
		    m->envelope.recipient[i].deaths + 1 > deaths)
			deaths = m->envelope.recipient[i].deaths + 1;
	}
	history_put(run, m);
	m->to = first_try(m);
	if (deaths >= run->settings->queue.poison_deaths) {
		m->to = (struct store_place){ STORE_HOLD, 0 };
		history_put_held(m, "queue-run", why);
	}
	tell_deferral(run, m, why);
	message_go(run, m, STEP_SAVE);
}

/*
 * Attempts are under way. What has ended by now is saved, so that a crash
 * repeats none of it: where it lies, for a message of several recipients has an
 * envelope file. It goes on when the next attempt has ended.
 */
static void
wait_for_attempts(struct run *run, struct message *m, uint64_t now)
{
	bool due = false;

	for (size_t i = 0; i < m->envelope.recipients; i++)
		due |= history_is_due(&m->status[i]);
	if (!due) {
		message_parks(m);
		return;
	}
	set_next_tries(run, m, now);
	history_put(run, m);
	m->to = m->place;
	m->goes_on = true;
	message_go(run, m, STEP_SAVE);
}

/* ---- What an operator wants. ---- */

static void
save_to(struct run *run, struct message *m, struct store_place to)
{
	m->to = to;
	message_go(run, m, STEP_SAVE);
}

/* As after any failure that lasts: its sender is told, and it goes. */
static void
expire(struct run *run, struct message *m)
{
	struct operation *op = m->operation;
	struct fault f;

	op->begun = true;
	fault_set(&f, PERM, "5.4.7", 0, "given up by the operator%s%s",
	    op->reason[0] == '\0' ? "" : ": ", op->reason);
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_OPEN ||
		    m->status[i].state == STATUS_NOT_DUE ||
		    m->status[i].state == STATUS_DEFERRED)
			status_end(m, i, STATUS_FAILED, &f);
	message_go(run, m, STEP_REPORT);
}

/*
 * What was fetched for an operator alone was not checked: it leaves the window,
 * and a listing finds it. False: it is under way, and goes on.
 */
static bool
leaves_again(struct run *run, struct message *m)
{
	if (!m->fetched)
		return false;
	if (m->place.state == STORE_IN)
		listing_want_in(run);
	else if (m->place.state == STORE_RETRY1)
		listing_due(run, m->place.part_ms);
	window_drop(&run->window, m);
	return true;
}

/* False: it goes on as without an operator. */
static bool
do_decided(struct run *run, struct message *m, enum decision decision,
    uint64_t now, const struct fault *answer)
{
	switch (decision) {
	case DECIDE_HOLD:
		history_put(run, m);
		history_put_held(m, "operator", m->operation->reason);
		save_to(run, m, (struct store_place){ STORE_HOLD, 0 });
		return true;
	case DECIDE_RELEASE:
		buf_reset(&m->lines);
		history_put_released(m, "operator", m->operation->reason);
		save_to(run, m, STORE_PLACE_IN);
		return true;
	case DECIDE_DELETE:
		message_go(run, m, STEP_GO);
		return true;
	case DECIDE_DUE_NOW:
		buf_reset(&m->lines);
		save_to(run, m,
		    (struct store_place){
		        STORE_RETRY1, now - now % MINUTE_MS });
		return true;
	case DECIDE_ANSWER:
		operate_end(m, answer);
		return leaves_again(run, m);
	case DECIDE_EXPIRE:
	case DECIDE_GO_ON:
		break;
	}
	return false;
}

/* ---- The step. ---- */

/* It is not where it was taken from: another listing, or an operator who held
   it before queue-add told of it, was faster. */
static void
is_elsewhere(struct run *run, struct message *m)
{
	if (m->operation != NULL)
		operate_again(run, m->operation);
	m->operation = NULL;
	window_drop(&run->window, m);
}

static void
rest(struct run *run, struct message *m)
{
	enum decision decision = DECIDE_GO_ON;
	bool waits, open, gone;
	uint64_t now = clock_wall_ms();
	struct fault answer;

	share_ends(run, m);
	for (size_t i = 0; i < m->envelope.recipients; i++)
		journal_failed(run, m, i);
	if (m->attempts > 0) {
		wait_for_attempts(run, m, now);
		return;
	}
	open = message_has(m, STATUS_OPEN);
	waits =
	    message_has(m, STATUS_DEFERRED) || message_has(m, STATUS_NOT_DUE);
	gone = (waits || open) && is_gone(run, m);
	if (!gone)
		decision = operate_decide(m, waits || open, now, &answer);
	if (gone)
		is_elsewhere(run, m);
	else if (decision == DECIDE_EXPIRE)
		expire(run, m);
	else if (do_decided(run, m, decision, now, &answer))
		return;
	else if (open) /* an operator let it be */
		message_go(run, m, STEP_RESOLVE);
	else if (waits)
		defer(run, m, now);
	else
		message_go(run, m, STEP_GO);
}

void
rest_work(struct run *run)
{
	struct message *m;

	while ((m = list_take(&run->step[STEP_REST])) != NULL) {
		run_takes(run, m);
		rest(run, m);
	}
}
