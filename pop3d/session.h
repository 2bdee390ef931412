/* SPDX-License-Identifier: ISC */
/*
 * session.h: the TRANSACTION and UPDATE states of one maildrop (RFC 1939 5, 6).
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include "command.h"
#include "journal.h"
#include "maildrop.h"
#include "settings.h"

/* Whose session it is, and what it was before. All of it borrowed. */
struct session_about {
	const struct settings *settings;
	struct journal *journal;
	const char *user, *path, *ip; /* for the journal; ip "": none */
	struct span unread; /* commands that came with the hand-over */
	/* Of a mailbox with a quota: the file of its use, open for a line that
	   takes off what is removed (lib/usage.h). NULL: none. */
	const int *use;
	struct trace *trace; /* NULL: none */
};

struct session {
	const struct session_about *about;
	struct stream stream;
	struct talk talk;
	struct maildrop drop;
	/* Of the command in hand: its message's number less 1, or NO_MESSAGE;
	   its number of lines, or SPOOL_ALL. */
	size_t message;
	uint64_t lines;
	uint64_t retrieved, deleted, octets; /* for the journal */
	uint64_t freed; /* octets of the files that were removed */
	bool begun; /* the snapshot was taken */
	bool quit; /* QUIT was said: the only way into UPDATE */
};

/*
 * Lock the maildrop and take the snapshot. box, a descriptor of the mailbox,
 * is the session's from here. After an error the client has been told and the
 * session is over already.
 */
void session_begin(
    struct session *, const struct session_about *, int box, int in, int out);
/* Commands until QUIT, the end of input or a deadline; then UPDATE if QUIT. */
void session_run(struct session *);
void session_free(struct session *);

#endif
