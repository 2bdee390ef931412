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
	const char *service; /* AUTH_POP3 or AUTH_SMTP: for auth */
	const char *failed_code; /* of the journal */
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
 * TEMP	auth cannot say now; logins_is_locked(); over: it was not asked
 *
 * A failed one is in the journal and has been paid for, as by logins_failed().
 */
enum outcome logins_try(struct logins *, struct span user, struct span password,
    struct auth_ans *who, struct fault *) MUST_USE;
/*
 * The same by SCRAM, in two steps. The first asks for the salt and iterations of
 * a name, in *who: everybody has some, so none of them says who exists.
 *
 * OK	TEMP as of logins_try(), which is not asked for a guess by this one
 */
enum outcome logins_salt(struct logins *, struct span user,
    struct auth_ans *who, struct fault *) MUST_USE;
/* message: AuthMessage; proof: SCRAM_HASH_LEN octets. Outcomes and costs as of
   logins_try(); OK: *who has the signature, too. */
enum outcome logins_prove(struct logins *, struct span user,
    struct span message, const unsigned char *proof, struct auth_ans *who,
    struct fault *) MUST_USE;
/* Too many have failed here: the account or the address is locked out. */
bool logins_is_locked(const struct fault *);
/*
 * What came of a login is that fault: journal it. PERM, or locked out: it was a
 * guess. The
 * answer waits for failed_ms, twice as long after each one, and at most
 * SERVE_DEBT_MAX_MS.
 */
void logins_failed(struct logins *, struct span user, const struct fault *);

#endif
