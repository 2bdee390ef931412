/* SPDX-License-Identifier: ISC */
/* verbs.h: what `directory` does, a row a verb. */
#ifndef RESOLVE_VERBS_H
#define RESOLVE_VERBS_H

#include <sodium.h>

#include "edit.h"

#define REQUEST_ALIASES_MAX 64 /* in one `add`. Ours */

/* Options, a bit each: which were said, and which a verb knows. */
enum {
	SAID_PASSWORD = 1,
	SAID_STORE = 2,
	SAID_PATH = 4,
	SAID_USERID = 8,
	SAID_PREFERRED = 16,
	SAID_ALIAS = 32,
	SAID_CATCH_ALL = 64,
	SAID_AT_START = 128,
	SAID_REPLACE = 256,
	SAID_PROGRAM = 512,
};
#define SAID_FIELDS                                                            \
	(SAID_STORE | SAID_PATH | SAID_USERID | SAID_PREFERRED | SAID_PROGRAM)
#define FIELDS_MAX 5

/* What the operator said; NULL: not said. Texts borrow from argv. */
struct request {
	char **operand;
	unsigned said;
	const char *store, *path, *userid, *preferred, *program;
	const char *alias[REQUEST_ALIASES_MAX];
	size_t aliases;
	struct buf input; /* the password, or the records of an import */
	struct address address; /* of the last operand */
	char hash[crypto_pwhash_STRBYTES]; /* of the password, or "" */
};

/* Into the editor, from the request. */
typedef enum outcome verb_collect(
    struct editor *, const struct request *, struct fault *);
typedef void verb_tell(const struct editor *, const struct request *);

struct verb {
	const char *name, *second; /* `alias add` has two words */
	size_t operands;
	unsigned options; /* that it knows; all know --json */
	bool asks; /* for a password, where none is given */
	/* A change: collected under the lock, and told when it is made. */
	verb_collect *collect;
	verb_tell *tell;
	/* Or a look at what there is, thorough or not. */
	enum outcome (*look)(
	    const struct directory *, const struct request *, struct fault *);
	bool thorough;
	/* Or something else. */
	enum outcome (*run)(struct request *, struct fault *);
};
#define VERBS 11
extern const struct verb verbs[VERBS];
/* Prints what it did. PERM: what is wrong, nothing was changed. */
enum outcome verb_run(
    const struct verb *, struct request *, struct fault *) MUST_USE;

/*
 * Append the next line of fd 0 to r->input, without its end. PERM 5.7.8: it
 * is no password (password.h).
 */
enum outcome request_read_password(struct request *, struct fault *) MUST_USE;
void request_free(struct request *); /* wipes */

/* Of verbs_look.c, for the table. */
enum outcome verb_compile(struct request *, struct fault *) MUST_USE;
enum outcome verb_look(
    const struct verb *, const struct request *, struct fault *) MUST_USE;
enum outcome look_check(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
enum outcome look_list(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
enum outcome look_show(
    const struct directory *, const struct request *, struct fault *) MUST_USE;

void verbs_begin(void); /* what must happen before the sandbox */

#endif
