/* SPDX-License-Identifier: ISC */
/* history.h: the lines of an envelope file that say what happened to it. */
#ifndef QUEUE_RUN_HISTORY_H
#define QUEUE_RUN_HISTORY_H

#include "run.h"

/* done and try lines of this attempt, into m->lines, which was emptied. */
void history_put(struct message *);
/* They are in the envelope file. */
void history_is_saved(struct message *);
/* `held by= [text=]`, `released by= [text=]` after them. */
void history_add(
    struct message *, const char *word, const char *by, const char *text);

#endif
