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

/* A pool of each service and address. */
static enum outcome
make_pools(struct supervisor *s, const struct settings *settings,
    uint64_t generation, struct fault *f)
{
	char address[LISTEN_ADDRESS_MAX];

	for (const struct service_row *r = service_rows; r->name; r++) {
		size_t i = 0;

		while (s->pools < POOLS_MAX &&
		    listen_next(r, settings, &i, address)) {
			struct listener *l = listeners_find(s, address);
			struct pool *p;

			if (l == NULL && r->kind != SERVICE_JOURNAL)
				l = listen_make(r, address);
			p = pool_make(r, l, settings, generation, &s->ground);
			if (p == NULL)
				return fault_set(f, TEMP, "4.3.0", errno,
				    "pool of %s", r->name);
			s->pool[s->pools++] = p;
		}
	}
	return OK;
}

enum outcome
reload_take(struct supervisor *s, struct fault *f)
{
	uint64_t generation = s->generation + 1;
	size_t had = s->pools;
	struct settings fresh;

	if (had + POOLS_NEW > POOLS_MAX)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sessions of earlier configurations still go on");
	if (snapshot_take(&fresh, generation, f) == OK &&
	    make_pools(s, &fresh, generation, f) == OK &&
	    listeners_open(s, &fresh, had, f) == OK) {
		config_free(&s->settings);
		s->settings = fresh;
		s->generation = generation;
	} else {
		while (s->pools > had)
			pool_free(s->pool[--s->pools]);
		config_free(&fresh);
	}
	snapshot_clean(s);
	return f->outcome;
}

/* Those from `had` on stand beside the old before these are told to go. */
static void
replace(struct supervisor *s, size_t had, uint64_t now_ms)
{
	for (size_t i = had; i < s->pools; i++)
		if (!s->pool[i]->row->alone &&
		    s->pool[i]->row->start <= s->phase)
			pool_fill(s->pool[i], now_ms);
	for (size_t i = 0; i < had; i++)
		if (!s->pool[i]->retires)
			pool_retire(s->pool[i], now_ms);
}

static void
tell(struct supervisor *s, uint64_t generation, const struct fault *f)
{
	struct journal *j = &s->ground.journal;
	struct record_out out = journal_begin(j, CODE_RELOADED, NULL);

	record_puts(out, "service", "pneu");
	record_put_num(out, "generation", generation);
	record_puts(out, "outcome", outcome_word(f->outcome));
	if (f->outcome != OK)
		record_puts(out, "text", f->text);
	journal_end(j, out);
	journal_flush(j);
	if (f->outcome != OK)
		prog_warn("%s; the old configuration stays", f->text);
	else
		prog_warn("configuration %llu is in force",
		    (unsigned long long)generation);
}

void
reload(struct supervisor *s, uint64_t now_ms)
{
	struct fault *f = &s->reloaded; /* `pneu reload` asks for it */
	uint64_t tried = s->generation + 1;
	size_t had = s->pools;

	*f = FAULT_NONE;
	if (reload_take(s, f) == OK)
		replace(s, had, now_ms);
	s->reloads++;
	tell(s, tried, f);
}
