/* SPDX-License-Identifier: ISC */
/*
 * answerer.h: a line service whose answers come from a compiled database: what
 * auth and resolve have in common. A new database is noticed before an answer.
 */
#ifndef RESOLVE_ANSWERER_H
#define RESOLVE_ANSWERER_H

#include "compiled.h"
#include "journal.h"
#include "sandbox.h"

#define ANSWERER_ALARM_MS 60000 /* at least, between two that clients cause */

struct answerer {
	struct compiled *database; /* NULL: none */
	/*
	 * Append the answer to a request; PERM or TEMP: the request is
	 * malformed.
	 */
	enum outcome (*answer)(struct answerer *, struct span line,
	    struct buf *out, struct fault *);
	/*
	 * An answer takes long, and its request has a password: a request is
	 * wiped, its answer leaves at once, others take turns, and several
	 * processes share the socket.
	 */
	bool is_slow;
	struct journal journal;
	bool looked; /* in this round, for a new database */
	uint64_t alarm_ms; /* of the last alarm that clients caused; 0: none */
};

/* Open the journal, close the sandbox, and serve until there is an end. */
enum outcome answerer_serve(
    struct answerer *, const struct sandbox_path *, struct fault *) MUST_USE;

/* Operator action needed: an entry in the journal, a line on fd 2. */
void answerer_alarm(struct answerer *, const char *what, const char *text);
/* What clients can cause: at most one in ANSWERER_ALARM_MS. */
void answerer_alarm_seldom(
    struct answerer *, const char *what, const char *text);

#endif
