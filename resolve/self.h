/* SPDX-License-Identifier: ISC */
/*
 * self.h: what directory-self answers: a user's own change of his entry. It
 * believes auth's ticket, which is for the password that he has now, and nobody
 * who brings it.
 */
#ifndef RESOLVE_SELF_H
#define RESOLVE_SELF_H

#include "answerer.h"
#include "settings.h"
#include "wire_self.h"

struct self {
	struct answerer answerer; /* first: its functions get this */
	const struct settings *settings;
	unsigned char key[AUTH_KEY_LEN]; /* of tickets */
};

/* PERM 5.3.5: nobody gave the key. Before the sandbox. */
enum outcome self_begin(
    struct self *, const struct settings *, struct fault *) MUST_USE;

#endif
