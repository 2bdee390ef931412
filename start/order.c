/* SPDX-License-Identifier: ISC */
/* order.c: services that operators stop, start and start anew. */
#include "supervisor.h"

#include <string.h>

#include "codes.h"
#include "prog.h"

/* service: NULL, when it is about the file. */
static void
tell(struct supervisor *s, const char *code, const char *service,
    const struct wanted_one *one, const char *text)
{
	struct journal *j = &s->ground.journal;

	journal_tell(j, code, NULL,
	    JOURNAL_FIELDS(
	        JOURNAL_TEXT("service", service == NULL ? "pneu" : service),
	        JOURNAL_TEXT("by", one == NULL ? "" : one->by),
	        JOURNAL_TEXT("text", text)));
	journal_flush(j);
	if (text[0] != '\0')
		prog_warn("%s%s%s", service == NULL ? "" : service,
		    service == NULL ? "" : ": ", text);
}

void
order_begin(struct supervisor *s)
{
	struct fault f = FAULT_NONE;
	bool stale = false;

	/* A line that is lost must not keep all mail away: it is said. */
	if (wanted_read(&s->wanted, &f) != OK) {
		prog_warn("%s", f.text);
		s->order = f;
	}
	for (size_t i = 0; i < WANTED_SERVICES; i++) {
		struct wanted_one *one = &s->wanted.one[i];

		if (one->what != WANTED_STARTED && one->what != WANTED_AGAIN)
			continue;
		one->what = WANTED_AUTO;
		stale = true;
	}
	if (stale && wanted_write(&s->wanted, &f) != OK)
		prog_warn("%s", f.text);
}

/* ---- what was ordered ---- */

static bool
is_new(const struct wanted_one *a, const struct wanted_one *b)
{
	return a->what != b->what || strcmp(a->time, b->time) != 0;
}

/* New processes, then the old ones go; of a service that must be alone they wait
   for these. Nobody who calls meanwhile is refused. */
static void
start_again(struct supervisor *s, const struct service_row *row,
    const struct wanted_one *one, uint64_t now_ms, struct fault *f)
{
	size_t had = s->pools;

	if (reload_start(s, row, f) != OK)
		return;
	for (size_t i = had; i < s->pools; i++)
		if (!row->alone)
			pool_fill(s->pool[i], now_ms);
	for (size_t i = 0; i < had; i++) {
		struct pool *p = s->pool[i];

		if (p->row != row || p->retires)
			continue;
		if (one->now)
			pool_stop(p, now_ms + POOL_NOW_MS);
		else
			pool_retire(p, now_ms);
	}
}

static void
obey(struct supervisor *s, const struct service_row *row,
    const struct wanted_one *was, const struct wanted_one *one, uint64_t now_ms)
{
	bool again = one->what == WANTED_AGAIN && is_new(was, one);
	struct fault f = FAULT_NONE;

	if (one->what == WANTED_STOPPED) {
		if (was->what != WANTED_STOPPED)
			tell(s, CODE_SERVICE_STOPPED, row->name, one, "");
		return;
	}
	if (again && reload_is_up(s, s->pools, row))
		start_again(s, row, one, now_ms, &f);
	else if ((again || one->what == WANTED_STARTED) &&
	    !reload_is_up(s, s->pools, row))
		(void)!reload_start(s, row, &f);
	else
		return;
	tell(s, CODE_SERVICE_STARTED, row->name, one,
	    f.outcome == OK ? "" : f.text);
	if (f.outcome != OK)
		s->order = f;
}

static void
look(struct supervisor *s, uint64_t now_ms)
{
	struct wanted was = s->wanted;
	struct fault f = FAULT_NONE;

	s->ordered = false;
	s->order = FAULT_NONE;
	s->orders++;
	if (wanted_read(&s->wanted, &f) == TEMP) {
		s->wanted = was;
		s->order = f;
		tell(s, CODE_ALARM, NULL, NULL, f.text);
		return;
	}
	if (f.outcome != OK)
		tell(s, CODE_ALARM, NULL, NULL, f.text);
	/* In the order of their start: those that others need first. */
	for (const struct service_row *r = service_rows; r->name; r++)
		obey(
		    s, r, wanted_of(&was, r), wanted_of(&s->wanted, r), now_ms);
}

/* ---- stops ---- */

static bool
is_stopped(const struct supervisor *s, const struct service_row *row)
{
	return s->wanted.one[row - service_rows].what == WANTED_STOPPED;
}

/* Does somebody who is stopped, too, still work with it? */
static bool
is_used(const struct supervisor *s, const struct service_row *row)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->live > 0 && is_stopped(s, s->pool[i]->row) &&
		    s->pool[i]->row->stop < row->stop)
			return true;
	return false;
}

void
order_advance(struct supervisor *s, uint64_t now_ms)
{
	if (s->stopping || s->phase != PHASE_READY)
		return;
	if (s->ordered)
		look(s, now_ms);
	for (size_t i = 0; i < s->pools; i++) {
		struct pool *p = s->pool[i];
		bool now = s->wanted.one[p->row - service_rows].now;

		if (!p->retires && is_stopped(s, p->row) && !is_used(s, p->row))
			pool_stop(
			    p, now_ms + (now ? POOL_NOW_MS : p->drain_ms));
	}
}
