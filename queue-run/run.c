/* SPDX-License-Identifier: ISC */
/*
 * run.c: the table of steps, the turn that works through it, and the service
 * on fd 0: notices of queue-add (`one ...`, `apart qid=`, `look`), which get
 * no answer, and operators' verbs, which get one each, with their qid, when
 * they are done.
 */
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "prog.h"

#define DRAIN_MS 5000 /* a stop waits so long for the last syncs. Ours */
#define PAUSE_MS 1000 /* until memory is asked for again. Ours */

/* The life of a message: what each step does for all that stand in it. */
static const struct {
	enum step step;
	bool begins; /* something new: not while we drain */
	void (*work)(struct run *);
} life[] = {
	{ STEP_WAIT, true, memory_wait }, /* due again: out of the window */
	{ STEP_LOAD, true, recover_load }, /* believed: RESOLVE, else aside */
	{ STEP_RESOLVE, true, attempt_resolve }, /* all answered: DELIVER */
	{ STEP_DELIVER, true, attempt_deliver }, /* SETTLE, or REPORT */
	{ STEP_SETTLE, false, settle_batch }, /* mailboxes synced: REPORT */
	{ STEP_REPORT, false, report_begin }, /* report entered: REST */
	{ STEP_REST, false, settle_rest }, /* GO, or MEMORY */
	{ STEP_MEMORY, false, memory_round }, /* out of the window, or WAIT */
	{ STEP_CONTENT, false, settle_content }, /* out of the window */
	{ STEP_GO, false, settle_go }, /* out of the window, or CONTENT */
};
_Static_assert(sizeof(life) / sizeof(life[0]) == STEPS, "one row a step");

/* The line services that a message is brought on by. */
static const struct {
	const char *service;
	bool one_by_one; /* else attempts_max of them at once */
} stages[STAGES] = {
	[STAGE_RESOLVE] = { "resolve", false },
	[STAGE_DELIVER] = { "deliver-mailbox", false },
	[STAGE_ADD] = { "queue-add", true },
};

void
list_begin(struct list *list)
{
	*list = (struct list){ .first = NULL, .last = &list->first };
}

static void
list_add(struct list *list, struct message *m)
{
	m->next = NULL;
	m->listed = true;
	*list->last = m;
	list->last = &m->next;
	list->n++;
}

struct message *
list_take(struct list *list)
{
	struct message *m = list->first;

	if (m == NULL)
		return NULL;
	list->first = m->next;
	if (list->first == NULL)
		list->last = &list->first;
	list->n--;
	m->next = NULL;
	m->listed = false;
	return m;
}

void
message_go(struct run *run, struct message *m, enum step step)
{
	m->step = step;
	list_add(&run->step[step], m);
}

void
message_leave(struct run *run, struct message *m)
{
	struct list *list = &run->step[m->step];

	for (struct message **at = &list->first; *at != NULL; at = &(*at)->next)
		if (*at == m) {
			*at = m->next;
			if (m->next == NULL)
				list->last = at;
			list->n--;
			m->next = NULL;
			m->listed = false;
			return;
		}
}

void
message_answered(struct run *run, struct message *m)
{
	bool delivered = false;

	if (m->step == STEP_RESOLVE && m->operation == NULL) {
		message_go(run, m, STEP_DELIVER);
		return;
	}
	if (m->step == STEP_REPORT) { /* or the next report */
		message_go(run, m, STEP_REPORT);
		return;
	}
	for (size_t i = 0; i < m->envelope.recipients; i++)
		delivered |= m->way[i].state == WAY_DELIVERED;
	message_go(run, m, delivered ? STEP_SETTLE : STEP_REPORT);
}

struct record_out
run_entry(struct run *run, const char *code, const struct qid *qid)
{
	return journal_begin(&run->journal, code, qid);
}

/* n= and to= of one recipient. */
struct record_out
run_entry_recipient(
    struct run *run, const char *code, const struct message *m, size_t i)
{
	const struct recipient *r = &m->envelope.recipient[i];
	struct record_out out = run_entry(run, code, &m->envelope.qid);

	record_put_num(out, "n", r->n);
	record_put(out, "to", path_span(&r->forward_path));
	return out;
}

void
run_alarm(struct run *run, const struct qid *qid, const char *format, ...)
{
	struct record_out out = run_entry(run, CODE_ALARM, qid);
	char text[FAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	record_puts(out, "text", text);
	journal_end(&run->journal, out);
}

enum outcome
run_begin(struct run *run, const struct settings *settings, const char *program,
    struct fault *f)
{
	*run = (struct run){ .settings = settings,
		.content = BUF_INIT(64UL * 1024 * 2),
		.scratch = BUF_INIT(STORE_ENVELOPE_MAX),
		.batch_paths = BUF_INIT(64UL * 1024 * 1024) };
	run->store.fd = run->store.lock_fd = run->store.run_lock_fd = -1;
	for (size_t i = 0; i < STEPS; i++)
		list_begin(&run->step[i]);
	list_begin(&run->batch);
	for (size_t i = 0; i < STAGES; i++)
		stage_begin(&run->stage[i], stages[i].service,
		    stages[i].one_by_one ? 1 : settings->queue.attempts_max);
	journal_open(&run->journal, program);
	run->hostname = prog_hostname();
	run->postmaster = prog.settings.resolve.domain.n > 0
	    ? prog.settings.resolve.domain.value[0]
	    : run->hostname;
	if (window_begin(run, f) != OK)
		return f->outcome;
	return store_open(&run->store, settings->queue.directory, f);
}

void
run_end(struct run *run)
{
	for (size_t i = 0; i < STAGES; i++)
		stage_end(&run->stage[i]);
	window_end(run);
	store_close(&run->store);
	journal_close(&run->journal);
	buf_free(&run->content);
	buf_free(&run->scratch);
	buf_free(&run->batch_paths);
}

void
run_takes(struct run *run, const struct message *m)
{
	if (run->careful && !run->by_hand)
		store_run_takes(
		    &run->store, m == NULL ? NULL : &m->envelope.qid);
}

void
run_turn(struct run *run)
{
	for (size_t i = 0; i < STAGES; i++)
		stage_read(run, &run->stage[i]);
	if (!run->draining && !run->by_hand)
		schedule_fill(run);
	for (size_t i = 0; i < STEPS; i++)
		if (run->step[life[i].step].n > 0 &&
		    !(run->draining && life[i].begins))
			life[i].work(run);
	for (size_t i = 0; i < STAGES; i++)
		stage_write(run, &run->stage[i]);
	run_takes(run, NULL);
	if (run->journal.pending_entries > 0)
		journal_flush(&run->journal);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

void
run_pause(struct run *run)
{
	run->pause_ms = clock_mono_ms() + PAUSE_MS;
}

bool
run_is_paused(const struct run *run)
{
	return run->pause_ms != 0 && clock_mono_ms() < run->pause_ms;
}

void
run_trouble(struct run *run, const struct fault *f)
{
	store_trouble_set(&run->store, run->journal.program, f->text);
	run_alarm(run, NULL, "%s", f->text);
}

enum outcome
run_syncfs(struct run *run, struct fault *f)
{
	if (store_syncfs(&run->store, f) == OK)
		return OK;
	run_trouble(run, f);
	return f->outcome;
}

int
run_wait_ms(const struct run *run)
{
	uint64_t now = clock_mono_ms(), at;
	bool paused = run_is_paused(run);

	at = settle_next_ms(run);
	for (size_t i = 0; i < STAGES; i++)
		at = earlier(at, stage_next_ms(&run->stage[i]));
	/* A step that takes a share a turn has more to do at once; so has one
	   that a stage's death led to when the steps were done. */
	if (run->step[STEP_REPORT].n + run->step[STEP_REST].n +
	        run->step[STEP_GO].n >
	    0)
		return 0;
	if (run->step[STEP_MEMORY].n > 0) {
		if (!paused)
			return 0;
		at = earlier(at, run->pause_ms);
	}
	if (!run->draining) {
		if (run->step[STEP_LOAD].n + run->step[STEP_RESOLVE].n +
		        run->step[STEP_DELIVER].n >
		    0)
			return 0;
		at =
		    earlier(at, paused ? run->pause_ms : schedule_next_ms(run));
		at = earlier(at, memory_next_ms(run));
	}
	if (at == 0)
		return -1;
	if (at <= now)
		return 0;
	return at - now > 60000 ? 60000 : (int)(at - now);
}

/* ---- The service on fd 0. ---- */

/* A client's state: it has asked for something, so it brings no notices. */
static char is_operator;
#define IS_OPERATOR ((void *)&is_operator)

/*
 * A message that queue-add has just accepted. `one` says all that there is to
 * know; of `apart` the envelope is still to be read, for it has many
 * recipients.
 */
static void
take_notice(struct run *run, struct span line)
{
	struct envelope e;
	struct message *m;
	struct fault f;

	if (!window_has_room(run, WINDOW_TOLD)) {
		run->in.wanted = true;
		return;
	}
	envelope_begin(&e);
	if (envelope_get_notice(line, &e, &f) != OK) {
		/* What it was about is found by a listing. */
		run_alarm(run, NULL, "notice: %s", f.text);
		run->in.wanted = true;
	} else if (window_find(run, &e.qid) == NULL &&
	    !names_are_left(run, &e.qid) &&
	    (m = window_add(run, &e.qid)) != NULL) {
		m->told = true;
		window_count_as(run, m, WINDOW_TOLD);
		if (e.shape == ENVELOPE_APART) {
			message_go(run, m, STEP_LOAD);
		} else {
			envelope_free(&m->envelope);
			m->envelope = e;
			window_weigh(run, m);
			recover_taken(run, m);
			return;
		}
	}
	envelope_free(&e);
}

static enum outcome
take_line(
    struct run *run, struct client *client, struct span line, struct fault *f)
{
	struct record r;

	/* Nearly all lines: parsed once, by the envelope's codec. */
	if (span_has_prefix(line, "one ") || span_has_prefix(line, "apart ")) {
		take_notice(run, line);
		return OK;
	}
	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	if (record_is(&r, "look")) {
		run->in.wanted = true;
		return OK;
	}
	client->state = IS_OPERATOR;
	return operate_take(run, client, &r, f);
}

static enum outcome
take(void *arg, struct client *client, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	*used = *requests = 0;
	while (*requests < most) {
		struct span rest = span_from(in, *used);
		size_t n = span_find(rest, '\n');

		if (n == rest.len) {
			if (n < RECORD_MAX)
				return OK;
			return fault_set(f, TEMP, "4.3.0", 0, "line too long");
		}
		if (take_line(arg, client, span_head(rest, n), f) != OK)
			return f->outcome;
		*used += n + 1;
		(*requests)++;
	}
	return OK;
}

static void
turn(void *arg)
{
	run_turn(arg);
}

/* A connection that may bring notices ended: what it still had to say may be
   lost. */
static void
gone(void *arg, struct client *client)
{
	struct run *run = arg;

	if (client->state != IS_OPERATOR)
		run->in.wanted = true;
	client->state = NULL;
}

static size_t
prepare(void *arg, struct pollfd *fds, size_t max, int *wait_ms)
{
	struct run *run = arg;
	size_t n = 0;

	for (size_t i = 0; i < STAGES; i++) {
		const struct service *s = &run->stage[i].service;

		if (s->fd == -1 || n == max)
			continue;
		fds[n] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
		if (service_wants_write(s))
			fds[n].events |= POLLOUT;
		n++;
	}
	*wait_ms = run_wait_ms(run);
	return n;
}

/* Only said here; the turn comes when the round's notices are taken too. */
static void
ready(void *arg, const struct pollfd *fds, size_t n)
{
	struct run *run = arg;

	for (size_t i = 0; i < STAGES; i++)
		for (size_t k = 0; k < n; k++)
			if (fds[k].fd == run->stage[i].service.fd &&
			    (fds[k].revents & ~POLLOUT) != 0)
				run->stage[i].readable = true;
}

/* Is something delivered, or reported, that the queue still holds? */
static bool
owes(const struct run *run)
{
	return run->step[STEP_SETTLE].n + run->batch.n +
	    run->step[STEP_REPORT].n + run->step[STEP_REST].n +
	    run->step[STEP_MEMORY].n + run->step[STEP_GO].n +
	    run->step[STEP_CONTENT].n + run->stage[STAGE_DELIVER].sent +
	    run->stage[STAGE_ADD].sent >
	    0;
}

/* Is something on its way to a first answer, or to be found by a listing? */
static bool
works(const struct run *run)
{
	return run->in.active || run->in.wanted || run->retry.active ||
	    run->step[STEP_LOAD].n + run->step[STEP_RESOLVE].n +
	        run->step[STEP_DELIVER].n + run->stage[STAGE_RESOLVE].n +
	        run->stage[STAGE_DELIVER].n >
	    0;
}

/* Turns for as long as there is something, until `end` (monotonic). */
static void
turn_while(struct run *run, bool (*more)(const struct run *), uint64_t end)
{
	uint64_t now;

	while (more(run) && (now = clock_mono_ms()) < end) {
		struct pollfd fds[STAGES];
		int wait_ms;
		size_t n = prepare(run, fds, STAGES, &wait_ms);

		if (wait_ms < 0 || wait_ms > (int)(end - now))
			wait_ms = (int)(end - now);
		if (poll(fds, (nfds_t)n, wait_ms) >= 0)
			ready(run, fds, n);
		else if (errno != EINTR)
			return;
		run_turn(run);
	}
}

/*
 * A session has ended, in a shell or a pipeline: one attempt for all that was
 * there, so that `queue-run < /dev/null` is a run of the queue. It ends when
 * for DRAIN_MS nothing went on, for a stage may be missing.
 */
static void
finish(struct run *run)
{
	uint64_t now = clock_mono_ms(), end = now + DRAIN_MS;
	size_t held = run->held;

	while (works(run) && !serve_stopping && now < end) {
		turn_while(run, works, now + 500);
		now = clock_mono_ms();
		if (run->held != held) {
			held = run->held;
			end = now + DRAIN_MS;
		}
	}
}

/*
 * A stop is no crash: what was delivered is synced and let go before we end,
 * so that no reader sees it again. What was not yet asked waits on disk.
 */
static void
drain(struct run *run)
{
	uint64_t end = clock_mono_ms() + DRAIN_MS;

	run->draining = true;
	for (size_t i = 0; i < run->hash_size; i++)
		for (struct message *m = run->hash[i]; m; m = m->next_hash) {
			stage_cancel(&run->stage[STAGE_RESOLVE], m);
			stage_cancel(&run->stage[STAGE_DELIVER], m);
		}
	run_turn(run);
	turn_while(run, owes, end);
}

enum outcome
run_serve(struct run *run, struct fault *f)
{
	static const struct line_service service = {
		.take = take,
		.finish = turn,
		.gone = gone,
		.prepare = prepare,
		.ready = ready,
		.hints = true,
		.clients_max = 64,
	};

	enum outcome got = serve_lines(&service, run, f);

	if (got == OK && !run->by_hand)
		finish(run);
	drain(run);
	store_run_ends(&run->store); /* not run_end(): a failed start is none */
	return got;
}
