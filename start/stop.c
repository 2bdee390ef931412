/* SPDX-License-Identifier: ISC */
/* stop.c: what others work for is stopped after them; the journal is last. */
#include "supervisor.h"

#include <signal.h>

#include "codes.h"
#include "fds.h"
#include "prog.h"

#define STAGE_MS 2000 /* of a stage after the first, at least. Ours */

/* The reader of the FIFO ends at its end: when nobody can write any more. */
static void
stop_journal(struct supervisor *s)
{
	struct journal *j = &s->ground.journal;
	struct record_out out = journal_begin(j, CODE_STOPPED, NULL);

	record_puts(out, "service", "pneu");
	journal_end(j, out);
	journal_close(j);
	fds_close(&s->fifo_fd);
}

static void
stop_stage(struct supervisor *s, uint64_t now_ms)
{
	bool is_journal = s->stop_stage == STOP_STAGES - 1;
	uint64_t ms = s->settings.pneu.drain_ms;

	/* Each has its own time: one that is late takes none of the next. */
	s->stop_at_ms =
	    now_ms + (s->stop_stage > 0 && ms < STAGE_MS ? STAGE_MS : ms);
	for (size_t i = 0; i < s->pools; i++) {
		struct pool *p = s->pool[i];

		if (p->row->stop != s->stop_stage)
			continue;
		p->retires = true;
		if (!is_journal)
			pool_signal(p, SIGTERM);
		/* After telling: a worker asks itself why accept() failed. */
		listen_drop(&p->listener);
	}
	if (is_journal)
		stop_journal(s);
}

static bool
is_stage_done(const struct supervisor *s)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->row->stop == s->stop_stage &&
		    s->pool[i]->live > 0)
			return false;
	return s->tidy == 0;
}

/* Of this stage only: what stops later has work that others left it. */
static void
kill_stage(struct supervisor *s, uint64_t now_ms)
{
	for (size_t i = 0; i < s->pools; i++) {
		struct pool *p = s->pool[i];

		if (p->live == 0 || p->row->stop != s->stop_stage)
			continue;
		/* Somebody may hold the FIFO open: the journal gets the word
		   that others got when their stage began. */
		if (p->row->kind == SERVICE_JOURNAL && !s->told_journal) {
			s->told_journal = true;
			pool_signal(p, SIGTERM);
			continue;
		}
		prog_warn("%s did not end in time: SIGKILL", p->row->name);
		pool_signal(p, SIGKILL);
	}
	if (s->tidy != 0)
		(void)kill(s->tidy, SIGKILL);
	s->stop_at_ms = now_ms + STAGE_MS;
}

void
stop_begin(struct supervisor *s, uint64_t now_ms)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_stage = 0;
	if (s->tidy != 0)
		(void)kill(s->tidy, SIGTERM);
	stop_stage(s, now_ms);
}

bool
stop_advance(struct supervisor *s, uint64_t now_ms)
{
	while (is_stage_done(s)) {
		if (++s->stop_stage == STOP_STAGES)
			return true;
		stop_stage(s, now_ms);
	}
	if (now_ms >= s->stop_at_ms)
		kill_stage(s, now_ms);
	return false;
}
