/* SPDX-License-Identifier: ISC */
/* target.c: the addresses of a host. */
#include "target.h"

#define V4_OCTETS 4

static void
read_addresses(struct addresses *to, struct span packet)
{
	bool is_v6 = to->lookup.type == ns_t_aaaa;
	size_t octets = is_v6 ? NET_OCTETS : V4_OCTETS;
	struct message m;
	ns_rr rr;

	if (message_begin(&m, packet) == MESSAGE_BROKEN)
		to->lookup.trust = DNS_FAILED;
	while (to->n < TARGET_ADDRESSES_MAX &&
	    message_next(&m, to->lookup.type, (uint16_t)octets, &rr))
		if (ns_rr_rdlen(rr) == octets)
			net_set(&to->address[to->n++], ns_rr_rdata(rr), octets);
}

static void
on_addresses(void *arg, enum dns_trust trust, struct span packet)
{
	struct addresses *to = arg;

	to->lookup.pending = false;
	if (to->lookup.closed)
		return;
	to->lookup.trust = trust;
	if (trust > DNS_BOGUS)
		read_addresses(to, packet);
}

static void
look_up(struct addresses *to, struct dns *dns, const char *name, ns_type type)
{
	struct fault f;

	to->lookup.type = type;
	to->lookup.pending = true;
	if (dns_ask(dns, name, (int)type, on_addresses, to, &f) != OK)
		to->lookup.pending = false;
}

void
target_look_up(struct target *t, struct dns *dns)
{
	look_up(&t->v4, dns, t->name, ns_t_a);
	look_up(&t->v6, dns, t->name, ns_t_aaaa);
}

bool
target_is_pending(const struct target *t)
{
	return t->v4.lookup.pending || t->v6.lookup.pending;
}

void
target_close(struct target *t)
{
	t->v4.lookup.closed = t->v6.lookup.closed = true;
}

bool
target_has_failed(const struct target *t)
{
	return t->v4.n + t->v6.n == 0 &&
	    (t->v4.lookup.trust <= DNS_BOGUS ||
	        t->v6.lookup.trust <= DNS_BOGUS);
}
