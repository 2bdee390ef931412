/* SPDX-License-Identifier: ISC */
/*
 * maildir.h: names of messages in a mailbox. They are made of the envelope
 * alone, so that a second attempt makes the same name:
 *
 *	<seconds of the qid>.<qid>R<n>,S=<octets>,W=<octets>[,D=0][:2,flags]
 *
 * S counts the whole file, first line included; content has CRLF ends, so W is
 * the same number; D=0 says that no line begins with a dot. Source: ours, after
 * the Maildir and Maildir++ conventions.
 */
#ifndef LIB_MAILDIR_H
#define LIB_MAILDIR_H

#include "qid.h"

#define MAILDIR_NAME_MAX 128 /* octets with the closing 0; ours are under 90 */

/* What a name of ours says. */
struct maildir_name {
	struct qid qid;
	uint32_t n; /* recipient */
	uint64_t octets;
	bool dots; /* false: D=0 */
};

void maildir_make_name(const struct maildir_name *, char out[MAILDIR_NAME_MAX]);
/* Ours, with or without :2,flags? A foreign name is false. */
bool maildir_parse_name(struct span name, struct maildir_name *);
/* The part before ':', which never changes: the unique id of POP3. */
struct span maildir_base(struct span name);

#endif
