/* SPDX-License-Identifier: ISC */
/* history.h: the lines of an envelope file that say what happened to it. */
#ifndef QUEUE_RUN_HISTORY_H
#define QUEUE_RUN_HISTORY_H

#include "run.h"

/* Is a line of this recipient's end to be written? */
bool history_is_due(const struct status *);
/* done and try lines of this attempt, into m->lines, which was emptied. What
   there is no memory for sets m->lines_lost. */
void history_put(struct run *, struct message *);
/* They are in the envelope file. */
void history_is_saved(struct message *);
/* `held by= text=`, `released by= text=` after them. */
void history_put_held(struct message *, const char *by, const char *text);
void history_put_released(struct message *, const char *by, const char *text);

#endif
