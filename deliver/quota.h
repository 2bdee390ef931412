/* SPDX-License-Identifier: ISC */
/*
 * quota.h: has a mailbox room for one more, by its quota? Asked only for a
 * mailbox that has one: for others nothing is done, and nothing kept.
 */
#ifndef DELIVER_QUOTA_H
#define DELIVER_QUOTA_H

#include "mailbox.h"
#include "usage.h"

struct quota_check {
	int fd; /* of its use; -1: none is kept */
	uint64_t octets; /* of the message */
};

/*
 * By what is kept of its use, which is counted anew where there is none, where
 * it is a day old, or where it says full and is older than USAGE_OLD_MS: other
 * programs remove mail unseen.
 *
 * OK	there is room; quota_took() or quota_end() is to follow
 * TEMP	4.2.2 there is none; 4.3.0 it cannot be counted
 */
enum outcome quota_check(struct mailbox_store *, const struct deliver_req *,
    struct quota_check *, struct fault *) MUST_USE;
/* It was delivered. */
void quota_took(struct quota_check *);
void quota_end(struct quota_check *);

#endif
