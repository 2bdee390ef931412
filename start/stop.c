/* SPDX-License-Identifier: ISC */
/* stop.c: what others work for is stopped after them; the journal is last. */
#include "supervisor.h"

#include <signal.h>

#include "codes.h"
#include "fds.h"

#define STAGE_MS 2000 /* of a stage after the first, at least. Chosen */

/* The reader of the FIFO ends at its end: when nobody can write any more. */
static void
close_journal(struct supervisor *s)
{
	struct journal *j = &s->ground.journal;
	struct record_out out = journal_begin(j, CODE_STOPPED, NULL);

	record_puts(out, "service", "pneu");
	journal_end(j, out);
	journal_close(j);
	fds_close(&s->fifo_fd);
}

/* Each has its own time: one that is late takes none of the next. */
static void
stop_stage(struct supervisor *s, uint64_t now_ms)
{
	uint64_t ms = s->settings.pneu.drain_ms;

	if (s->stop_stage > 0 && ms < STAGE_MS)
		ms = STAGE_MS;
	if (s->hurry)
		ms = POOL_NOW_MS;
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->row->stop == s->stop_stage)
			pool_stop(s->pool[i], now_ms + ms);
	if (s->stop_stage == STOP_STAGES - 1)
		close_journal(s);
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

void
stop_begin(struct supervisor *s, uint64_t now_ms)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->kill_tidy_ms = now_ms + s->settings.pneu.drain_ms;
	if (s->tidy != 0)
		(void)kill(s->tidy, SIGTERM);
	stop_stage(s, now_ms);
}

void
stop_hurry(struct supervisor *s, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + POOL_NOW_MS;

	s->hurry = true;
	stop_begin(s, now_ms);
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->kill_at_ms > at_ms)
			s->pool[i]->kill_at_ms = at_ms;
	s->kill_tidy_ms = at_ms;
}

bool
stop_advance(struct supervisor *s, uint64_t now_ms)
{
	while (is_stage_done(s)) {
		if (++s->stop_stage == STOP_STAGES)
			return true;
		stop_stage(s, now_ms);
	}
	if (s->tidy != 0 && now_ms >= s->kill_tidy_ms) {
		(void)kill(s->tidy, SIGKILL);
		s->kill_tidy_ms = UINT64_MAX;
	}
	return false;
}
