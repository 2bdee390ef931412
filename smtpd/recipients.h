/* SPDX-License-Identifier: ISC */
/* recipients.h: may this recipient be taken? resolve is asked, at RCPT. */
#ifndef SMTPD_RECIPIENTS_H
#define SMTPD_RECIPIENTS_H

#include "path.h"
#include "state.h"

/*
 * `Postmaster` without a domain becomes postmaster of the first local domain,
 * in *path (RFC 5321 4.1.1.3), and is looked up as any other recipient: what
 * is taken here can be delivered. That there is one `directory` sees to.
 *
 * RULE_NONE	it may
 * else		the rule that refuses it, and why
 */
enum rule recipients_check(
    struct session *, struct path *path, struct fault *why);

#endif
