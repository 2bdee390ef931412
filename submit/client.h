/* SPDX-License-Identifier: ISC */
/*
 * client.h: SMTP to the mail system, over its socket for the users of this
 * machine. Who calls it knows from the kernel; it tells the caller's address,
 * which is the sender where none was given.
 */
#ifndef SUBMIT_CLIENT_H
#define SUBMIT_CLIENT_H

#include "addresses.h"
#include "arguments.h"
#include "message.h"

#define CLIENT_SOCKET "run/submit" /* in the home */

/* Where it was when something was refused: for the exit status. */
enum client_stage {
	STAGE_CONNECT,
	STAGE_SENDER,
	STAGE_RECIPIENT,
	STAGE_MESSAGE,
	STAGE_DONE
};

/*
 * Send the message from the connection's caller. All recipients are accepted or
 * nothing is sent.
 *
 * fd		connected; the caller closes it
 * sender	NULL: the caller's own address
 * answer	gets the words of the last reply
 *
 * OK	it is queued. PERM: refused. TEMP: it can be tried again; *stage tells
 *	what was being done.
 */
enum outcome client_send(int fd, const struct arguments *, const char *sender,
    const struct addresses *, const struct message *, enum client_stage *stage,
    struct buf *answer, struct fault *) MUST_USE;
/* -bs: octets between fds 0 and 1 and the connection, until both ended. */
enum outcome client_join(int fd, struct fault *) MUST_USE;

#endif
