/* SPDX-License-Identifier: ISC */
/* verbs.h: what `directory` does, a row a verb. */
#ifndef RESOLVE_VERBS_H
#define RESOLVE_VERBS_H

#include <sodium.h>

#include <jansson.h>

#include "edit.h"
#include "prog.h"

/* Options of verbs. The first are fields of an entry. */
enum option {
	OPTION_STORE,
	OPTION_PATH,
	OPTION_PREFERRED,
	OPTION_USERID,
	OPTION_PROGRAM,
	OPTION_LOGIN,
	OPTION_ACCOUNT,
	OPTION_NAME,
	OPTION_GIVEN,
	OPTION_SURNAME,
	OPTION_DEPARTMENT,
	OPTION_COMPANY,
	OPTION_PHONE,
	OPTION_QUOTA,
	OPTION_QUOTA_MESSAGES,
	OPTION_FIELDS, /* the number of those */
	OPTION_PASSWORD = OPTION_FIELDS,
	OPTION_ALIAS,
	OPTION_CATCH_ALL,
	OPTION_REPLACE,
	OPTION_PURGE,
	OPTION_MOVE,
	OPTION_KEEP,
	OPTION_AUTOCONFIG,
	OPTION_AT_START,
	OPTION_FORCE,
	OPTION_USAGE,
	OPTIONS
};
#define TAKES(option) (1U << (option))
#define TAKES_FIELDS  (TAKES(OPTION_FIELDS) - 1)

/* What the operator said; NULL: not said. Texts borrow from argv. */
struct request {
	char **operand;
	const char *option[OPTIONS]; /* "" where it has no argument */
	const char *alias[PROG_REPEATS + 1];
	struct address address; /* of the last operand */
	struct buf password;
	struct buf input; /* new records, of an import or as if of one */
	bool is_import; /* problems are told by its lines */
	struct buf hashes; /* of the passwords, a line each */
	struct buf done; /* lines that are said when the change is made */
};
void request_begin(struct request *);
void request_free(struct request *); /* wipes */
/*
 * Append the next line of fd 0 to r->password, without its end. PERM 5.7.8: it
 * is no password (password.h).
 */
enum outcome request_read_password(struct request *, struct fault *) MUST_USE;

/* From the request into the editor, under the lock. */
typedef enum outcome collect_changes(
    struct editor *, struct request *, struct fault *);

struct verb {
	const char *name; /* a word or two */
	size_t operands;
	bool is_text; /* the last of them is no address */
	unsigned options; /* that it TAKES(); all take --json */
	bool asks; /* for a password, where none is given */
	/* A change; prepare: what can be done before the lock is taken. */
	enum outcome (*prepare)(struct request *, struct fault *);
	collect_changes *collect;
	/* Or a look at what there is, thorough or not. */
	enum outcome (*look)(
	    const struct directory *, const struct request *, struct fault *);
	bool thorough;
	/* Or something else. */
	enum outcome (*run)(struct request *, struct fault *);
};
#define VERBS 15
extern const struct verb verbs[VERBS];
/* Prints what it did. PERM: what is wrong, nothing was changed. */
enum outcome verb_run(
    const struct verb *, struct request *, struct fault *) MUST_USE;

/* Of verbs_look.c, for the table. */
enum outcome verb_compile(struct request *, struct fault *) MUST_USE;
enum outcome verb_look(
    const struct verb *, const struct request *, struct fault *) MUST_USE;
enum outcome look_check(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
enum outcome look_find(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
/* verbs_use.c: what is used of a mailbox with a quota, for `show`, and of all of
   them, the fullest first. */
void verbs_add_use(json_t *, const struct line *);
enum outcome look_usage(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
enum outcome look_list(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
enum outcome look_show(
    const struct directory *, const struct request *, struct fault *) MUST_USE;
/* Of clientinfo.c. */
enum outcome look_clientinfo(
    const struct directory *, const struct request *, struct fault *) MUST_USE;

#endif
