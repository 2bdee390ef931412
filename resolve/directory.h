/* SPDX-License-Identifier: ISC */
/*
 * directory.h: the text entries: read, check, compile. edit.h changes them.
 *
 * Two files of records are the truth. `entries` has no secret:
 *
 *	entry smtp=bob@example.org store=mailbox path=example.org/bob
 *	    [preferred=smtp|userid] [userid="BOB SYSTEM1"] [login=SJONES]
 *	    [account=bob,root] [name=...] [removed=TIME] [...]
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

#include "accounts.h"
#include "address.h"
#include "buf.h"
#include "wire_resolve.h"

#define DIRECTORY_ENTRIES   "directory/entries"
#define DIRECTORY_SECRETS   "secrets/secrets"
#define DIRECTORY_LOCK      "directory/lock"
#define DIRECTORY_STDIN     "stdin" /* the file of a line that is imported */
#define DIRECTORY_TEXT_MAX  (2UL * 1024 * 1024 * 1024) /* octets of one text */
#define DIRECTORY_SHOWN_MAX 100 /* octets of an address in a message */
#define DIRECTORY_HASH_MAX  127 /* octets: crypto_pwhash_STRBYTES less its 0 */
/* What a hash may cost: the bounds of [auth] hash_memory and hash_ops. */
#define DIRECTORY_HASH_MEMORY_MAX (4UL * 1024 * 1024) /* KiB */
#define DIRECTORY_HASH_OPS_MAX    100
#define USERID_PART_MAX           8 /* octets of a user id, and of its address */
#define PERSON_MAX                255 /* octets of a field about the person. Ours */

enum line_kind {
	LINE_NONE, /* a comment, or wrong and told as a problem */
	LINE_ENTRY,
	LINE_PROGRAM, /* an entry whose mail goes to a command */
	LINE_ALIAS,
	LINE_CATCH_ALL,
	LINE_SECRET
};

#define QUOTA_UNSAID UINT64_MAX /* [mail] says it */

struct line {
	struct span text; /* without the LF */
	const char *file; /* where the operator finds it */
	uint32_t number; /* in that file, from 1; 0: the file itself is meant */
	enum line_kind kind;
	bool repeats; /* an earlier one has a field of it: an error */
	/* Of an editor, until directory_apply(). */
	bool is_new, is_changed, is_removed;
	bool wants_mailbox; /* to be made with the change */
	/* All below lives as long as the directory. */
	struct span key; /* normalised; of a catch-all `@domain` */
	struct span smtp; /* as it was written */
	struct span value; /* path, name, target or hash */
	struct span userid; /* or empty */
	struct quota quota; /* 0: none; or QUOTA_UNSAID */
	struct span scram; /* of a secret: its keys' text; or empty */
	struct span logins, accounts; /* lists, or empty: names.h */
	/* An entry whose user has left: no mail comes, the mailbox can be read. */
	bool has_left;
};

/* What no two lines of a text may have in common; path and user id: entries. */
enum line_field { FIELD_KEY, FIELD_PATH, FIELD_USERID };

/* The lines that have a field, hashed by it; of equals the first. */
struct line_index {
	const struct text *text;
	enum line_field field;
	uint32_t *slot; /* number in text->line, from 1; 0: free */
	size_t mask; /* slots less 1: at least twice as many as lines */
};

/* One of the two files, and what is compiled of it. */
struct text {
	const char *name, *database, *purpose;
	struct span whole; /* what it says, or will say after an edit */
	struct buf octets, edited; /* as it was read, as it is to be written */
	bool changed; /* to be written: the file has another text, or is none */
	struct line *line; /* in their order, comments too */
	size_t lines, room;
	size_t records; /* of the lines */
	struct line_index by_key;
};

/* An error keeps the databases as they are; a warning is worth a look. */
enum problem_level { PROBLEM_ERROR, PROBLEM_WARNING, PROBLEM_NOTE };
#define PROBLEM_LEVELS    3
#define PROBLEM_LINES_MAX 1000 /* of a level; more are counted only */
struct problem {
	enum problem_level level;
	const char *file;
	uint32_t line; /* 0: of no line */
	struct span text;
};
struct problems {
	struct problem *p;
	size_t n, count[PROBLEM_LEVELS]; /* of all those, n stand in p */
};
bool problems_have(const struct problems *, struct span text);

struct memory_chunk;
struct directory {
	const struct settings *settings;
	struct domains domains;
	bool *has_postmaster; /* of each, by the last check */
	int lock; /* -1: not held */
	struct text entries, secrets;
	struct accounts accounts; /* of this machine */
	struct problems problems;
	struct memory_chunk *memory;
	size_t memory_left; /* octets of the newest chunk */
};

/* Empty, and unlocked. PERM 5.3.5: a local domain is no domain. */
enum outcome directory_begin(
    struct directory *, const struct settings *, struct fault *) MUST_USE;
/*
 * The same, and then take the lock and read both files. The lock is for one
 * writer, or readers: `how` is flock's. While another process has it this one
 * waits, and says so on fd 2; with LOCK_NB that is TEMP. A file that is not
 * there is empty before the directory was first compiled; later it was lost, or
 * is not mounted: TEMP.
 */
enum outcome directory_open(struct directory *, const struct settings *,
    int how, struct fault *) MUST_USE;
void directory_free(struct directory *); /* unlocks; after any outcome */
void directory_unlock(struct directory *);
/*
 * What stands in both texts. Errors of syntax and fields, and addresses that
 * are there twice, go to d->problems.
 */
void directory_parse(struct directory *);
/*
 * What lies between the lines: where aliases lead, mailboxes in mailboxes, one
 * path or login of two entries, accounts that do not exist, secrets of nobody, a
 * domain that has no postmaster any more since the last check. thorough: is
 * every mailbox there, is that of who has left empty, what do hashes cost, do
 * the databases fit the texts, and if not, was a text lost.
 */
void directory_check(struct directory *, bool thorough);
/*
 * The texts with the changes of an editor, parsed; d->problems are those of the
 * changed lines, and lines have their new numbers. A secret whose address is
 * that of a new line goes: the password of a former user must not open the
 * mailbox of a new one. TEMP: a text is too large.
 */
enum outcome directory_apply(struct directory *, struct fault *) MUST_USE;

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
 * all are written and synced before the first is replaced. SECRETS_SALT_KEY is
 * made beside them, once. PERM 5.3.5 when there was an error: nothing is replaced.
 */
enum outcome directory_write(const struct directory *, struct fault *) MUST_USE;

/* A copy that lives as long as the directory. */
struct span directory_keep(struct directory *, struct span);
/* A line more, whose text must live as long as the directory. */
struct line *text_add(struct text *, struct span line);
bool line_is_alias(const struct line *);
/* Is it one of the fields about a person: name given surname department company
   phone? Any text of PERSON_MAX octets without control octets. */
bool directory_is_person_key(struct span key);
/* Does its last line end with LF? If not, the text may have been cut there. */
bool text_is_whole(const struct text *);

/* The index of a text by a field. Of equals all but the first are errors. */
void line_index_make(
    struct directory *, struct text *, enum line_field, struct line_index *);
void line_index_free(struct line_index *);
/* The line that has this value, or NULL. */
struct line *line_index_find(const struct line_index *, struct span value);
/* The line with this key, or NULL. */
struct line *directory_find(const struct directory *, struct span key);
struct line *directory_find_secret(const struct directory *, struct span key);
/* The entry whose password it is, or NULL. */
const struct line *directory_entry_of(
    const struct directory *, const struct line *secret);

/* Does this alias end at the line, over others or not? */
bool directory_leads_to(
    const struct directory *, const struct line *alias, const struct line *);
/* Can auth verify it, at a cost within the bounds of [auth]? */
bool directory_is_hash(
    const struct settings *, struct span hash, bool *costs_other);

/* at: the line that has it, as far as it was read, or a file. A note that is
   about no address is told once. */
void directory_problem(struct directory *, enum problem_level,
    const struct line *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
