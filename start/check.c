/* SPDX-License-Identifier: ISC */
/*
 * check.c: a wrong value is told where the file is checked. Else it is found
 * by the program that needs it, when the configuration is in force already.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "path.h"

/* A domain that can stand in an address, as resolve asks it. */
static bool
is_domain(const char *name, bool ascii)
{
	char text[PATH_TEXT_MAX + 1];
	struct path path;
	struct fault f;

	return (size_t)snprintf(text, sizeof(text), "x@%s", name) <
	    sizeof(text) &&
	    path_parse_bare(span_of(text), &path, &f) == OK &&
	    (!ascii || path_is_ascii(&path));
}

static const char *
why_no_directory(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return strerror(errno);
	return S_ISDIR(st.st_mode) ? NULL : strerror(ENOTDIR);
}

void
check_values(const struct settings *s, struct buf *errors)
{
	const struct setting_list *domain = &s->resolve.domain;
	const char *why = why_no_directory(s->queue.directory);

	if (s->pneu.hostname[0] != '\0' && !is_domain(s->pneu.hostname, true))
		config_wrong(s, &s->pneu.hostname, 0, errors,
		    "[pneu] hostname = %s: not a host name", s->pneu.hostname);
	for (size_t i = 0; i < domain->n; i++)
		if (!is_domain(domain->value[i], false))
			config_wrong(s, domain, i, errors,
			    "[resolve] domain = %s: not a domain name",
			    domain->value[i]);
	if (why != NULL)
		config_wrong(s, &s->queue.directory, 0, errors,
		    "[queue] directory = %s: %s; `pneu init` makes it",
		    s->queue.directory, why);
}

/* A start must bear a store that is not mounted yet: mail waits for it. */
void
check_warnings(const struct settings *s, struct buf *warnings)
{
	const char *why = why_no_directory(s->mail.directory);

	if (s->resolve.domain.n == 0)
		config_wrong(s, &s->resolve.domain, 0, warnings,
		    "warning: [resolve] has no domain: no mail is taken");
	if (why != NULL)
		config_wrong(s, &s->mail.directory, 0, warnings,
		    "warning: [mail] directory = %s: %s; mail waits in the "
		    "queue",
		    s->mail.directory, why);
}
