/* SPDX-License-Identifier: ISC */
/* operator.c: who called a command. */
#include "operator.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "span.h"

static bool
take_name(const char *from, char name[OPERATOR_MAX + 1])
{
	struct span s = span_of(from == NULL ? "" : from);

	return s.len > 0 && span_is_all(s, is_graph) &&
	    span_copy(s, name, OPERATOR_MAX + 1);
}

const char *
operator_name(void)
{
	static char name[OPERATOR_MAX + 1];
	char login[OPERATOR_MAX + 1] = "";
	const struct passwd *who;

	if (name[0] != '\0' || take_name(getenv("SUDO_USER"), name) ||
	    (getlogin_r(login, sizeof(login)) == 0 && take_name(login, name)))
		return name;
	who = getpwuid(getuid());
	if (who == NULL || !take_name(who->pw_name, name))
		(void)snprintf(
		    name, sizeof(name), "%lu", (unsigned long)getuid());
	return name;
}
