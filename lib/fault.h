/* SPDX-License-Identifier: ISC */
/*
 * fault.h: how a thing ended, from the parser to the exit status.
 *
 * An outcome is what a caller must know, a fault is what a person wants to
 * know: both are set once, by the lowest level that knows the cause, and end
 * as an SMTP reply, a journal entry, a line of a report or an exit code. No
 * table in between translates them.
 */
#ifndef LIB_FAULT_H
#define LIB_FAULT_H

#include <stdbool.h>

/* The values are the exit codes (qmail's, and ours). */
enum outcome {
	OK = 0, /* done; responsibility accepted: must be earned */
	TEMP = 111, /* not now, try again; also for all that is unknown */
	PERM = 100 /* never, and why */
};

#define MUST_USE __attribute__((warn_unused_result))

#define FAULT_CODE_MAX 12 /* "4.3.0"; class.subject.detail. RFC 3463 2 */
#define FAULT_TEXT_MAX 256 /* one printable line. Ours: half a reply line */

struct fault {
	enum outcome outcome;
	int error; /* errno, or 0 */
	char code[FAULT_CODE_MAX]; /* enhanced status code, RFC 3463 */
	char text[FAULT_TEXT_MAX]; /* printable UTF-8, no line break */
};

#define FAULT_NONE ((struct fault){ OK, 0, "", "" })

/*
 * Set what happened and return its outcome, so that an error is one statement:
 *
 *	return fault_set(f, TEMP, "4.3.0", errno, "open %s", name);
 *
 * code is an enhanced status code; error an errno or 0 (its text is added).
 * Control octets and octets that are not UTF-8 become '?'.
 */
enum outcome fault_set(struct fault *, enum outcome, const char *code,
    int error, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Put "context: " before the text, once, and return the fault's outcome. */
enum outcome fault_context(struct fault *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Append "; " and the text of a second fault. The first outcome stays. */
void fault_append(struct fault *, const struct fault *second);

/*
 * The codes that programs act on; all others are only passed on.
 * Source: RFC 3463 3.3, 3.4, 3.6; RFC 6531 3.5
 */
#define FAULT_NO_MAILBOX "4.2.0" /* it is not there now; the disk is well */
#define FAULT_FULL       "4.2.2" /* its quota, or that of its disk */
#define FAULT_NO_SPACE   "4.3.1"
#define FAULT_TOO_MANY   "4.5.3" /* recipients */
#define FAULT_NOT_ASCII  "5.6.7"
bool fault_is(const struct fault *, const char *code);

/* The word of an outcome on the wires and back: ok, temp, perm. */
const char *outcome_word(enum outcome);

#endif
