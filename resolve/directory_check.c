/* SPDX-License-Identifier: ISC */
/* directory_check.c: what is wrong between the lines. */
#include "directory_parts.h"

#include <stdio.h>

#include "command.h"
#include "mailboxes.h"

/* The item that answers for an address, in the order of lookup.h. */
static const struct item *
find_answer(const struct directory *d, const struct address *a)
{
	struct address base = *a;
	const struct item *item = directory_find(d, address_key(a));

	if (item == NULL &&
	    address_drop_detail(&base, d->settings->resolve.plus))
		item = directory_find(d, address_key(&base));
	return item != NULL ? item : directory_find(d, address_at_domain(a));
}

/* Where an alias leads in one step; NULL: to nobody here. */
static const struct item *
next_item(
    const struct directory *d, const struct item *alias, struct address *target)
{
	struct fault f;

	/* That it is an address was seen when it was parsed. */
	if (address_make(alias->value, target, &f) != OK ||
	    !domains_has(&d->domains, address_domain(target)))
		return NULL;
	return find_answer(d, target);
}

static bool
is_alias(const struct item *item)
{
	return item->kind == ITEM_ALIAS || item->kind == ITEM_CATCH_ALL;
}

/*
 * Where an alias ends: what mail is delivered to, `stop`, or NULL, and then *target is the
 * address that is nobody's here. Another alias: it is a circle, or too long.
 */
static const struct item *
last_item(const struct directory *d, const struct item *alias,
    const struct item *stop, struct address *target)
{
	const struct item *item = alias;

	for (uint64_t i = 0; i < d->settings->resolve.alias_steps; i++) {
		item = next_item(d, item, target);
		if (item == NULL || item == stop || !is_alias(item))
			return item;
	}
	return item;
}

bool
directory_leads_to(
    const struct directory *d, const struct item *alias, const struct item *to)
{
	struct address target;

	return is_alias(alias) && last_item(d, alias, to, &target) == to;
}

bool
directory_has_postmaster(const struct directory *d, const char *domain)
{
	char text[sizeof("postmaster@") + DOMAIN_MAX];
	const struct item *item;
	struct address a;
	struct fault f;

	(void)snprintf(text, sizeof(text), "postmaster@%s", domain);
	if (address_make(span_of(text), &a, &f) != OK)
		return false;
	item = find_answer(d, &a);
	if (item != NULL && is_alias(item))
		item = last_item(d, item, NULL, &a);
	return item != NULL && !is_alias(item);
}

static void
check_alias(struct directory *d, const struct item *alias)
{
	struct address a;
	const struct item *last = last_item(d, alias, NULL, &a);

	if (last == NULL)
		directory_problem(d, PROBLEM_WARNING, &d->entries, alias,
		    "leads to " SPAN_FMT ", which is %s",
		    SPAN_ARG(directory_shown(address_key(&a))),
		    domains_has(&d->domains, address_domain(&a)) ? "nobody's"
		                                                 : "not local");
	else if (is_alias(last))
		directory_problem(d, PROBLEM_ERROR, &d->entries, alias,
		    "leads in a circle, or over more than %llu aliases",
		    (unsigned long long)d->settings->resolve.alias_steps);
}

/* pop3-session may open all below its mailbox: no other lies there. */
static void
check_path(struct directory *d, const struct item *entry)
{
	for (size_t i = 0; i < entry->value.len; i++) {
		const struct item *outer;

		if (entry->value.p[i] != '/')
			continue;
		outer = items_find(
		    &d->entries, FIELD_PATH, span_head(entry->value, i));
		if (outer != NULL)
			directory_problem(d, PROBLEM_ERROR, &d->entries, entry,
			    "its path= lies in the mailbox of " SPAN_FMT,
			    SPAN_ARG(directory_shown(outer->smtp)));
	}
}

static void
check_program(struct directory *d, const struct item *entry)
{
	struct command command;

	if (!command_find(
	        &d->settings->program.command, entry->value, &command))
		directory_problem(d, PROBLEM_WARNING, &d->entries, entry,
		    "no command " SPAN_FMT " in [deliver-program] of "
		    "pneu.conf: mail for it waits",
		    SPAN_ARG(entry->value));
}

static void
check_mailboxes(struct directory *d)
{
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (item->kind == ITEM_ENTRY &&
		    !mailboxes_has(d->settings->mail.directory, item->value))
			directory_problem(d, PROBLEM_WARNING, &d->entries, item,
			    "has no mailbox: mail for it waits; `pneu "
			    "directory change ADDRESS --path=PATH` makes it");
	}
}

static void
check_postmasters(struct directory *d)
{
	/* RFC 5321 4.5.1: each domain must take postmaster's mail. */
	for (size_t i = 0; i < d->domains.n; i++)
		if (!directory_has_postmaster(d, d->domains.name[i]))
			directory_problem(d, PROBLEM_NOTE, &d->entries, NULL,
			    "nobody is postmaster@%s", d->domains.name[i]);
}

static void
check_secrets(struct directory *d)
{
	for (size_t i = 0; i < d->secrets.n; i++)
		if (directory_entry_of(d, &d->secrets.p[i]) == NULL)
			directory_problem(d, PROBLEM_WARNING, &d->secrets,
			    &d->secrets.p[i],
			    "a password of nobody: no entry has this address");
}

/* An unknown user costs what [auth] says: another cost tells a guesser that
   the user exists. */
static void
check_costs(struct directory *d)
{
	size_t n = 0;
	bool costs_other;

	for (size_t i = 0; i < d->secrets.n; i++)
		if (directory_is_hash(
		        d->settings, d->secrets.p[i].value, &costs_other) &&
		    costs_other)
			n++;
	if (n > 0)
		directory_problem(d, PROBLEM_NOTE, &d->secrets, NULL,
		    "%zu passwords cost another time than [auth] says: "
		    "`directory passwd` sets them anew",
		    n);
}

static void
check_end(struct directory *d, const struct items *items)
{
	struct item last = { .line = (uint32_t)span_count_lines(items->text) };

	if (!items_are_whole(items))
		directory_problem(d, PROBLEM_WARNING, items, &last,
		    "the last line has no end: was the file cut off there?");
}

static void
check_all(struct directory *d)
{
	check_end(d, &d->entries);
	check_end(d, &d->secrets);
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (item->kind == ITEM_ENTRY)
			check_path(d, item);
		else if (item->kind == ITEM_PROGRAM)
			check_program(d, item);
		else
			check_alias(d, item);
		if (item->kind == ITEM_CATCH_ALL)
			directory_problem(
			    d, PROBLEM_NOTE, &d->entries, item, "a catch-all");
	}
	check_secrets(d);
	check_postmasters(d);
}

static void
check_thoroughly(struct directory *d)
{
	check_mailboxes(d);
	check_costs(d);
	if (!directory_is_compiled(d))
		directory_problem(d, PROBLEM_WARNING, &d->entries, NULL,
		    "the databases are not of these texts: `pneu directory "
		    "compile` makes them anew");
}

void
directory_check(struct directory *d, bool thorough)
{
	check_all(d);
	if (thorough)
		check_thoroughly(d);
	directory_sort_problems(d);
}
