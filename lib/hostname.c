/* SPDX-License-Identifier: ISC */
/* hostname.c: the setting, or the machine's name if it is one. */
#include "hostname.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_DOMAIN "localdomain" /* where there is no local domain */

static const char *
first_domain(const struct settings *s)
{
	for (size_t i = 0; i < s->resolve.domain.n; i++)
		if (path_is_domain(span_of(s->resolve.domain.value[i]), false))
			return s->resolve.domain.value[i];
	return NO_DOMAIN;
}

static bool
join(char out[HOSTNAME_SIZE], const char *host, const char *domain)
{
	int n = snprintf(out, HOSTNAME_SIZE, "%s.%s", host, domain);

	return n < HOSTNAME_SIZE && path_is_domain(span_of(out), false);
}

enum outcome
hostname_find(
    const struct settings *s, char out[HOSTNAME_SIZE], struct fault *f)
{
	const char *domain = first_domain(s);
	char machine[HOSTNAME_SIZE] = "";

	f->outcome = OK;
	if (s->pneu.hostname[0] != '\0') {
		(void)snprintf(out, HOSTNAME_SIZE, "%s", s->pneu.hostname);
		return OK;
	}
	(void)gethostname(machine, sizeof(machine) - 1);
	if (strchr(machine, '.') != NULL &&
	    path_is_domain(span_of(machine), false)) {
		(void)snprintf(out, HOSTNAME_SIZE, "%s", machine);
		return OK;
	}
	if (join(out, machine, domain))
		return OK;
	if (!join(out, "localhost", domain))
		(void)join(out, "localhost", NO_DOMAIN);
	return fault_set(f, PERM, "5.3.5", 0,
	    "this machine's name is no host name: '%s'", machine);
}
