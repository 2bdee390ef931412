/* SPDX-License-Identifier: ISC */
/*
 * directory.h: the text entries: read, check, compile. edit.h changes them.
 *
 * Two files of records are the truth. `entries` has no secret:
 *
 *	entry smtp=bob@example.org store=mailbox path=example.org/bob
 *	    [preferred=smtp|userid] [userid="BOB SYSTEM1"] [...]
 *	alias smtp=abuse@example.org to=postmaster@example.org
 *	alias smtp=*@example.org to=bob@example.org catch-all=yes
 *
 * `secrets` has `secret smtp=bob@example.org hash=$argon2id$...`. Lines that
 * begin with '#' and empty ones are kept, keys that are not known too.
 * Source: ours, pneu-directory(5).
 */
#ifndef RESOLVE_DIRECTORY_H
#define RESOLVE_DIRECTORY_H

#include "address.h"
#include "buf.h"

#define DIRECTORY_ENTRIES  "directory/entries"
#define DIRECTORY_SECRETS  "secrets/secrets"
#define DIRECTORY_LOCK     "directory/lock"
#define DIRECTORY_TEXT_MAX (2UL * 1024 * 1024 * 1024) /* octets of one. Ours */
#define DIRECTORY_HASH_MAX 127 /* octets: crypto_pwhash_STRBYTES less its 0 */
#define USERID_PART_MAX    8 /* user id and address, 8 + 8. mission J, V3 */

enum item_kind { ITEM_ENTRY, ITEM_ALIAS, ITEM_CATCH_ALL, ITEM_SECRET };

struct item {
	struct span key; /* normalised; of a catch-all `@domain` */
	struct span smtp; /* as it was written */
	struct span value; /* path, target or hash */
	struct span userid; /* or empty */
	uint32_t line; /* in its file, from 1 */
	enum item_kind kind;
};

/*
 * Items by one of their fields. The hash stands beside the item's number, so
 * that a slot of something else is passed without a look at that item.
 */
enum index_field { INDEX_KEY, INDEX_VALUE, INDEX_USERID };
struct slot {
	uint32_t hash, item; /* item: its index + 1; 0: free */
};
struct index {
	enum index_field field;
	struct slot *slot;
	size_t slots, used; /* slots is a power of two */
};

struct items {
	struct item *p;
	size_t n, cap;
	struct index by_key, by_value, by_userid; /* value: paths of entries */
};

/* An error keeps the databases as they are; a warning is worth a look. */
enum problem_level { PROBLEM_ERROR, PROBLEM_WARNING, PROBLEM_NOTE };
#define PROBLEM_LEVELS    3
#define PROBLEM_LINES_MAX 1000 /* more are counted only. Ours */
struct problems {
	struct buf text; /* `file:line: level: text` LF each */
	size_t count[PROBLEM_LEVELS];
};

struct arena_chunk;
struct directory {
	struct domains domains;
	const struct settings *settings;
	struct span entries_text, secrets_text; /* mapped, or borrowed */
	bool mapped;
	struct items entries, secrets;
	struct problems problems;
	struct arena_chunk *arena;
	size_t arena_left;
	unsigned char hash_key[16];
};

/* PERM 5.3.5: a local domain is no domain. settings: borrowed. */
enum outcome directory_begin(
    struct directory *, const struct settings *, struct fault *) MUST_USE;
void directory_free(struct directory *);

/* flock on directory/lock: one writer, or readers. Close *fd to let go. */
enum outcome directory_lock(bool exclusive, int *fd, struct fault *) MUST_USE;

/* Both files into memory, and parsed. One that is not there is empty. */
enum outcome directory_read(struct directory *, struct fault *) MUST_USE;
/*
 * Parse these texts instead; borrowed while d lives. Errors of syntax, fields
 * and uniqueness go to d->problems. TEMP: no memory; nothing else fails.
 */
enum outcome directory_parse(struct directory *, struct span entries,
    struct span secrets, struct fault *) MUST_USE;
/* One more line of entries; errors are told as where:line. */
enum outcome directory_add_line(struct directory *, const char *where,
    uint32_t line, struct span text, struct fault *) MUST_USE;
/* Where aliases lead, secrets of nobody. mailboxes: and every mailbox. */
enum outcome directory_check(
    struct directory *, bool mailboxes, struct fault *) MUST_USE;
/*
 * Both databases anew, after directory_check(). PERM 5.3.5 when it or the
 * parse found an error: nothing is replaced.
 */
enum outcome directory_compile(struct directory *, struct fault *) MUST_USE;

/* The item with this key, or NULL. */
const struct item *directory_find(const struct directory *, struct span key);
const struct item *directory_find_secret(
    const struct directory *, struct span key);
const struct item *directory_find_path(
    const struct directory *, struct span path);

bool directory_is_hash(struct span); /* of a form that auth can verify */

#endif
