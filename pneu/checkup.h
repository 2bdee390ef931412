/* SPDX-License-Identifier: ISC */
/*
 * checkup.h: `pneu check`: what is wrong, or will be, with this system and this
 * machine. One table of checks; each says what it finds, where, and what to do.
 * `status` says how it runs; `config check` what no program could run with.
 */
#ifndef START_CHECKUP_H
#define START_CHECKUP_H

#include "buf.h"

enum severity {
	CHECK_NOTE, /* worth to know; nothing is wrong */
	CHECK_RISK, /* mail works, and it should not stay so */
	CHECK_ERROR, /* mail does not work, or strangers can misuse it */
	CHECK_UNKNOWN, /* it could not be looked at */
	SEVERITIES
};

struct checkup_row {
	const char *name;
	enum severity
	    severity; /* of what is found, where nothing else is said */
	const char *user; /* who can look at it, lib/users.h; NULL: the owner */
	void (*look)(const struct checkup_row *);
};

/* Counts of each severity, from 0, which children share. NULL: no memory. */
unsigned *checkup_begin(struct fault *);
/* One finding, in a sentence. */
void checkup_say(const struct checkup_row *, enum severity, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
/* Each line of a text (config_wrong() makes such) is one. It is freed. */
void checkup_lines(const struct checkup_row *, enum severity, struct buf *);

/* checkup_net.c: ports and their owners; the name that we say, forward and back;
   the names of our addresses. */
void checkup_ports(const struct checkup_row *);
void checkup_hostname(const struct checkup_row *);
void checkup_dns(const struct checkup_row *);
void checkup_addresses(const struct checkup_row *);

/* checkup_mail.c: room; mailboxes that nobody reads. */
void checkup_storage(const struct checkup_row *);
void checkup_uncollected(const struct checkup_row *);

#endif
