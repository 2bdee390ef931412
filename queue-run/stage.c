/* SPDX-License-Identifier: ISC */
/*
 * stage.c: questions to a line service that are asked without waiting and
 * answered in order. A stage that dies is opened again, and what it left
 * unanswered is asked once more, one by one, so that the message it dies on
 * gets a name.
 */
#include "stage.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "mem.h"
#include "run.h"

/* Ours: a supervisor starts a dead service again within this time, mostly. */
#define STAGE_PAUSE_MIN_MS 100
#define STAGE_PAUSE_MAX_MS 5000

void
stage_begin(struct stage *stage, const char *name, size_t most)
{
	*stage = (struct stage){ .most = most, .pause_ms = STAGE_PAUSE_MIN_MS };
	TAILQ_INIT(&stage->asks);
	service_begin(&stage->service, name, SERVICE_TIMEOUT_MS);
}

void
stage_ask(struct stage *stage, struct message *m,
    const struct question *question, size_t i)
{
	struct ask *ask = mem_new(1, sizeof(*ask));

	*ask = (struct ask){ .m = m, .question = question, .i = (uint32_t)i };
	TAILQ_INSERT_TAIL(&stage->asks, ask, link);
	stage->n++;
	if (stage->unsent == NULL)
		stage->unsent = ask;
	if (m != NULL)
		m->open++;
}

void
stage_defer(
    struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	(void)run;
	status_end(ask->m, ask->i, STATUS_DEFERRED, f);
	ask->m->status[ask->i].died = died;
}

static void
ask_leaves(struct stage *stage, struct ask *ask)
{
	if (ask == stage->unsent)
		stage->unsent = TAILQ_NEXT(ask, link);
	TAILQ_REMOVE(&stage->asks, ask, link);
	free(ask);
	stage->n--;
}

void
stage_cancel(struct stage *stage, const struct message *m)
{
	struct ask *next;

	for (struct ask *ask = stage->unsent; ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, link);
		if (ask->m == NULL || (m != NULL && ask->m != m))
			continue;
		ask->m->open--;
		ask_leaves(stage, ask);
	}
}

static struct ask
take_first(struct stage *stage)
{
	struct ask *first = TAILQ_FIRST(&stage->asks), ask = *first;

	ask_leaves(stage, first);
	if (stage->sent > 0)
		stage->sent--;
	if (stage->suspects > 0)
		stage->suspects--;
	return ask;
}

/* The end of an ask: its message goes on when nothing else is open. */
static void
ask_ends(struct run *run, const struct ask *ask)
{
	if (ask->m != NULL && --ask->m->open == 0)
		list_add(&run->answered, ask->m);
}

/* The first one ends without an answer. */
static void
first_fails(
    struct run *run, struct stage *stage, bool died, const struct fault *why)
{
	struct ask ask = take_first(stage);

	run_alarm(run, ask.m, why);
	ask.question->failed(run, &ask, died, why);
	ask_ends(run, &ask);
}

/*
 * The stage is gone. What it left is asked again, one by one: it may only have
 * been replaced. If the only outstanding request is a retry, its message is
 * counted as the cause. A stage that kept silent may hang for reasons of its
 * own: what it was asked alone is deferred, and no message is blamed.
 */
static void
stage_died(struct run *run, struct stage *stage, const struct fault *f)
{
	size_t sent = stage->sent;
	bool silent = f->error == ETIMEDOUT;
	struct ask *ask = TAILQ_FIRST(&stage->asks);
	bool ends = sent == 1 && ask->m != NULL && (ask->again || silent);
	struct fault why;

	service_close(&stage->service);
	for (; ask != stage->unsent; ask = TAILQ_NEXT(ask, link))
		ask->again = true;
	stage->unsent = TAILQ_FIRST(&stage->asks);
	stage->sent = 0;
	stage->suspects = sent > stage->suspects ? sent : stage->suspects;
	/* One that was idle has only been replaced: no reason to wait. */
	stage->open_ms = sent > 0 ? clock_mono_ms() + stage->pause_ms : 0;
	if (sent > 0)
		journal_alarm(&run->journal, NULL, "%s: %s; %zu unanswered",
		    stage->service.name, f->text, sent);
	if (ends) {
		fault_set(&why, TEMP, "4.3.0", 0,
		    silent ? "%s did not answer" : "%s died on it",
		    stage->service.name);
		first_fails(run, stage, !silent, &why);
	}
}

static void
stage_open(struct run *run, struct stage *stage)
{
	struct fault f;

	if (stage->service.fd != -1 || clock_mono_ms() < stage->open_ms)
		return;
	if (service_open(&stage->service, &f) == OK) {
		stage->answered_ms = clock_mono_ms();
		return;
	}
	/* Said once, not at each try. */
	if (stage->pause_ms == STAGE_PAUSE_MIN_MS)
		run_alarm(run, NULL, &f);
	stage->open_ms = clock_mono_ms() + stage->pause_ms;
	stage->pause_ms *= 2;
	if (stage->pause_ms > STAGE_PAUSE_MAX_MS)
		stage->pause_ms = STAGE_PAUSE_MAX_MS;
}

/* False: it answers what it was not asked, and so the next question, and each
   would be answered by the one before it. */
static bool
take_answers(struct run *run, struct stage *stage)
{
	struct span line;

	while (stage->sent > 0 && service_next(&stage->service, &line)) {
		struct ask ask = take_first(stage);
		bool in_step;

		stage->answered_ms = clock_mono_ms();
		stage->pause_ms = STAGE_PAUSE_MIN_MS;
		if (ask.m != NULL)
			run_takes(run, ask.m);
		in_step = ask.question->answer(run, &ask, line);
		ask_ends(run, &ask);
		if (!in_step)
			return false;
	}
	return stage->sent > 0 || stage->service.at == stage->service.in.len;
}

void
stage_read(struct run *run, struct stage *stage)
{
	struct fault f = FAULT_NONE;
	uint64_t due;

	if (stage->service.fd == -1)
		return;
	if (stage->service.readable)
		(void)!service_pull(&stage->service, &f);
	if (!take_answers(run, stage) && f.outcome == OK) {
		(void)fault_set(&f, TEMP, "4.3.0", 0,
		    "%s: an answer to no question", stage->service.name);
		run_alarm(run, NULL, &f);
	}
	due = stage_next_ms(stage);
	if (f.outcome == OK && stage->sent > 0 && due <= clock_mono_ms())
		(void)fault_set(&f, TEMP, "4.3.0", ETIMEDOUT, "%s: no answer",
		    stage->service.name);
	if (f.outcome != OK)
		stage_died(run, stage, &f);
}

/* Each question that may be sent now, into the service's buffer. */
static void
put_questions(struct run *run, struct stage *stage, size_t most)
{
	while (stage->unsent != NULL && stage->sent < most) {
		struct ask *ask = stage->unsent;
		struct fault f;

		if (ask->m != NULL)
			run_takes(run, ask->m);
		if (ask->question->put(run, ask, &stage->service.out, &f) ==
		    OK) {
			stage->sent++;
			stage->unsent = TAILQ_NEXT(ask, link);
		} else if (stage->sent == 0) {
			first_fails(run, stage, false, &f);
		} else { /* answers come in order: it must be the next one */
			break;
		}
	}
}

void
stage_write(struct run *run, struct stage *stage)
{
	size_t most = stage->suspects > 0 ? 1 : stage->most;
	struct fault f;

	if (stage->unsent != NULL && stage->sent < most)
		stage_open(run, stage);
	if (stage->n == 0 || stage->service.fd == -1)
		return;
	if (stage->sent == 0)
		stage->answered_ms = clock_mono_ms();
	put_questions(run, stage, most);
	if (service_push(&stage->service, &f) != OK)
		stage_died(run, stage, &f);
}

uint64_t
stage_next_ms(const struct stage *stage)
{
	uint64_t timeout_ms;

	if (stage->n == 0)
		return 0;
	if (stage->service.fd == -1)
		return stage->open_ms == 0 ? 1 : stage->open_ms;
	if (stage->sent == 0)
		return 0;
	timeout_ms = TAILQ_FIRST(&stage->asks)->question->timeout_ms;
	return stage->answered_ms +
	    (timeout_ms != 0 ? timeout_ms : stage->service.timeout_ms);
}
