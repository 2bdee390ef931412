/* SPDX-License-Identifier: ISC */
/*
 * compiled.h: the constant databases that readers map: open, get, make.
 *
 * A cdb (cr.yp.to/cdb/cdb.txt) with a seal behind it: 32 octets of BLAKE2b-256
 * over what the file is for and all before. Replacing one is a rename; a
 * reader looks before each answer, and keeps the old one if the new one
 * is damaged. A file that is truncated in its place kills its reader (SIGBUS);
 * the next process answers `temp`. Reading a copy would avoid that, at the size
 * of the database for each process; `directory` never writes in place. A key
 * is a normalised address (address.h), that of a catch-all `@domain`.
 */
#ifndef RESOLVE_COMPILED_H
#define RESOLVE_COMPILED_H

#include <cdb.h>
#include <sys/stat.h>

#include "span.h"

#define COMPILED_SEAL_LEN 32
#define COMPILED_TOLD_MS  60000 /* between two reports of one error */

#define ENTRIES_DB "directory/entries.cdb"
#define SECRETS_DB "secrets/secrets.cdb"
#define SECRETS_SALT_KEY                                                       \
	"secrets/salt-key" /* 32 octets at random, see verify.h */

/* It begins with its name and its purpose, "entries" or "secrets". */
struct compiled {
	const char *name, *purpose; /* borrowed for life */
	struct cdb cdb;
	bool open;
	struct stat seen; /* of the newest one that was looked at */
	struct stat mapped; /* of the one in use */
	bool looked; /* what was seen is in use, or bad for good */
	uint64_t told_ms; /* since when it cannot be opened; 0: it can */
};

void compiled_free(struct compiled *);
/*
 * Look whether the name leads to another file than before, and take it: one
 * stat(), before an answer or a round of them, so that a user who was just
 * added is not refused.
 *
 * OK	nothing new, or the new one is in use
 * TEMP	4.3.0: the old one stays in use, unless it is that very file, changed
 *	in its place. Told once of each bad file; of one that cannot be opened
 *	now (no descriptor, no memory) once in COMPILED_TOLD_MS, while each
 *	look tries again
 */
enum outcome compiled_look(struct compiled *, struct fault *) MUST_USE;
/*
 * OK	*value borrows from the map until the next compiled_look()
 * PERM	no such key; the fault is not set
 * TEMP	4.3.0 no database in use, or it is damaged
 */
enum outcome compiled_get(struct compiled *, struct span key,
    struct span *value, struct fault *) MUST_USE;

/* TEMP: what compiled_get() found is no value that `directory` writes. */
enum outcome compiled_bad_value(const struct compiled *, struct fault *);

/* Records of the one in use. */
size_t compiled_count(struct compiled *);

/* Writes a database to an empty file that nobody reads yet. */
struct compiled_maker {
	struct cdb_make make;
	const char *purpose;
	int fd; /* the caller's, open for reading too */
	int error; /* errno of the first call that failed, or 0 */
};
/* What fails in them is told at the end. */
void compiled_make_begin(struct compiled_maker *, int fd, const char *purpose);
void compiled_make_add(
    struct compiled_maker *, struct span key, struct span value);
/* Whole and sealed, not synced. To be called in any case: it frees. */
enum outcome compiled_make_end(
    struct compiled_maker *, struct fault *) MUST_USE;

#endif
