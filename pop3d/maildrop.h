/* SPDX-License-Identifier: ISC */
/*
 * maildrop.h: the messages of one mailbox as a session sees them: a snapshot
 * taken at login, numbered in the order of names (Pneu's begin with the
 * time of acceptance), and changed only in UPDATE. RFC 1939 4 to 6.
 *
 * A Maildir reader may move a message from new/ to cur/ or rename it for its
 * flags at any time under a session: what a name says before ':' never
 * changes, and it is looked for by that.
 */
#ifndef POP3D_MAILDROP_H
#define POP3D_MAILDROP_H

#include "maildir.h"

#define MAILDROP_UID_MAX 70 /* octets of a unique-id. RFC 1939 7 */

struct message {
	char *name; /* in new/ or cur/; owned */
	uint64_t octets; /* with CRLF line ends, before dot-stuffing */
	uint8_t base; /* octets of the name before ':' */
	uint8_t flags; /* MESSAGE_... */
};
#define MESSAGE_CUR     1U /* lies in cur/ */
#define MESSAGE_SIZED   2U /* octets is set, if only by what the name says */
#define MESSAGE_LOOKED  4U /* and by a look at the file */
#define MESSAGE_DELETED 8U /* to be removed in UPDATE */
#define MESSAGE_MISSED  16U /* not where its name says: cur/ will tell */
#define MESSAGE_GONE    32U /* another program removed it */

struct maildrop {
	int box, dir[2]; /* the mailbox; its new/ and cur/ */
	struct message *message;
	size_t n, room;
	bool unsized; /* there were some whose names do not tell a size */
	bool ordered; /* numbers may be given out */
	bool cut; /* there are more than may be shown */
};

/* What it takes to send a message. */
struct message_file {
	int fd;
	uint64_t octets; /* as in struct message; of a whole one */
	/*
	 * Delivered here with CRLF ends and no line that begins with a dot (D=0
	 * in its name), and still of the size that its name says: the whole
	 * may be sent without a look at its lines.
	 */
	bool as_it_is;
};

/*
 * Take the snapshot: one listing of new/, then of cur/ (in this order no
 * message that moves meanwhile is missed), again while cur/ changes, no file
 * opened.
 *
 * box	a descriptor of the mailbox; it is the maildrop's from here, also
 *	after an error
 * most	messages shown at most; sets cut when there are more
 *
 * TEMP	4.3.0 a directory cannot be read
 * Free with maildrop_free() in any case.
 */
enum outcome maildrop_open(
    struct maildrop *, int box, uint64_t most, struct fault *) MUST_USE;
void maildrop_free(struct maildrop *);

/*
 * How many messages are not deleted, and their octets: of at most
 * MAILDROP_LOOKS_MAX messages each by a look at its file (maildrop_octets()).
 * Of more a name's word is taken, where it has one, until that file is asked
 * for: a look costs 2 us, and where the disk has to be asked for it thousands
 * cost seconds. False: serve_stopping was set meanwhile.
 */
#define MAILDROP_LOOKS_MAX 256
bool maildrop_sum(struct maildrop *, size_t *n, uint64_t *octets);
/* Numbers are about to be given out: sort, once. */
void maildrop_order(struct maildrop *);

/* In what follows, i is a number less 1, after maildrop_order(). */

/*
 * What its name says, if the file has the size that goes with it: another
 * program may have written to it. Else it is read. 0: it is gone. Once a
 * session, and again for maildrop_read().
 */
uint64_t maildrop_octets(struct maildrop *, size_t i);
/* The same without a look, where maildrop_sum() had none. */
uint64_t maildrop_octets_said(struct maildrop *, size_t i);
/* The base name, or where that is no unique-id its hash. */
void maildrop_uid(
    const struct maildrop *, size_t i, char out[MAILDROP_UID_MAX + 1]);
/* To send the whole of it, or its top. PERM: it vanished. TEMP: cannot be read
   now. Caller closes file->fd. */
enum outcome maildrop_read(struct maildrop *, size_t i, bool whole,
    struct message_file *file, struct fault *) MUST_USE;

bool maildrop_is_deleted(const struct maildrop *, size_t i);
void maildrop_delete(struct maildrop *, size_t i);
void maildrop_undelete_all(struct maildrop *);
/*
 * UPDATE: remove what was deleted, then sync the directories touched: only
 * then may +OK be said. One that somebody else removed is removed.
 * removed(arg, i) is called for each that is gone from the directory.
 * TEMP: some were not removed, or it is not known to be on disk; the rest was.
 */
enum outcome maildrop_update(struct maildrop *,
    void (*removed)(void *arg, const struct message *), void *arg,
    struct fault *) MUST_USE;

#endif
