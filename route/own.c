/* SPDX-License-Identifier: ISC */
/* own.c: which hosts of the DNS mail is never sent to. */
#include "own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static void
add_address(struct own *o, const struct net_addr *a)
{
	o->address =
	    mem_grow(o->address, o->addresses + 1, sizeof(o->address[0]));
	o->address[o->addresses++] = *a;
}

/* Link-local addresses do not lead out, those of ULA (fc00::/7) not far. */
static bool
is_global_v6(const struct net_addr *a)
{
	return a->is_v6 && (a->octet[0] & 0xE0) == 0x20; /* 2000::/3 */
}

static void
add_interface(struct own *o, const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;
	struct net_addr a;

	if (sa == NULL ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return;
	if (sa->sa_family == AF_INET)
		net_set(&a, (const void *)&v4->sin_addr, sizeof(v4->sin_addr));
	else
		net_set(
		    &a, (const void *)&v6->sin6_addr, sizeof(v6->sin6_addr));
	o->has_v6 = o->has_v6 || is_global_v6(&a);
	add_address(o, &a);
}

static enum outcome
add_interfaces(struct own *o, struct fault *f)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "addresses of the interfaces");
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		add_interface(o, i->ifa_addr);
	freeifaddrs(list);
	return OK;
}

const char *
own_parse_never(
    struct span text, struct net_range *out, size_t *n, struct span *word)
{
	const char *why;

	*n = 0;
	while (span_next(&text, ' ', word)) {
		if (word->len == 0)
			continue;
		if (*n == OWN_NEVER_MAX)
			return "one network too many";
		why = net_parse_range(*word, &out[*n]);
		if (why != NULL)
			return why;
		++*n;
	}
	return NULL;
}

enum outcome
own_begin(struct own *o, const struct settings *s, struct fault *f)
{
	struct net_addr a;
	struct span word;
	const char *why;

	*o = (struct own){ .also = &s->route.own };
	(void)!hostname_find(s, o->name, f);
	why = own_parse_never(
	    span_of(s->route.never), o->never, &o->nevers, &word);
	if (why != NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "[route] never: " SPAN_FMT ": %s", SPAN_ARG(word), why);
	for (size_t i = 0; i < o->also->n; i++)
		if (net_parse_addr(span_of(o->also->value[i]), &a))
			add_address(o, &a);
	return add_interfaces(o, f);
}

void
own_free(struct own *o)
{
	free(o->address);
	*o = (struct own){ .address = NULL };
}

bool
own_has_name(const struct own *o, const char *name)
{
	struct span text = span_of(name);

	if (span_same_nocase(text, span_of(o->name)))
		return true;
	for (size_t i = 0; i < o->also->n; i++)
		if (span_same_nocase(text, span_of(o->also->value[i])))
			return true;
	return false;
}

bool
own_has_address(const struct own *o, const struct net_addr *a)
{
	for (size_t i = 0; i < o->addresses; i++)
		if (net_same(&o->address[i], a))
			return true;
	return false;
}

bool
own_is_never(const struct own *o, const struct net_addr *a)
{
	for (size_t i = 0; i < o->nevers; i++)
		if (net_is_in(a, &o->never[i]))
			return true;
	return false;
}
