/* SPDX-License-Identifier: ISC */
/*
 * users.h: which program runs as whom, and who may talk to whom: one table,
 * in force with `[pneu] users = separate`. The supervisor, the installed users
 * and groups, `pneu services` and doc/SECURITY.md have it from here.
 *
 * A user is named pneu-<user>; what belongs to no user of its own is the home's
 * owner's. Each Unix socket in run/ belongs to the home's owner and to a group
 * pneu-to-<service> of those that may call it: 0660; but run/submit is for all
 * users of this machine, who need no group. A process is in the groups
 * of what its program calls and in the group pneu, which the configuration and
 * the journal's FIFO belong to; nothing else.
 */
#ifndef LIB_USERS_H
#define LIB_USERS_H

#include "identity.h"
#include "span.h"

#define USERS_OWNER    "pneu" /* the home's owner by default, and the group */
#define USERS_USER     "pneu-%s"
#define USERS_CALLERS  "pneu-to-%s"
#define USERS_PROGRAMS 32 /* at least as many as rows */

enum users_mode { USERS_ALL_OWNER, USERS_SEPARATE };

struct users_row {
	const char *program;
	/*
	 * smtpd, pop3d and passwdd talk to strangers, tls has their keys, route
	 * talks to the DNS, directory owns the directory, look reads it without
	 * secrets, secret reads those, store owns queue and
	 * mailboxes, program runs the administrator's commands, journal owns
	 * the journal. NULL: the home's owner.
	 */
	const char *user;
	const char *calls; /* services, separated by spaces */
};
extern const struct users_row users_rows[]; /* ends with a NULL program */

/* NULL: no such program. */
const struct users_row *users_row_of(const char *program);
/* Do both run as one user? `queue` may start queue-run then. */
bool users_are_same(const char *program, const char *other);
/* Is this the first row with its user? So that each is looked at once. */
bool users_is_first(const struct users_row *);

/*
 * The user of a program and its groups. PERM: there is no such user or group
 * here; the text has the line that makes it.
 */
enum outcome users_find(
    const char *program, struct identity *, struct fault *) MUST_USE;
/* A user, without other groups; NULL: USERS_OWNER. A group of callers; NULL: the
   group of all. PERM: as above. */
enum outcome users_find_user(
    const char *user, struct identity *, struct fault *) MUST_USE;
enum outcome users_find_callers(
    const char *service, gid_t *, struct fault *) MUST_USE;

#endif
