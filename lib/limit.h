/* SPDX-License-Identifier: ISC */
/*
 * limit.h: how much SMTP clients may do in a minute and in an hour.
 *
 * The section [limit] says how much; what was done is counted in a file of the
 * home that all workers map, without a system call, so that neither another
 * worker nor a restart forgets it. Of the window before its part counts: who has
 * sent 500 in the last hour may send 250 half an hour later. Of the places where
 * a count may lie the one that was used longest ago is taken: who comes from
 * many networks is forgotten sooner, and what counts all clients never is.
 */
#ifndef LIB_LIMIT_H
#define LIB_LIMIT_H

#include <stdatomic.h>

#include "fault.h"
#include "span.h"

enum limit_kind {
	LIMIT_CONNECTIONS,
	LIMIT_MESSAGES, /* MAIL commands that were taken */
	LIMIT_RECIPIENTS, /* that were taken, of this system or not */
	LIMIT_RELAYED, /* recipients elsewhere, not those of reports */
	LIMIT_FAILURES, /* commands that were wrong or refused */
	LIMIT_KINDS
};
enum limit_window { LIMIT_MINUTE, LIMIT_HOUR, LIMIT_WINDOWS };
/* Whose they are; the keys of [limit]. */
enum limit_who { LIMIT_CLIENT, LIMIT_USER, LIMIT_ALL, LIMIT_WHOS };
enum limit_state { LIMIT_NORMAL, LIMIT_DELAY, LIMIT_REFUSE };

const char *limit_kind_name(enum limit_kind);
const char *limit_window_name(enum limit_window);
const char *limit_who_name(enum limit_who);
const char *limit_state_name(enum limit_state);

#define LIMIT_MOST 1000000 /* that a limit may be */

/* What one line of [limit] allows. 0: any number. */
struct limit_rates {
	uint32_t most[LIMIT_KINDS][LIMIT_WINDOWS];
};
/*
 * "60 connections/minute, 1000 recipients/hour"; empty: no limits. PERM 5.3.5:
 * it is none; a kind and window said twice.
 */
enum outcome limit_parse(
    struct span text, struct limit_rates *, struct fault *) MUST_USE;

#define LIMITS_PATH   "run/limits"
#define LIMITS_ENV    "PNEU_LIMITS" /* its descriptor, to read and write */
#define LIMITS_PLACES 8192 /* clients, users and roles. Chosen: 1.3 MiB */
#define LIMITS_WAYS   4 /* where one may lie */
#define LIMITS_WORDS  6 /* of 8 octets: as much of a name is kept, to be shown */
#define LIMITS_NAME   (LIMITS_WORDS * sizeof(uint64_t))
#define LIMITS_KEY    16 /* octets: nobody outside knows where names lie */

struct limit_place {
	_Atomic uint64_t hash; /* of role, who and name; 0: free */
	_Atomic uint64_t used_ms; /* wall clock */
	_Atomic uint64_t what; /* role * 256 + who */
	_Atomic uint64_t name[LIMITS_WORDS];
	/* Number of the window (24 bits), count of the one before and of this
	   one (20 bits each). */
	_Atomic uint64_t count[LIMIT_KINDS][LIMIT_WINDOWS];
};

struct limit_table {
	uint64_t magic;
	unsigned char key[LIMITS_KEY];
	struct limit_place place[LIMITS_PLACES];
};

struct limits {
	struct limit_table *table; /* NULL: nothing is counted or limited */
};

/* For the supervisor: the file, which is emptied if it is none of this build.
   Its descriptor, or -1 with errno set. */
int limits_make(void);
/* By the descriptor that LIMITS_ENV names, else by the path; before the sandbox.
   Where it is not to be had, nothing is counted. */
void limits_open(struct limits *, bool writes);
void limits_close(struct limits *);

/* Whom a count is of. */
struct limit_subject {
	enum limit_who who;
	unsigned role; /* of the listener; a user is one and the same in all */
	struct span name; /* a network, an address; of LIMIT_ALL empty */
};

/* The limit that is nearest, of those asked for. */
struct limit_found {
	enum limit_state state;
	enum limit_window window;
	uint64_t used, most; /* most 0: there is no limit */
};

/*
 * Where does the subject stand with this kind? n: count so many more first; what
 * is refused counts nothing. Of two that come at once and would be one too many
 * both may be refused, but never both let in. delay_pct: of a limit, from there
 * on its state is LIMIT_DELAY; 100: never.
 */
struct limit_found limits_ask(struct limits *, const struct limit_subject *,
    const struct limit_rates *, enum limit_kind, uint64_t n, uint64_t delay_pct,
    uint64_t now_ms);
/* The same of a place, for who lists them; NULL: nothing was counted. */
struct limit_found limits_look(const struct limit_place *,
    const struct limit_rates *, enum limit_kind, uint64_t delay_pct,
    uint64_t now_ms);

#endif
