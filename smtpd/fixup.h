/* SPDX-License-Identifier: ISC */
/*
 * fixup.h: what the header section of a submitted message lacks: Date, From,
 * Message-ID. They go behind its last field. Source: RFC 6409 8.1 to 8.3.
 */
#ifndef SMTPD_FIXUP_H
#define SMTPD_FIXUP_H

#include "buf.h"
#include "qid.h"

struct fixup {
	bool is_wanted; /* the message is a submitted one, and not done yet */
	bool has_date, has_from, has_id;
	/* Borrowed for as long as the message: whose it is, "" or the address
	   that a From is made of, and a name or "". */
	const char *hostname, *user, *name;
	struct qid qid;
};

void fixup_begin(struct fixup *, const struct qid *, const char *hostname,
    const char *user, const char *name);
/* A line of the header section. True: it is none, and begins the body. */
bool fixup_look(struct fixup *, struct span line);
/*
 * The header section ends: append the fields that it lacks, once. message_id:
 * gets the one that was made, if one was.
 */
void fixup_end(struct fixup *, struct buf *, char *message_id, size_t size);

#endif
