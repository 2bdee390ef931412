/* SPDX-License-Identifier: ISC */
/*
 * logins.h: the names and passwords that the client of one session tries. auth
 * says which are right; a wrong one costs time, here and now, and in every other
 * session of the pool (serve_owe()).
 */
#ifndef LIB_LOGINS_H
#define LIB_LOGINS_H

#include "journal.h"
#include "serve.h"
#include "service.h"
#include "wire_auth.h"

/* Failed logins of one session, which then ends. */
#define LOGINS_FAILURES_MAX 6

struct logins {
	/* Of the process. */
	struct service *auth;
	struct journal *journal;
	const char *service; /* "pop3": for auth */
	uint64_t failed_ms; /* what the first failure costs; each more twice */
	/* Of the session. */
	const struct peer *peer;
	int in; /* the client's: is it still there? */
	uint64_t deadline_ms; /* of all logins together; monotonic */
	uint64_t failures;
	bool
	    over; /* the client hung up, or its time is over: no more guesses */
};

/*
 * One guess, when the time has passed that is owed for earlier ones.
 *
 * OK	*who has a mailbox and its ticket
 * PERM	5.7.8 wrong, or such as none can be (password.h)
 * TEMP	auth cannot say now; over: it was not asked
 *
 * A failed one is in the journal and has been paid for, as by logins_failed().
 */
enum outcome logins_try(struct logins *, struct span user, struct span password,
    struct auth_ans *who, struct fault *) MUST_USE;
/*
 * What came of a login is that fault: journal it. PERM: it was a guess. The
 * answer waits for failed_ms, twice as long after each one, and at most
 * SERVE_DEBT_MAX_MS.
 */
void logins_failed(struct logins *, struct span user, const struct fault *);

#endif
