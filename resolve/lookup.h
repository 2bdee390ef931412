/* SPDX-License-Identifier: ISC */
/*
 * lookup.h: address to destination: local, alias, plus, catch-all.
 *
 * In this order, and an alias begins it anew with its target:
 *
 *	postmaster	no domain: the first local domain
 *	remote		the domain is not a local one, and the directory does
 *			not know the address all the same
 *	entry, alias	the entry or alias of this very address
 *	plus		the same without the part from the first delimiter on
 *	catch-all	where the domain has one
 *	unknown		perm 5.1.1
 */
#ifndef RESOLVE_LOOKUP_H
#define RESOLVE_LOOKUP_H

#include "address.h"
#include "buf.h"
#include "compiled.h"
#include "wire_resolve.h"

/* How a value in entries.cdb begins; the rest is a path, an
   address or a name. */
#define LOOKUP_MAILBOX "mailbox "
/* `quota OCTETS MESSAGES PATH`, a mailbox with limits of its own; -: the one of
   [mail] */
#define LOOKUP_QUOTA     "quota "
#define LOOKUP_ALIAS     "alias "
#define LOOKUP_CATCH_ALL "catch-all "
#define LOOKUP_PROGRAM   "program "
#define LOOKUP_REMOVED   "removed" /* all of it: a user who has left */

struct lookup {
	struct domains domains;
	struct compiled entries;
	const char *plus; /* each octet of it is a delimiter */
	struct quota quota; /* of who has none of his own */
	uint64_t steps_max; /* aliases that may follow one another */
	bool looped; /* set when a loop was met; the caller clears it */
	bool caught; /* the last answer is that of a catch-all */
};

/* PERM 5.3.5: the configuration names something that is no domain. */
enum outcome lookup_begin(
    struct lookup *, const struct settings *, struct fault *) MUST_USE;
void lookup_free(struct lookup *);

/*
 * steps: NULL, or gets a `step` record for each step.
 *
 * OK	*ans
 * PERM	5.1.1 no such user, 5.1.2 and 5.1.3 a bad address
 * TEMP	4.3.0 the database; 4.3.5 no local domain is set, or not that of an
 *	address which the directory has; 4.4.6 aliases loop
 */
enum outcome lookup_find(struct lookup *, struct span to,
    struct resolve_ans *ans, struct buf *steps, struct fault *) MUST_USE;

/* What is asked of accounts: keys of them in entries.cdb (names.h). */
#define WHO_KEY "who "

/*
 * Who an account of this machine is, by its number or its name. A number that
 * no entry has is that of account=*; of root it is the first domain's
 * postmaster.
 *
 * OK	*who
 * PERM	5.7.1 no entry is of this account
 * TEMP	4.3.0 the database
 */
enum outcome lookup_who(struct lookup *, const struct resolve_who_req *,
    struct resolve_who *who, struct fault *) MUST_USE;

#endif
