/* SPDX-License-Identifier: ISC */
/*
 * wanted.h: which services an operator has stopped, started or wants started
 * anew. The file `services` of the home says it, one record a service; commands
 * write it, the supervisor reads it at its start and when it is told to:
 *
 *	stopped name=smtpd time=2026-11-24T03:04:05.123Z by=ann
 *	started name=pop3d time=... by=ann	until the supervisor starts anew
 *	again name=resolve time=... by=ann now=1
 */
#ifndef START_WANTED_H
#define START_WANTED_H

#include "clock.h"
#include "operator.h"
#include "services.h"

#define WANTED_SERVICES 32 /* at least as many as rows of services.c */
#define WANTED_FILE     "services"

enum wanted_what {
	WANTED_AUTO, /* nobody said anything: as `autostart` says */
	WANTED_STOPPED,
	WANTED_STARTED,
	WANTED_AGAIN,
};

struct wanted {
	struct wanted_one {
		enum wanted_what what;
		char time
		    [CLOCK_TEXT_MAX]; /* of the order; tells it from another */
		char by[OPERATOR_MAX + 1];
		bool now; /* sessions and rounds are not waited for */
	} one[WANTED_SERVICES]; /* as service_rows */
};

/* What is said of a row. */
struct wanted_one *wanted_of(struct wanted *, const struct service_row *);
/* No file: nobody said anything. TEMP: it cannot be read. PERM: a line of it is
   none; it is passed over, the others count. */
enum outcome wanted_read(struct wanted *, struct fault *) MUST_USE;
/* Atomically, and on disk. */
enum outcome wanted_write(const struct wanted *, struct fault *) MUST_USE;
/* Held by who changes it. */
enum outcome wanted_lock(int *fd, struct fault *) MUST_USE;

/*
 * The services that a word names: one of them; smtp, pop, framework (the queue's
 * run and what it delivers by); all. False: none.
 */
bool wanted_choose(const char *word, bool chosen[WANTED_SERVICES]);
/* Does a program of `user` fail while `row` does not run? What starts later is only
   told something. */
bool wanted_needs(
    const struct service_row *user, const struct service_row *row);
/* Started with the system? By its setting; what others need has none, and is. */
bool wanted_autostart(const struct service_row *, const struct settings *);

#endif
