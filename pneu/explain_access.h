/* SPDX-License-Identifier: ISC */
/* explain_access.h: `pneu explain --client`: what each rule of access says. */
#ifndef START_EXPLAIN_ACCESS_H
#define START_EXPLAIN_ACCESS_H

#include "fault.h"

/* NULL: unsaid. */
struct access_question {
	const char *client, *user, *role, *from, *to;
	bool tls;
};

/*
 * Print the steps and the verdict. OK: there is one, also a refusal. PERM: the
 * question is none. TEMP: smtpd gives no answer.
 */
enum outcome explain_access(
    const struct access_question *, struct fault *) MUST_USE;

#endif
