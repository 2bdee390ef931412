/* SPDX-License-Identifier: ISC */
/* users.c: who runs as whom, who may talk to whom. */
#include "users.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct users_row users_rows[] = {
	{ "smtpd", "smtpd", "auth resolve route queue-add tls-keys" },
	{ "pop3d", "pop3d", "auth pop3-session tls-keys" },
	{ "pop3-session", "store", "" },
	{ "passwdd", "passwdd", "auth directory-self tls-keys" },
	{ "directory-self", "directory", "" },
	{ "resolve", "look", "" },
	{ "route", "route", "" },
	{ "auth", "secret", "" },
	{ "tls-keys", "tls", "" },
	{ "queue-add", "store", "queue-run" },
	{ "queue-run", "store",
	    "resolve queue-add deliver-mailbox deliver-program" },
	{ "deliver-mailbox", "store", "" },
	{ "deliver-program", "program", "" },
	{ "journal-write", "journal", "" },
	/* The operator's. */
	{ "queue", "store", "queue-run" },
	{ "journal", "journal", "" },
	{ "directory", "directory", "" },
	{ "certs", NULL, "" },
	{ "pneu", NULL, "resolve route" },
	{ NULL, NULL, NULL },
};

const struct users_row *
users_row_of(const char *program)
{
	for (const struct users_row *r = users_rows; r->program != NULL; r++)
		if (strcmp(r->program, program) == 0)
			return r;
	return NULL;
}

static bool
have_same(const struct users_row *a, const struct users_row *b)
{
	if (a->user == NULL || b->user == NULL)
		return a->user == b->user;
	return strcmp(a->user, b->user) == 0;
}

bool
users_are_same(const char *program, const char *other)
{
	const struct users_row *a = users_row_of(program);
	const struct users_row *b = users_row_of(other);

	return a != NULL && b != NULL && have_same(a, b);
}

bool
users_is_first(const struct users_row *row)
{
	for (const struct users_row *r = users_rows; r < row; r++)
		if (have_same(r, row))
			return false;
	return true;
}

enum outcome
users_find_user(const char *user, struct identity *who, struct fault *f)
{
	const struct passwd *p;

	*who = (struct identity){ .groups = 0 };
	(void)snprintf(who->name, sizeof(who->name),
	    user == NULL ? USERS_OWNER : USERS_USER, user);
	p = getpwnam(who->name);
	if (p == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "there is no user %s: `useradd --system --user-group "
		    "--no-create-home --home-dir /nonexistent --shell "
		    "/usr/sbin/nologin %s` makes it",
		    who->name, who->name);
	if (p->pw_uid == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "user %s is root: nothing here runs as root", who->name);
	who->uid = p->pw_uid;
	who->gid = p->pw_gid;
	return OK;
}

enum outcome
users_find_callers(const char *service, gid_t *gid, struct fault *f)
{
	char name[IDENTITY_NAME_MAX + 1];
	const struct group *g;

	(void)snprintf(name, sizeof(name),
	    service == NULL ? USERS_OWNER : USERS_CALLERS, service);
	g = getgrnam(name);
	if (g == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "there is no group %s: `groupadd --system %s` makes it",
		    name, name);
	*gid = g->gr_gid;
	return OK;
}

enum outcome
users_find(const char *program, struct identity *who, struct fault *f)
{
	const struct users_row *row = users_row_of(program);
	struct span calls, word;
	char service[IDENTITY_NAME_MAX + 1];

	if (row == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s has no user in the table of users", program);
	if (users_find_user(row->user, who, f) != OK ||
	    users_find_callers(NULL, &who->group[who->groups++], f) != OK)
		return f->outcome;
	calls = span_of(row->calls);
	while (span_next(&calls, ' ', &word)) {
		if (word.len == 0)
			continue;
		(void)span_copy(word, service, sizeof(service));
		if (who->groups == IDENTITY_GROUPS_MAX)
			abort();
		if (users_find_callers(
		        service, &who->group[who->groups++], f) != OK)
			return f->outcome;
	}
	return OK;
}
