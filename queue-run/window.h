/* SPDX-License-Identifier: ISC */
/*
 * window.h: the messages in memory: a bounded part of the queue, by qid. The
 * rest stays on disk and is listed later.
 */
#ifndef QUEUE_RUN_WINDOW_H
#define QUEUE_RUN_WINDOW_H

#include "message.h"

struct window {
	size_t most; /* messages: queue.window */
	struct message **hash;
	size_t hash_size;
	TAILQ_HEAD(window_messages, message) messages; /* as they came */
	size_t held, weight; /* messages; recipients of them */
	struct {
		size_t held, weight; /* the same, of one part */
	} part[WINDOW_PARTS];
};

void window_begin(struct window *, size_t most);
struct message *window_find(struct window *, const struct qid *);
/* A new message in the window. */
struct message *window_add(
    struct window *, const struct qid *, enum window_part);
void window_weigh(struct window *, struct message *); /* recipients are known */
void window_drop(struct window *, struct message *);
bool window_has_room(const struct window *, enum window_part);

#endif
