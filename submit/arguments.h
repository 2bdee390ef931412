/* SPDX-License-Identifier: ISC */
/*
 * arguments.h: the command line of sendmail, as programs have used it for forty
 * years: letters that may stand together (-ti) or with their value (-fbob), and
 * many that mean nothing here. Nothing behind the first recipient is an option.
 */
#ifndef SUBMIT_ARGUMENTS_H
#define SUBMIT_ARGUMENTS_H

#include "fault.h"
#include "span.h"

enum mode {
	MODE_SEND, /* -bm: a message on fd 0 */
	MODE_SESSION, /* -bs: SMTP on fds 0 and 1 */
	MODE_LIST, /* -bp, mailq */
	MODE_RUN, /* -q */
	MODE_ALIASES, /* -bi, newaliases */
	MODE_VERSION,
	MODE_HELP
};

struct arguments {
	enum mode mode;
	/* Borrowed; NULL: not given. */
	const char *sender; /* -f: an address, a name, or "" or <> for none */
	const char *name; /* -F: for a From field */
	const char *notify, *ret,
	    *envid; /* -N -R -V: as MAIL and RCPT have them */
	const char *body; /* -B */
	const char *home; /* -C */
	bool reads_header; /* -t: To, Cc and Bcc are recipients */
	bool takes_dots; /* -i: a line of one dot does not end the message */
	bool is_verbose; /* -v */
	char **recipient; /* what is left of argv */
	size_t recipients;
};

/* PERM 5.5.4: no such option, one without its value, or a bad value. */
enum outcome arguments_parse(
    int argc, char *argv[], struct arguments *, struct fault *) MUST_USE;

#endif
