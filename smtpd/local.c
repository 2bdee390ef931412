/* SPDX-License-Identifier: ISC */
/*
 * local.c: role local, the socket for the users of this machine. The kernel says
 * which account calls (SO_PEERCRED), resolve which address that is; nobody has
 * to log in, and no program needs a right of its own.
 */
#include "session.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "prog.h"

void
local_trust(struct server *v, const struct setting_list *names)
{
	v->trusted = mem_new(names->n, sizeof(*v->trusted));
	for (size_t i = 0; i < names->n; i++) {
		const struct passwd *entry = getpwnam(names->value[i]);

		if (entry == NULL)
			prog_warn("[submit] trusted = %s: no such account",
			    names->value[i]);
		else
			v->trusted[v->trusted_n++] = entry->pw_uid;
	}
}

static bool
is_trusted(const struct server *v, int64_t uid)
{
	for (size_t i = 0; i < v->trusted_n; i++)
		if (v->trusted[i] == uid)
			return true;
	return false;
}

enum rule
local_identify(struct session *s, struct fault *why)
{
	struct resolve_who who;
	enum outcome got = PERM;

	(void)snprintf(
	    s->account, sizeof(s->account), "%" PRId64, s->peer->uid);
	s->is_trusted = is_trusted(s->server, s->peer->uid);
	if (s->peer->uid >= 0)
		got = policy_ask_who(
		    &s->server->policy, s->account, SPAN_EMPTY, &who, why);
	if (got == TEMP)
		return RULE_ACCOUNT_LATER;
	if (got == OK) {
		(void)span_copy(span_of(who.user), s->user, sizeof(s->user));
		(void)span_copy(
		    span_of(who.name), s->user_name, sizeof(s->user_name));
	}
	*why = FAULT_NONE;
	return RULE_NONE;
}

static bool
is_name_octet(int c)
{
	return is_atext(c) || c == '.';
}

enum outcome
local_take_name(struct session *s, struct span in, struct path *path,
    struct span *rest, struct fault *f)
{
	const struct setting_list *domains = &s->server->set->resolve.domain;
	struct cur c = cur_over(in);
	char name[LOCAL_PART_MAX + 1], text[PATH_TEXT_MAX + 1];
	struct resolve_who who;
	struct span word;
	enum outcome got;

	if (s->set->role != ROLE_LOCAL || !cur_eat(&c, '<'))
		return PERM;
	word = cur_while(&c, is_name_octet);
	if (word.len == 0 || !span_copy(word, name, sizeof(name)) ||
	    !cur_eat(&c, '>'))
		return PERM;
	*rest = cur_rest(&c);
	got = policy_ask_who(&s->server->policy, name, SPAN_EMPTY, &who, f);
	if (got == TEMP)
		return TEMP;
	if (got == OK)
		return path_parse_bare(span_of(who.user), path, f);
	if (domains->n == 0)
		return PERM;
	(void)snprintf(text, sizeof(text), "%s@%s", name, domains->value[0]);
	return path_parse_bare(span_of(text), path, f);
}
