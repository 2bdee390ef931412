/* SPDX-License-Identifier: ISC */
/*
 * policy.h: who may send what to whom. Every such decision is made here: by the
 * client, the role of its listener, both paths, and what resolve says.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "path.h"
#include "state.h"

/*
 * At RCPT. `Postmaster` without a domain becomes postmaster of the first local
 * domain, in *forward_path (RFC 5321 4.1.1.3), and is looked up as any other
 * recipient: what is taken here can be delivered. That there is one `directory`
 * sees to.
 *
 * RULE_NONE	the recipient is accepted
 * else		the rule that refuses it, and why
 */
enum rule policy_recipient(
    struct session *, struct path *forward_path, struct fault *why);

#endif
