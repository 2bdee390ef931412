/* SPDX-License-Identifier: ISC */
/*
 * target.h: one host that mail for a domain may go to, and what the DNS says of
 * it: looked up without waiting, all questions at once.
 */
#ifndef ROUTE_TARGET_H
#define ROUTE_TARGET_H

#include "dns.h"
#include "message.h"
#include "net.h"

#define TARGET_ADDRESSES_MAX 8 /* of one family of a host. Ours */

/* One question. It stays where it is while it is pending. */
struct lookup {
	ns_type type;
	bool pending; /* libunbound will call */
	bool closed; /* what comes now is too late */
	enum dns_trust trust; /* FAILED: also until it comes */
};

struct addresses {
	struct lookup lookup;
	struct net_addr address[TARGET_ADDRESSES_MAX];
	size_t n;
};

struct target {
	char name[MESSAGE_NAME_MAX + 1]; /* "": there is an address alone */
	uint16_t preference;
	struct addresses v4, v6;
};

/* Both its addresses. A question that cannot be asked is one that failed. */
void target_look_up(struct target *, struct dns *);
bool target_is_pending(const struct target *);
/* It stays as it is now, whatever comes. */
void target_close(struct target *);
/* Nothing can be said of it: no address came, and one question failed. */
bool target_has_failed(const struct target *);

#endif
