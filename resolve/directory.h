/* SPDX-License-Identifier: ISC */
/*
 * directory.h: the text entries: read, check, compile. edit.h changes them.
 *
 * Two files of records are the truth. `entries` has no secret:
 *
 *	entry smtp=bob@example.org store=mailbox path=example.org/bob
 *	    [preferred=smtp|userid] [userid="BOB SYSTEM1"] [...]
 *	entry smtp=archive@example.org program=archive
 *	alias smtp=abuse@example.org to=postmaster@example.org
 *	alias smtp=*@example.org to=bob@example.org catch-all=yes
 *
 * `secrets` has `secret smtp=bob@example.org hash=$argon2id$...`. Lines that
 * begin with '#' and empty ones are kept, keys that are not known too.
 * Source: pneu-directory(5).
 */
#ifndef RESOLVE_DIRECTORY_H
#define RESOLVE_DIRECTORY_H

#include "address.h"
#include "buf.h"

#define DIRECTORY_ENTRIES  "directory/entries"
#define DIRECTORY_SECRETS  "secrets/secrets"
#define DIRECTORY_LOCK     "directory/lock"
#define DIRECTORY_TEXT_MAX (2UL * 1024 * 1024 * 1024) /* octets of one text */
#define DIRECTORY_HASH_MAX 127 /* octets: crypto_pwhash_STRBYTES less its 0 */
/* What a hash may cost: the bounds of [auth] hash_memory and hash_ops. */
#define DIRECTORY_HASH_MEMORY_MAX (4UL * 1024 * 1024) /* KiB */
#define DIRECTORY_HASH_OPS_MAX    100
#define USERID_PART_MAX           8 /* user id and address, 8 + 8. mission J, V3 */

enum item_kind {
	ITEM_ENTRY,
	ITEM_PROGRAM, /* an entry whose mail goes to a command */
	ITEM_ALIAS,
	ITEM_CATCH_ALL,
	ITEM_SECRET
};

struct item {
	struct span text; /* its line without the LF; an editor changes it */
	struct span key; /* normalised; of a catch-all `@domain` */
	struct span smtp; /* as it was written */
	struct span value; /* path, name, target or hash */
	struct span userid; /* or empty */
	uint32_t line; /* in its file, from 1 */
	enum item_kind kind;
	bool repeats; /* what an item before it has: an error */
};

/* What no two items of a text may have in common: path= is of entries. */
enum item_field { FIELD_KEY, FIELD_PATH, FIELD_USERID, FIELDS };

/* One text and what stands in it. */
struct items {
	const char *name; /* of the file */
	struct buf octets; /* of directory_read() */
	struct span text;
	bool changed; /* to be written: the file has another text, or is none */
	/* Lines after `kept` are new; with `source` they are those of the
	   standard input, by these numbers. */
	uint32_t kept;
	const uint32_t *source;
	struct item *p; /* in the order of their lines */
	size_t n;
	/* Those that have the field, sorted by it, without repetitions;
	   secrets have the key alone. */
	struct sorted {
		struct item **p;
		size_t n;
	} by[FIELDS];
};

/* An error keeps the databases as they are; a warning is worth a look. */
enum problem_level { PROBLEM_ERROR, PROBLEM_WARNING, PROBLEM_NOTE };
#define PROBLEM_LEVELS    3
#define PROBLEM_LINES_MAX 1000 /* of a level; more are counted only */
struct problem {
	const char *file; /* or "stdin" */
	uint32_t line; /* 0: of no line */
	enum problem_level level;
	struct span text;
};
struct problems {
	struct problem *p;
	size_t n, count; /* of those that there are, n stand in p */
};
const char *problem_word(enum problem_level);

#define DIRECTORY_UNKNOWN_MAX 32 /* keys that are noted once each */
struct arena_chunk;
struct directory {
	struct domains domains;
	const struct settings *settings;
	struct items entries, secrets;
	struct problems problems[PROBLEM_LEVELS];
	struct span unknown[DIRECTORY_UNKNOWN_MAX];
	size_t unknowns;
	struct arena_chunk *arena;
	size_t arena_left;
};

enum outcome directory_no_memory(struct fault *); /* TEMP */

/* PERM 5.3.5: a local domain is no domain. settings: borrowed. */
enum outcome directory_begin(
    struct directory *, const struct settings *, struct fault *) MUST_USE;
void directory_free(struct directory *);

/*
 * flock on directory/lock: one writer, or readers; `how` is flock's. Close *fd
 * to release it. While another process has it this one waits, and says so on
 * fd 2; with LOCK_NB that is TEMP.
 */
enum outcome directory_lock(int how, int *fd, struct fault *) MUST_USE;

/*
 * Both files into memory. One that is not there is empty before the directory
 * was first compiled; later it was lost, or is not mounted: TEMP.
 */
enum outcome directory_read(struct directory *, struct fault *) MUST_USE;
/*
 * What stands in both `text`; they must live as long as d. Errors of syntax,
 * fields and uniqueness go to d->problems. TEMP: no memory; nothing else fails.
 */
enum outcome directory_parse(struct directory *, struct fault *) MUST_USE;
/*
 * Where aliases lead, mailboxes in mailboxes, secrets of nobody. thorough: is
 * every mailbox there, what do hashes cost, are the databases of these texts.
 */
void directory_check(struct directory *, bool thorough);
/* Both databases are whole and were made of these texts. */
bool directory_is_compiled(const struct directory *);
/*
 * TEMP: a text has less than half of the records of its database, or ends
 * within a line. An editor on a full disk leaves such a text: it must not be
 * compiled as if all these users had been removed.
 */
enum outcome directory_expect_records(
    const struct directory *, struct fault *) MUST_USE;
/*
 * Both databases, and the texts that are `changed`, after directory_check():
 * all are written and synced before the first is replaced. PERM 5.3.5 when
 * there was an error: nothing is replaced.
 */
enum outcome directory_write(const struct directory *, struct fault *) MUST_USE;

/* A copy that lives as long as the directory; false: no memory. */
bool directory_keep(struct directory *, struct span in, struct span *out);
/* The item with this key, or NULL. */
const struct item *directory_find(const struct directory *, struct span key);
const struct item *directory_find_secret(
    const struct directory *, struct span key);
/* Is mail for postmaster@domain delivered? */
bool directory_has_postmaster(const struct directory *, const char *domain);
/* Does this alias end at the item, over others or not? */
bool directory_leads_to(
    const struct directory *, const struct item *alias, const struct item *);

#endif
