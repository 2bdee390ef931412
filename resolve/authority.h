/* SPDX-License-Identifier: ISC */
/*
 * authority.h: what auth answers: who is locked out is not looked at, all others
 * are verified, and what comes of it is counted.
 */
#ifndef RESOLVE_AUTHORITY_H
#define RESOLVE_AUTHORITY_H

#include "answerer.h"
#include "checker.h"
#include "lockouts.h"
#include "verify.h"

struct authority {
	struct answerer answerer; /* first: its functions get this */
	struct verifier verifier;
	struct lockouts lockouts;
	struct checker checker; /* of [auth] checkpassword */
};

/*
 * With what the supervisor gives by the environment: the key of tickets, the
 * memories of logins and of failures; alone with its own. Before the sandbox.
 */
enum outcome authority_begin(
    struct authority *, const struct settings *, struct fault *) MUST_USE;
void authority_end(struct authority *);

#endif
