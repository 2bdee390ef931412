/* SPDX-License-Identifier: ISC */
/*
 * own.h: which hosts of the DNS mail is never sent to: this machine itself, for
 * that would be a loop (RFC 5321 5.1), and addresses that are nobody's host.
 */
#ifndef ROUTE_OWN_H
#define ROUTE_OWN_H

#include "hostname.h"
#include "net.h"

#define OWN_NEVER_MAX 32 /* networks of [route] never. Ours */

struct own {
	char name[HOSTNAME_SIZE];
	const struct setting_list *also; /* [route] own: names, addresses */
	struct net_addr *address; /* of the interfaces, and of `also` */
	size_t addresses;
	bool has_v6; /* one that others can reach */
	struct net_range never[OWN_NEVER_MAX];
	size_t nevers;
};

/*
 * Reads the addresses of the interfaces: before the sandbox. The settings stay
 * where they are. PERM 5.3.5: [route] never has what is no network, or too many.
 */
enum outcome own_begin(
    struct own *, const struct settings *, struct fault *) MUST_USE;
void own_free(struct own *);

bool own_has_name(const struct own *, const char *name);
bool own_has_address(const struct own *, const struct net_addr *);
bool own_is_never(const struct own *, const struct net_addr *);

/* The text of [route] never. NULL, or what is wrong with *word of it. */
const char *own_parse_never(
    struct span text, struct net_range *out, size_t *n, struct span *word);

#endif
