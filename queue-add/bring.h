/* SPDX-License-Identifier: ISC */
/*
 * bring.h: `queue-add -f sender rcpt... < message`: one message from a shell,
 * through the same acceptance as all others.
 */
#ifndef QUEUE_ADD_BRING_H
#define QUEUE_ADD_BRING_H

#include "accept.h"

struct bring {
	const char *sender; /* ann@example.org, <ann@example.org>, or "" */
	char *const *rcpt; /* of the same form */
	size_t rcpts;
	uid_t uid; /* who calls; it stands in Received: */
	uint64_t size_max; /* octets of content */
};

/*
 * Read the message from fd, with LF or CRLF ends; make it whole (Received:;
 * Date:, Message-ID: and From: if they are not there), accept it, write the
 * journal.
 *
 * OK	*qid is on disk
 * PERM	5.1.x a bad address; 5.3.4 too large; 5.6.0 a bare CR
 */
enum outcome bring_message(struct accept *, const struct bring *, int fd,
    struct qid *, struct fault *) MUST_USE;

#endif
