/* SPDX-License-Identifier: ISC */
/*
 * session.h: the TRANSACTION and UPDATE states of one maildrop (RFC 1939 5, 6).
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include "journal.h"
#include "maildrop.h"
#include "settings.h"
#include "stream.h"

struct session {
	const struct settings *settings;
	struct journal *journal;
	struct stream stream;
	struct maildrop drop;
	const char *user, *path, *ip; /* borrowed, for the journal */
	uint64_t errors;
	uint64_t retrieved, deleted, octets; /* for the journal */
	bool begun; /* the snapshot was taken */
	bool quit; /* QUIT was said: the only way into UPDATE */
	bool over;
};

/* Where a session reads and writes, and whose it is. All of it borrowed. */
struct session_about {
	const struct settings *settings;
	struct journal *journal;
	const char *user, *path, *ip;
};

/*
 * Lock the maildrop and take the snapshot. box, a descriptor of the mailbox,
 * is the session's from here. After an error the client has been told and the
 * session is over already.
 */
void session_begin(
    struct session *, const struct session_about *, int box, int in, int out);
/* Octets that came with the hand-over: commands sent before the answer. */
void session_give_unread(struct session *, struct span);
/* Commands until QUIT, the end of input or a deadline; then UPDATE if QUIT. */
void session_run(struct session *);
void session_free(struct session *);

#endif
