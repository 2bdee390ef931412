/* SPDX-License-Identifier: ISC */
/*
 * show.h: one entry as a line for people, or as JSON for programs.
 */
#ifndef JOURNAL_SHOW_H
#define JOURNAL_SHOW_H

#include <jansson.h>

#include "select.h"

/* " key=value ..." of all fields but time, program, pid and qid. */
void show_put_fields(struct buf *, const struct record *);
/* "2026-11-24 03:04:05.123 94 local-received <qid> smtpd ip=..." LF. */
void show_put_line(struct buf *, const struct entry *);
/* The caller's to json_decref(). */
json_t *show_json(const struct entry *);

#endif
