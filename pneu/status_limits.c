/* SPDX-License-Identifier: ISC */
/* status_limits.c: who is near a limit of [limit], or over it. */
#include <string.h>

#include "clock.h"
#include "config.h"
#include "limit.h"
#include "status.h"

#define SHOWN_MAX 20 /* the others are counted. Chosen */
#define ROLES     (ROLE_LOCAL + 1)

struct look {
	struct status *status;
	struct limit_rates rates[ROLES][LIMIT_WHOS];
	const struct limit_settings *set[ROLES];
	uint64_t now_ms, found;
};

static const char *
role_name(unsigned role)
{
	const struct setting_role *r = setting_roles;

	while (strcmp(r->section, "limit") != 0)
		r++;
	return r[role].name;
}

/* The file holds what smtpd wrote: text, whatever it is. */
static json_t *
name_of(const struct limit_place *p)
{
	uint64_t name[LIMITS_WORDS];
	size_t len;

	for (size_t i = 0; i < LIMITS_WORDS; i++)
		name[i] = atomic_load(&p->name[i]);
	len = strnlen((const char *)name, LIMITS_NAME);
	return len == 0 ? NULL
	                : json_text((struct span){ (const char *)name, len });
}

static void
put(const struct look *l, const struct limit_place *p, enum limit_who who,
    unsigned role, enum limit_kind kind, const struct limit_found *found)
{
	status_put(l->status,
	    json_pack("{s:s, s:s, s:s, s:o*, s:s, s:s, s:s, s:I, s:I, s:b}",
	        "what", "limit", "state", limit_state_name(found->state), "who",
	        limit_who_name(who), "name", name_of(p), "role",
	        role_name(role), "kind", limit_kind_name(kind), "window",
	        limit_window_name(found->window), "used",
	        (json_int_t)found->used, "most", (json_int_t)found->most,
	        "well", 1),
	    "limit of {who}[ {name}] (role {role}): {used} of {most} "
	    "{kind}/{window}: {state}");
}

static void
look_at(struct look *l, const struct limit_place *p, enum limit_who who,
    unsigned role)
{
	for (enum limit_kind k = 0; k < LIMIT_KINDS; k++) {
		const struct limit_found found =
		    limits_look(p, &l->rates[role][who], k,
		        l->set[role]->delay_pct, l->now_ms);

		if (found.state != LIMIT_NORMAL && l->found++ < SHOWN_MAX)
			put(l, p, who, role, k, &found);
	}
}

static bool
take_settings(struct look *l, const struct settings *set)
{
	struct fault f;

	l->set[ROLE_MX] = &set->limit;
	l->set[ROLE_SUBMISSION] = &set->limit_submission;
	l->set[ROLE_LOCAL] = &set->limit_local;
	for (size_t role = 0; role < ROLES; role++)
		for (size_t who = 0; who < LIMIT_WHOS; who++)
			if (limit_parse(span_of(l->set[role]->text[who]),
			        &l->rates[role][who], &f) != OK)
				return false; /* told of before */
	return true;
}

void
status_limits(struct status *s, const struct settings *set)
{
	struct look l = { .status = s, .now_ms = clock_wall_ms() };
	struct limits limits;

	if (!take_settings(&l, set))
		return;
	limits_open(&limits, false);
	for (size_t i = 0; limits.table != NULL && i < LIMITS_PLACES; i++) {
		const struct limit_place *p = &limits.table->place[i];
		uint64_t what = atomic_load(&p->what);
		unsigned who = what & 255, role = (unsigned)(what >> 8);

		if (atomic_load(&p->hash) == 0 || who >= LIMIT_WHOS ||
		    role >= ROLES)
			continue;
		if (who != LIMIT_USER)
			look_at(&l, p, who, role);
		for (unsigned r = 0; who == LIMIT_USER && r < ROLES; r++)
			look_at(&l, p, who, r);
	}
	limits_close(&limits);
	if (l.found > SHOWN_MAX)
		status_put(s,
		    json_pack("{s:s, s:I, s:b}", "what", "limits", "more",
		        (json_int_t)(l.found - SHOWN_MAX), "well", 1),
		    "limits of {more} more");
}
