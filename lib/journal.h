/* SPDX-License-Identifier: ISC */
/*
 * journal.h: one call for every transition of every message.
 *
 *	94 time=2026-11-24T03:04:05.123456Z program=smtpd pid=4711 qid=... ip=...
 *
 * The word is the two-character code of lib/codes.h. Entries are collected and
 * written to the FIFO run/journal once a round or session, at most PIPE_BUF a
 * write, never waiting: when it is full or nobody reads, they are counted and
 * the next record that gets through says so (`lost n=`). Without a FIFO there
 * is no journal, and all works.
 */
#ifndef LIB_JOURNAL_H
#define LIB_JOURNAL_H

#include <sys/types.h>

#include "qid.h"
#include "record.h"

#define JOURNAL_PENDING_MAX  65536 /* octets waiting for the round's end */
#define JOURNAL_PENDING_HIGH (JOURNAL_PENDING_MAX / 2) /* more do not wait */

struct journal {
	int fd; /* -1: no journal */
	const char *program;
	struct buf pending;
	uint64_t pending_entries, lost;
	pid_t pid; /* of the batch that is pending */
};

/* Open run/journal for writing, before the sandbox is closed. */
void journal_open(struct journal *, const char *program);
/* qid may be NULL. The record is in j->pending until journal_flush(). */
struct record_out journal_begin(
    struct journal *, const char *code, const struct qid *qid);
void journal_end(struct journal *, struct record_out);
/*
 * A whole entry: its fields, JOURNAL_FIELDS(JOURNAL_TEXT("how", how), ...). An
 * empty text is left out, but for JOURNAL_ANY.
 */
struct journal_field {
	const char *key, *text; /* text NULL: the number */
	uint64_t number;
};
#define JOURNAL_TEXT(key, text)  ((struct journal_field){ key, text, 0 })
#define JOURNAL_ANY(key, text)   ((struct journal_field){ key, text, 1 })
#define JOURNAL_NUM(key, number) ((struct journal_field){ key, NULL, number })
#define JOURNAL_FIELDS(...)                                                    \
	((const struct journal_field[]){ __VA_ARGS__, JOURNAL_NUM(NULL, 0) })
#define JOURNAL_NONE (&JOURNAL_NUM(NULL, 0))
void journal_tell(struct journal *, const char *code, const struct qid *qid,
    const struct journal_field *);
/* CODE_ALARM: operator action needed. */
void journal_alarm(struct journal *, const struct qid *, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
void journal_flush(struct journal *);
void journal_close(struct journal *);

#endif
