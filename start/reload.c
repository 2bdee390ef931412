/* SPDX-License-Identifier: ISC */
/* reload.c: a new configuration, checked first, without dropping a session. */
#include "reload.h"

#include <errno.h>
#include <string.h>

#include "codes.h"
#include "config.h"
#include "listeners.h"
#include "prog.h"
#include "snapshot.h"

static enum outcome
add_pool(
    struct supervisor *s, struct pool *p, const char *name, struct fault *f)
{
	if (p == NULL || s->pools == POOLS_MAX) {
		fault_set(f, TEMP, "4.3.0", errno, "pool of %s", name);
		pool_free(p);
		return f->outcome;
	}
	s->pool[s->pools++] = p;
	return OK;
}

enum outcome
reload_make_pools(struct supervisor *s, const struct settings *settings,
    const char *snapshot, uint64_t generation, struct fault *f)
{
	size_t had = s->pools;

	f->outcome = OK;
	for (const struct service_row *r = service_rows;
	     r->name != NULL && f->outcome == OK; r++) {
		if (r->kind == SERVICE_JOURNAL)
			(void)add_pool(s,
			    pool_make(r, NULL, settings, snapshot, generation),
			    r->name, f);
		for (size_t i = 0; i < s->listeners && f->outcome == OK; i++)
			if (s->listener[i]->row == r && s->listener[i]->wanted)
				(void)add_pool(s,
				    pool_make(r, s->listener[i], settings,
				        snapshot, generation),
				    r->name, f);
	}
	while (f->outcome != OK && s->pools > had)
		pool_free(s->pool[--s->pools]);
	return f->outcome;
}

static void
tell(struct supervisor *s, uint64_t generation, const struct fault *f)
{
	struct record_out out = journal_begin(&s->journal, CODE_RELOADED, NULL);

	record_puts(out, "service", "pneu");
	record_put_num(out, "generation", generation);
	record_puts(out, "outcome", outcome_word(f->outcome));
	if (f->outcome != OK)
		record_puts(out, "text", f->text);
	journal_end(&s->journal, out);
	journal_flush(&s->journal);
	if (f->outcome != OK)
		prog_warn("%s; the old configuration stays", f->text);
	else
		prog_warn("configuration %llu is in force",
		    (unsigned long long)generation);
}

/* New pools beside the old ones, or all as it was. */
static enum outcome
prepare(struct supervisor *s, const struct settings *fresh,
    const char *snapshot, struct fault *f)
{
	size_t had = s->listeners;

	if (listeners_open(s, fresh, f) == OK &&
	    reload_make_pools(s, fresh, snapshot, s->generation + 1, f) != OK)
		listeners_keep(s, had);
	return f->outcome;
}

static enum outcome
change(struct supervisor *s, uint64_t now_ms, struct fault *f)
{
	struct settings fresh, old;
	char snapshot[sizeof(s->snapshot)];
	size_t elders = s->pools;

	if (elders + POOLS_NEW > POOLS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sessions of earlier configurations still go on");
	if (snapshot_take(&fresh, s->generation + 1, snapshot, sizeof(snapshot),
	        f) != OK ||
	    prepare(s, &fresh, snapshot, f) != OK) {
		config_free(&fresh);
		return f->outcome;
	}
	old = s->settings;
	s->settings = fresh;
	s->generation++;
	memcpy(s->snapshot, snapshot, sizeof(snapshot));
	/* New ones stand beside the old before those are told to go. */
	for (size_t i = elders; i < s->pools; i++)
		if (!s->pool[i]->row->alone &&
		    s->pool[i]->row->start <= s->phase)
			pool_fill(s->pool[i], &s->ground, now_ms);
	for (size_t i = 0; i < elders; i++)
		if (!s->pool[i]->retires)
			pool_retire(s->pool[i], now_ms);
	listeners_drop(s);
	listeners_set_deadlines(s, &s->settings);
	config_free(&old);
	return f->outcome;
}

void
reload(struct supervisor *s, uint64_t now_ms)
{
	s->reloaded = FAULT_NONE;
	(void)change(s, now_ms, &s->reloaded); /* `pneu reload` asks for it */
	s->reloads++;
	tell(s, s->generation + (s->reloaded.outcome == OK ? 0 : 1),
	    &s->reloaded);
	snapshot_clean(s);
}
