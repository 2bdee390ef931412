/* SPDX-License-Identifier: ISC */
/*
 * select.h: entries of the journal, selected.
 */
#ifndef LIB_SELECT_H
#define LIB_SELECT_H

#include "record.h"

struct select {
	struct span qid, code, address, message_id, ip, program; /* or empty */
	struct span since, until; /* RFC 3339 text; sorts as it stands */
};

/* One entry; the spans live until the callback returns. */
struct entry {
	struct record record;
	struct span line; /* without LF */
	struct span time; /* "2026-11-24T03:04:05.123456Z", and it is one */
	uint64_t us; /* the same, since 1970 */
	uint64_t receiver, number; /* of the line in its receiver, from 1 */
};

/* Where a walk stands: it can be continued when more has been appended. */
struct walk {
	int dir;
	uint64_t receiver, offset, number; /* all 0: from the beginning */
	bool in_long_line; /* what follows is the rest of one */
};

/* Code by its two characters or by its name; false: no such code. */
bool select_set_code(struct select *, struct span);
/* The start of RFC 3339 text ("2026-11-24", "2026-11-24T03:04"), or an age
   ("90s", "30m", "2h", "7d"), as text that sorts. */
bool select_parse_time(struct span, char *out, size_t size);

/*
 * Call each() for every entry that is selected, oldest first, from where the
 * walk stands to the end. A line that is no record goes to bad() if given.
 * Stops early when each() returns false.
 */
enum outcome select_walk(struct walk *, const struct select *,
    bool (*each)(void *arg, const struct entry *),
    void (*bad)(void *arg, const struct entry *, const char *why), void *arg,
    struct fault *) MUST_USE;

#endif
