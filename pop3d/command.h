/* SPDX-License-Identifier: ISC */
/*
 * command.h: one POP3 command line, for both programs: what may be said before
 * a login and after it differs, how it is read does not.
 */
#ifndef POP3D_COMMAND_H
#define POP3D_COMMAND_H

#include "span.h"

/* Octets of a command line with its CRLF. Source: RFC 2449 4. */
#define POP3_LINE_MAX 255

/* The verbs that we have. RFC 1939 5, 7; RFC 2449 5. */
enum pop3_verb {
	POP3_CAPA,
	POP3_DELE,
	POP3_LIST,
	POP3_NOOP,
	POP3_PASS,
	POP3_QUIT,
	POP3_RETR,
	POP3_RSET,
	POP3_STAT,
	POP3_TOP,
	POP3_UIDL,
	POP3_USER,
	POP3_UNKNOWN /* and their number */
};

/* The whole answer to CAPA; USER where passwords are taken. RFC 2449 5, 6. */
const char *pop3_capabilities(bool passwords);

struct pop3_command {
	enum pop3_verb verb;
	/* All after the one space that follows the verb; borrowed. */
	struct span argument;
};

/*
 * line: without its end. A line with a control octet in it, a line that is not
 * UTF-8 or does not begin with a letter is POP3_UNKNOWN.
 */
struct pop3_command pop3_command_parse(struct span line);
/* PASS, whatever its octets: who can send no other line shall hear why. */
bool pop3_is_pass(struct span line, struct span *password);

/* Only spaces: a terminal user's, and some clients'. */
bool pop3_has_no_argument(struct span argument);
/*
 * 1*DIGIT within 1..most and nothing else (so 2^32 + 1 is not message 1);
 * spaces around are passed over. RFC 1939 3: arguments are separated by one
 * space; more of them hurt nobody.
 */
bool pop3_number(struct span argument, uint64_t most, uint64_t *n);
/* The same, and a number of lines from 0. RFC 1939 7, TOP. */
bool pop3_two_numbers(
    struct span argument, uint64_t most, uint64_t *n, uint64_t *lines);

#endif
