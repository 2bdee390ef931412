/* SPDX-License-Identifier: ISC */
/*
 * addresses.h: an address-list of a header field or of the command line, to
 * addresses. Source: RFC 5322 3.4, with what 4.4 calls obsolete: routes, white
 * space and comments between the parts, empty members. Besides names without a
 * domain, which mean users of this machine.
 */
#ifndef SUBMIT_ADDRESSES_H
#define SUBMIT_ADDRESSES_H

#include "buf.h"

#define ADDRESSES_MAX 10000 /* of a message. queue.recipients_max's default */
/* Octets that they take, a line each. */
#define ADDRESSES_OCTETS_MAX (4UL * 1024 * 1024)

struct addresses {
	struct buf text; /* one a line */
	size_t n;
};
#define ADDRESSES_INIT ((struct addresses){ BUF_INIT(ADDRESSES_OCTETS_MAX), 0 })

/*
 * Append those of a list. It may be folded over lines; groups give their
 * members.
 * PERM	5.1.3 it is none; the text says where. 4.5.3: too many
 */
enum outcome addresses_add(
    struct addresses *, struct span list, struct fault *) MUST_USE;
void addresses_free(struct addresses *);

#endif
