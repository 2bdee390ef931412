/* SPDX-License-Identifier: ISC */
/* directory_check.c: what is wrong between the lines. */
#include <stdio.h>

#include "command.h"
#include "directory.h"
#include "maker.h"
#include "names.h"

/* Where a problem is of no line, but of the file. */
static const struct line of_entries = { .file = DIRECTORY_ENTRIES };
static const struct line of_secrets = { .file = DIRECTORY_SECRETS };

/* The line that answers for an address, in the order of lookup.h. */
static const struct line *
find_answer(const struct directory *d, const struct address *a)
{
	struct address base = *a;
	const struct line *line = directory_find(d, address_key(a));

	if (line == NULL &&
	    address_drop_detail(&base, d->settings->resolve.plus))
		line = directory_find(d, address_key(&base));
	if (line == NULL)
		line = directory_find(d, address_at_domain(a));
	return line != NULL && line->has_left ? NULL : line;
}

/*
 * Where a line leads: what mail is delivered to, `stop`, or NULL, and then
 * *target is the address that does not exist here. An alias: it is a circle, or
 * too long.
 */
static const struct line *
last_line(const struct directory *d, const struct line *line,
    const struct line *stop, struct address *target)
{
	struct fault f;

	for (uint64_t i = 0;
	     i < d->settings->resolve.alias_steps && line_is_alias(line); i++) {
		/* That it is an address was seen when it was parsed. */
		if (address_make(line->value, target, &f) != OK ||
		    !domains_has(&d->domains, address_domain(target)))
			return NULL;
		line = find_answer(d, target);
		if (line == NULL || line == stop)
			break;
	}
	return line;
}

bool
directory_leads_to(
    const struct directory *d, const struct line *alias, const struct line *to)
{
	struct address target;

	return line_is_alias(alias) && last_line(d, alias, to, &target) == to;
}

/* Is mail for postmaster@domain delivered? */
static bool
has_postmaster(const struct directory *d, const char *domain)
{
	char text[sizeof("postmaster@") + DOMAIN_MAX];
	const struct line *line;
	struct address a;
	struct fault f;

	(void)snprintf(text, sizeof(text), "postmaster@%s", domain);
	if (address_make(span_of(text), &a, &f) != OK)
		return false;
	line = find_answer(d, &a);
	if (line != NULL)
		line = last_line(d, line, NULL, &a);
	return line != NULL && !line_is_alias(line);
}

static void
check_alias(struct directory *d, const struct line *alias)
{
	struct address a;
	const struct line *last = last_line(d, alias, NULL, &a);

	if (last == NULL)
		directory_problem(d, PROBLEM_WARNING, alias,
		    "leads to " SPAN_FMT ", which %s",
		    SPAN_ARG(span_head(address_key(&a), DIRECTORY_SHOWN_MAX)),
		    domains_has(&d->domains, address_domain(&a))
		        ? "does not exist"
		        : "is not local");
	else if (line_is_alias(last))
		directory_problem(d, PROBLEM_ERROR, alias,
		    "leads in a circle, or over more than %llu aliases",
		    (unsigned long long)d->settings->resolve.alias_steps);
	if (alias->kind == LINE_CATCH_ALL)
		directory_problem(d, PROBLEM_NOTE, alias, "a catch-all");
}

static void
check_program(struct directory *d, const struct line *entry)
{
	struct command command;

	if (!command_find(
	        &d->settings->program.command, entry->value, &command))
		directory_problem(d, PROBLEM_WARNING, entry,
		    "no command " SPAN_FMT " in [deliver-program] of "
		    "pneu.conf: mail for it waits",
		    SPAN_ARG(entry->value));
}

/* He is there until an operator says that it is enough. */
static void
check_leaver(struct directory *d, const struct line *entry)
{
	size_t n = maker_count(d->settings->mail.directory, entry->value);

	if (n > 0)
		directory_problem(d, PROBLEM_NOTE, entry,
		    "removed, and %zu message%s in the mailbox: the user can "
		    "fetch them; `directory remove --purge` deletes them",
		    n, n == 1 ? " lies" : "s lie");
	else
		directory_problem(d, PROBLEM_NOTE, entry,
		    "removed, and the mailbox is empty: `directory remove "
		    "--purge` ends it");
}

static void
check_mailbox(struct directory *d, const struct line *entry)
{
	if (entry->has_left)
		check_leaver(d, entry);
	else if (!maker_has(d->settings->mail.directory, entry->value))
		directory_problem(d, PROBLEM_WARNING, entry,
		    "has no mailbox: mail for it waits; `pneu "
		    "directory change ADDRESS --path=PATH` makes it");
}

static void
check_entries(struct directory *d, bool thorough)
{
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];

		if (line_is_alias(line))
			check_alias(d, line);
		else if (line->kind == LINE_PROGRAM)
			check_program(d, line);
		else if (line->kind == LINE_ENTRY && thorough)
			check_mailbox(d, line);
	}
}

/* pop3-session may open all below its mailbox: no other lies there. */
static void
check_path(struct directory *d, const struct line_index *by_path,
    const struct line *entry)
{
	for (size_t i = 0; i < entry->value.len; i++) {
		const struct line *outer = entry->value.p[i] != '/'
		    ? NULL
		    : line_index_find(by_path, span_head(entry->value, i));

		if (outer != NULL)
			directory_problem(d, PROBLEM_ERROR, entry,
			    "its path= lies in the mailbox of " SPAN_FMT,
			    SPAN_ARG(
			        span_head(outer->smtp, DIRECTORY_SHOWN_MAX)));
	}
}

/* Paths, user ids and logins: what two entries may not share. */
static void
check_fields(struct directory *d)
{
	struct line_index x;

	line_index_make(d, &d->entries, FIELD_PATH, &x);
	for (size_t i = 0; i < d->entries.lines; i++)
		if (d->entries.line[i].kind == LINE_ENTRY)
			check_path(d, &x, &d->entries.line[i]);
	line_index_free(&x);
	line_index_make(d, &d->entries, FIELD_USERID, &x);
	line_index_free(&x);
	names_check(d);
}

/* RFC 5321 4.5.1: each domain must take postmaster's mail. A change must not
   end that; that it had none before is no fault of the change. */
static void
check_postmasters(struct directory *d)
{
	for (size_t i = 0; i < d->domains.n; i++) {
		const char *domain = d->domains.name[i];
		bool has = has_postmaster(d, domain);

		if (!has && d->has_postmaster[i])
			directory_problem(d, PROBLEM_ERROR, &of_entries,
			    "%s would have no postmaster, but each domain "
			    "needs one (RFC 5321 4.5.1): `directory alias add "
			    "postmaster ADDRESS --replace` gives it to another",
			    domain);
		else if (!has)
			directory_problem(d, PROBLEM_WARNING, &of_entries,
			    "%s has no postmaster: `directory alias add "
			    "postmaster@%s ADDRESS`",
			    domain, domain);
		d->has_postmaster[i] = has;
	}
}

/* An unknown user costs what [auth] says: another cost tells a guesser that
   the user exists. */
static void
check_secrets(struct directory *d, bool thorough)
{
	size_t n = 0;
	bool costs_other = false;

	for (size_t i = 0; i < d->secrets.lines; i++) {
		const struct line *line = &d->secrets.line[i];

		if (line->kind == LINE_NONE)
			continue;
		if (directory_entry_of(d, line) == NULL)
			directory_problem(d, PROBLEM_WARNING, line,
			    "a password without an entry");
		if (thorough &&
		    directory_is_hash(d->settings, line->value, &costs_other) &&
		    costs_other)
			n++;
	}
	if (n > 0)
		directory_problem(d, PROBLEM_NOTE, &of_secrets,
		    "%zu passwords cost another time than [auth] says: "
		    "`directory passwd` sets them anew",
		    n);
}

static void
check_end(struct directory *d, const struct text *t)
{
	struct line last = { .file = t->name, .number = (uint32_t)t->lines };

	if (!text_is_whole(t))
		directory_problem(d, PROBLEM_WARNING, &last,
		    "the last line has no end: was the file cut off there?");
}

void
directory_check(struct directory *d, bool thorough)
{
	struct fault f;

	check_end(d, &d->entries);
	check_end(d, &d->secrets);
	check_fields(d);
	check_entries(d, thorough);
	check_secrets(d, thorough);
	check_postmasters(d);
	if (!thorough || directory_is_compiled(d))
		return;
	if (directory_expect_records(d, &f) != OK)
		directory_problem(
		    d, PROBLEM_WARNING, &of_entries, "%s", f.text);
	else
		directory_problem(d, PROBLEM_WARNING, &of_entries,
		    "the databases do not fit the texts: `pneu directory "
		    "compile` makes them anew");
}
