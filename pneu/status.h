/* SPDX-License-Identifier: ISC */
/*
 * status.h: one screen: is all well, and if not, what is not. Each part looks
 * at one thing and says it as objects; the text is made of these, so
 * text and --json are the same. A line that is not well begins with `!`.
 */
#ifndef START_STATUS_H
#define START_STATUS_H

#include "output.h"
#include "settings.h"
#include "space.h"

struct status {
	uint64_t now_ms;
	bool well;
};

/*
 * Print one object, which is taken over, by its words (phrase.h). `well` of it
 * is false where an operator should look, and `advice`, if it is there, says
 * how. Words that come to nothing are no line.
 */
void status_put(struct status *, json_t *, const char *words);
/* What could not be looked at; `part` of it, or NULL. */
void status_fail(
    struct status *, const char *what, const char *part, const struct fault *);

/* The supervisor and its services, from run/pneu. */
void status_services(struct status *);
/* Block lists, from run/route; where none is set, nothing. */
void status_lists(struct status *);
/* Whom [limit] delays or refuses; where nobody is, nothing. */
void status_limits(struct status *, const struct settings *);
/* Counts of each state, the oldest, aside/, queue/trouble. */
void status_queue(struct status *, const char *queue);
/* Mailboxes with a quota: how many, how many of them are full. */
void status_quota(struct status *);
/* What to say of its room; NULL: there is enough. Only the queue's file system keeps
   mail out; the others fill up. */
const char *status_disk_advice(const char *what, const struct space *);
/* Free space, type, journal of the file system. */
void status_disk(struct status *, const char *what, const char *path);
/* Entries lost, alarms, deaths, links against copies: the journal's end. */
void status_journal(struct status *);

/* Accounts and addresses that are locked out. */
void status_lockouts(struct status *);

#endif
