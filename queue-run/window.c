/* SPDX-License-Identifier: ISC */
/* window.c: the messages in memory. */
#include "window.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* Recipients in memory for each message of the window: so many messages with
   few recipients, or few with many. Ours: 5000 * 4 at 500 octets are 10 MB. */
#define WINDOW_RECIPIENTS 4
/* What is told and what is due again each get this part of a window beside what
   in/ fills: mail that cannot be delivered must not keep back new mail, nor a
   full in/ starve a retry or an operator's flush. Ours. */
#define OWN_PART 4
/* What happened to ENVELOPE_RCPT_MAX recipients has room in it. Ours. */
#define LINES_MAX (512UL * 1024 * 1024)

void
window_begin(struct window *window, size_t most)
{
	*window = (struct window){ .most = most, .hash_size = 2 * most + 1 };
	window->hash = mem_new(window->hash_size, sizeof(struct message *));
	TAILQ_INIT(&window->messages);
}

/* The last characters of a qid are random. */
static struct message **
bucket_of(const struct window *window, const struct qid *qid)
{
	uint64_t h;

	memcpy(&h, qid->text + QID_LEN - sizeof(h), sizeof(h));
	return &window->hash[(h * UINT64_C(0x9E3779B97F4A7C15) >> 32) %
	    window->hash_size];
}

struct message *
window_find(struct window *window, const struct qid *qid)
{
	struct message *m = *bucket_of(window, qid);

	while (m != NULL && memcmp(m->envelope.qid.text, qid->text, QID_LEN))
		m = m->next_hash;
	return m;
}

/* It comes into its part (by 1), or goes (by -1). */
static void
count(struct window *window, const struct message *m, int by)
{
	window->held += (size_t)by;
	window->weight += (size_t)by * m->weight;
	window->part[m->part].held += (size_t)by;
	window->part[m->part].weight += (size_t)by * m->weight;
}

struct message *
window_add(struct window *window, const struct qid *qid, enum window_part part)
{
	struct message *m = mem_new(1, sizeof(*m));
	struct message **at = bucket_of(window, qid);

	*m = (struct message){ .lines = BUF_INIT(LINES_MAX),
		.place = STORE_PLACE_IN,
		.part = part,
		.next_hash = *at };
	envelope_begin(&m->envelope);
	m->envelope.qid = *qid;
	*at = m;
	TAILQ_INSERT_TAIL(&window->messages, m, link_window);
	count(window, m, 1);
	return m;
}

void
window_weigh(struct window *window, struct message *m)
{
	count(window, m, -1);
	m->weight = m->envelope.recipients;
	count(window, m, 1);
}

void
window_drop(struct window *window, struct message *m)
{
	struct message **at = bucket_of(window, &m->envelope.qid);

	while (*at != m)
		at = &(*at)->next_hash;
	*at = m->next_hash;
	TAILQ_REMOVE(&window->messages, m, link_window);
	count(window, m, -1);
	envelope_free(&m->envelope);
	buf_free(&m->lines);
	status_free(m);
	free(m);
}

static bool
is_below(size_t held, size_t weight, size_t most)
{
	return held < most && (weight < most * WINDOW_RECIPIENTS || held == 0);
}

bool
window_has_room(const struct window *window, enum window_part part)
{
	return is_below(window->held, window->weight, window->most) ||
	    (part != WINDOW_LISTED &&
	        is_below(window->part[part].held, window->part[part].weight,
	            window->most / OWN_PART + 1));
}
