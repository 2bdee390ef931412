/* SPDX-License-Identifier: ISC */
/*
 * message.h: what a program wrote, to what SMTP carries: recipients out of the
 * header section, Bcc out of the message, lines that end in CRLF.
 */
#ifndef SUBMIT_MESSAGE_H
#define SUBMIT_MESSAGE_H

#include "addresses.h"

#define MESSAGE_MAX      (2UL * 1024 * 1024 * 1024) /* smtpd.max_size's limit */
#define MESSAGE_LINE_MAX 998 /* octets without CRLF. RFC 5321 4.5.3.1.6 */

/* In the words of their users: what was found in it. Borrows the text. */
struct message {
	struct span text;
	bool has_from; /* a From field */
	bool is_8bit; /* an octet over 127 */
};

/*
 * Look at what was read. Unless takes_dots, the first line that is one dot ends
 * it. A line `From ` in front, as mbox has it, is left out.
 */
void message_begin(struct message *, struct span text, bool takes_dots);
/*
 * The recipients: To, Cc, Bcc, or where there is a Resent- one of them, those.
 * PERM 5.1.3: one is no address; the text names the field
 */
enum outcome message_recipients(
    const struct message *, struct addresses *, struct fault *) MUST_USE;
/*
 * All of it, as DATA carries it, but for the end: CRLF, dots doubled, without
 * Bcc and Resent-Bcc; lines that are too long are broken, the rest begins with a
 * space. put: takes octets; not OK: it ends, with that outcome
 */
enum outcome message_put(const struct message *,
    enum outcome (*put)(void *arg, struct span, struct fault *), void *arg,
    struct fault *) MUST_USE;

#endif
