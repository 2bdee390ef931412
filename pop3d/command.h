/* SPDX-License-Identifier: ISC */
/*
 * command.h: a POP3 conversation, for both programs: commands in, answers out.
 * What may be said before a login and after it differs, how it is read does not.
 */
#ifndef POP3D_COMMAND_H
#define POP3D_COMMAND_H

#include "stream.h"
#include "trace.h"

/* Octets of a command line with its CRLF. Source: RFC 2449 4. */
#define POP3_LINE_MAX 255

/* The verbs that we have. RFC 1939 5, 7; RFC 2449 5. */
enum pop3_verb {
	POP3_AUTH, /* RFC 5034 */
	POP3_CAPA,
	POP3_DELE,
	POP3_LIST,
	POP3_NOOP,
	POP3_PASS,
	POP3_QUIT,
	POP3_RETR,
	POP3_RSET,
	POP3_STAT,
	POP3_STLS, /* RFC 2595 4 */
	POP3_TOP,
	POP3_UIDL,
	POP3_USER,
	POP3_UNKNOWN /* and their number */
};

struct pop3_command {
	enum pop3_verb verb;
	/* All after the one space that follows the verb; borrowed. */
	struct span argument;
	/*
	 * What to answer, where the line is no command: the verb is unknown, or
	 * the line is too long, has a control character or is not UTF-8. verb
	 * and argument are set all the same: a login hears why it failed.
	 */
	const char *error;
};

/* line: without its end. */
struct pop3_command pop3_command_parse(struct span line);

#define POP3_NO_ARGUMENT "-ERR this command takes no argument"
/* Only spaces: a terminal user's, and some clients'. */
bool pop3_has_no_argument(struct span argument);
/*
 * 1*DIGIT within 1..most and nothing else (so 2^32 + 1 is not message 1);
 * spaces around are passed over. RFC 1939 3: arguments are separated by one
 * space; more of them hurt nobody.
 */
bool pop3_number(struct span argument, uint64_t most, uint64_t *n);
/* The same, and a number of lines, 0 to 2^64 - 2. RFC 1939 7, TOP. */
bool pop3_two_numbers(
    struct span argument, uint64_t most, uint64_t *n, uint64_t *lines);

struct talk {
	struct stream *stream;
	uint64_t errors, errors_max;
	bool over; /* nothing more is read */
	struct trace *trace; /* NULL: none */
};

void talk_put(struct talk *, struct span);
/* The whole answer to CAPA; USER and SASL with their names where passwords are
   taken: NULL, they are not; "", no mechanism is; STLS where it may be said.
   RFC 2449 5, 6; RFC 5034 3; RFC 2595 4. */
void talk_capabilities(struct talk *, const char *mechanisms, bool stls);
/* One line, at most 255 octets; CRLF is added. */
void talk_say(struct talk *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An answer to a wrong command, of which there may be errors_max. */
void talk_error(struct talk *, const char *line);
/* The end, by SIGTERM. */
void talk_stop(struct talk *);
/*
 * The next line, at most max octets of it with its end: in *line, until the next
 * call. false: no more, or serve_stopping. deadline_ms: of the whole
 * conversation (serve_is_late()), or NULL.
 */
bool talk_take(struct talk *, size_t max, uint64_t *deadline_ms,
    struct span *line, enum line_ending *ending);
/* The same, as a command. */
bool talk_next(struct talk *, uint64_t *deadline_ms, struct pop3_command *);

#endif
