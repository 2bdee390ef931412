/* SPDX-License-Identifier: ISC */
/*
 * check.c: a wrong value is told where the file is checked. Else it is found
 * by the program that needs it, when the configuration is in force already.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_list.h"
#include "command.h"
#include "config.h"
#include "hostname.h"
#include "hub.h"
#include "layout.h"
#include "limit.h"
#include "listen.h"
#include "lists.h"
#include "prog.h"

static const char *
why_no_directory(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return strerror(errno);
	return S_ISDIR(st.st_mode) ? NULL : strerror(ENOTDIR);
}

/* NULL: it can be run. */
static const char *
why_no_file(const char *path)
{
	struct stat st;

	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
		return strerror(errno);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? NULL
	                                                   : "not a file";
}

static void
check_commands(const struct settings *s, struct buf *errors)
{
	static struct command c, first;
	const struct setting_list *list = &s->program.command;
	const char *why;
	struct fault f;

	for (size_t i = 0; i < list->n; i++) {
		if (command_parse(list->value[i], &c, &f) != OK)
			why = f.text;
		else if (command_find(list, span_of(c.name), &first) &&
		    first.line != list->value[i])
			why = "another command has this name";
		else
			why = why_no_file(c.argv[0]);
		if (why != NULL)
			config_wrong(s, list, i, errors,
			    "[deliver-program] command = %s: %s",
			    list->value[i], why);
	}
}

/* A list that cannot be read would be one that nobody is asked about. */
static void
check_dns(const struct settings *s, struct buf *errors)
{
	const struct setting_list *rbl = &s->connect.rbl,
	                          *resolver = &s->route.resolver;
	struct block_list list;
	struct fault f;
	uint16_t port;

	for (size_t i = 0; i < rbl->n; i++)
		if (i == BLOCK_LISTS_MAX)
			config_wrong(s, rbl, i, errors,
			    "[connect] rbl: more than %d lists",
			    BLOCK_LISTS_MAX);
		else if (block_list_parse(span_of(rbl->value[i]), &list, &f) !=
		    OK)
			config_wrong(s, rbl, i, errors,
			    "[connect] rbl = %s: %s", rbl->value[i], f.text);
	for (size_t i = 0; i < resolver->n; i++)
		if (i == RESOLVERS_MAX)
			config_wrong(s, resolver, i, errors,
			    "[route] resolver: more than %d", RESOLVERS_MAX);
		else if (!resolver_parse(span_of(resolver->value[i]), &port))
			config_wrong(s, resolver, i, errors,
			    "[route] resolver = %s: an address, 192.0.2.53 "
			    "or 2001:db8::53; @PORT may follow",
			    resolver->value[i]);
}

static void
check_mailhub(const struct settings *s, struct buf *errors)
{
	struct hub hub;

	if (s->route.mailhub[0] != '\0' &&
	    !hub_parse(span_of(s->route.mailhub), &hub))
		config_wrong(s, &s->route.mailhub, 0, errors,
		    "[route] mailhub = %s: a domain, [host] or [address]; "
		    ":PORT may follow",
		    s->route.mailhub);
}

/* Of each role. */
static void
check_limits(const struct settings *s, struct buf *errors)
{
	for (const struct setting_row *r = config_rows(); r->section; r++) {
		const char *const *text = config_value_of(s, r);
		struct limit_rates rates;
		struct fault f;

		if (r->type == SETTING_TEXT &&
		    span_has_prefix(span_of(r->section), "limit") &&
		    limit_parse(span_of(*text), &rates, &f) != OK)
			config_wrong(s, text, 0, errors, "[%s] %s = %s: %s",
			    r->section, r->key, *text, f.text);
	}
}

static void
check_programs(const struct settings *s, struct buf *errors)
{
	for (const struct service_row *r = service_rows; r->name; r++) {
		const char *program = service_replacement(r, s);
		const char *why = program == NULL ? NULL : why_no_file(program);

		if (why != NULL)
			config_wrong(s, &service_settings_of(r, s)->program, 0,
			    errors, "[%s] program = %s: %s", r->section,
			    program, why);
	}
}

/* Their texts are what the configuration says, too. */
static enum outcome
check_lists(struct buf *errors, struct fault *f)
{
	struct lists lists;
	enum outcome got = lists_compile(&lists, errors, f);

	lists_free(&lists);
	return got;
}

static uint64_t
number_of(const struct settings *s, const struct setting_row *row)
{
	return *(const uint64_t *)(const void *)((const char *)s + row->offset);
}

/* It looks like a limit, and one address may have all. */
static void
warn_of_clients(const struct settings *s, struct buf *warnings)
{
	for (const struct setting_row *r = config_rows(); r->section; r++) {
		const struct setting_row *max =
		    config_find_row(span_of(r->section), SPAN_LIT("max"));

		if (strcmp(r->key, "clients_per_address") == 0 &&
		    config_is_set(s, r) && number_of(s, r) > number_of(s, max))
			config_wrong(s, (const char *)s + r->offset, 0,
			    warnings,
			    "warning: [%s] clients_per_address is over max: it "
			    "limits nothing",
			    r->section);
	}
}

static void
warn_of_accounts(const struct settings *s, struct buf *warnings)
{
	const struct setting_list *names = &s->submit.trusted;

	for (size_t i = 0; i < names->n; i++)
		if (getpwnam(names->value[i]) == NULL)
			config_wrong(s, names, i, warnings,
			    "warning: [submit] trusted = %s: no such account",
			    names->value[i]);
}

/* Whose the parts of the home are, in words that mend it. */
static void
check_layout(const struct settings *s, struct buf *warnings)
{
	struct buf found = BUF_INIT(CHECK_MAX);
	struct span rest, line;

	(void)layout_check(
	    s, prog.home == NULL ? PNEU_HOME : prog.home, &found);
	rest = buf_span(&found);
	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			buf_addf(warnings, "warning: " SPAN_FMT "\n",
			    SPAN_ARG(line));
	buf_free(&found);
}

/* A start must bear a store that is not mounted yet: mail waits for it. */
static void
put_warnings(const struct settings *s, struct buf *warnings)
{
	const char *why = why_no_directory(s->mail.directory);
	char name[HOSTNAME_SIZE];
	struct fault f;

	if (hostname_find(s, name, &f) != OK)
		config_wrong(s, &s->pneu.hostname, 0, warnings,
		    "warning: %s; %s is used in its place: set [pneu] "
		    "hostname",
		    f.text, name);
	if (s->resolve.domain.n == 0)
		config_wrong(s, &s->resolve.domain, 0, warnings,
		    "warning: [resolve] has no domain: no mail is taken");
	warn_of_clients(s, warnings);
	warn_of_accounts(s, warnings);
	if (s->relay.allow == RELAY_ALL)
		config_wrong(s, &s->relay.allow, 0, warnings,
		    "warning: [relay] allow = all: this is an open relay, for "
		    "everybody who can connect");
	check_layout(s, warnings);
	if (why != NULL)
		config_wrong(s, &s->mail.directory, 0, warnings,
		    "warning: [mail] directory = %s: %s; mail waits in the "
		    "queue",
		    s->mail.directory, why);
}

enum outcome
check_config(struct settings *s, const char *path, struct buf *errors,
    struct buf *warnings, struct fault *f)
{
	struct listen_line lines[LISTEN_LINES_MAX];
	const char *why;

	if (config_load(s, path, errors, f) == TEMP)
		return TEMP;
	(void)listen_list(s, lines, errors);
	check_programs(s, errors);
	check_commands(s, errors);
	check_dns(s, errors);
	check_mailhub(s, errors);
	check_limits(s, errors);
	why = why_no_directory(s->queue.directory);
	if (why != NULL)
		config_wrong(s, &s->queue.directory, 0, errors,
		    "[queue] directory = %s: %s; `pneu init` makes it",
		    s->queue.directory, why);
	put_warnings(s, warnings);
	if (check_lists(errors, f) == TEMP)
		return TEMP;
	if (errors->len > 0)
		fault_set(f, PERM, "5.3.5", 0, "%s has errors", path);
	return f->outcome;
}

enum outcome
check_config_aloud(struct settings *s, const char *path, struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);

	if (check_config(s, path, &errors, &warnings, f) == OK)
		(void)!write(STDERR_FILENO, warnings.p, warnings.len);
	(void)!write(STDERR_FILENO, errors.p, errors.len);
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}
