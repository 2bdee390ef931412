/* SPDX-License-Identifier: ISC */
/* window.c: the messages in memory. */
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* Recipients in memory for each message of the window: so many messages with
   few recipients, or few with many. Ours: 5000 * 4 at 500 octets are 10 MB. */
#define WINDOW_RECIPIENTS 4
/* What is told and what is due again each get this part of a window beside what
   in/ fills: mail that cannot be delivered must not keep back new mail, nor a
   full in/ starve a retry or an operator's flush. Ours. */
#define OWN_PART 4
/* A recycled message keeps its memory up to this. Ours. */
#define KEEP_MAX 4096

enum outcome
window_begin(struct window *window, size_t most, struct fault *f)
{
	size_t size = 64;

	while (size < 2 * most)
		size *= 2;
	*window = (struct window){ .most = most,
		.hash = calloc(size, sizeof(struct message *)),
		.hash_size = size };
	if (window->hash == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "window: no memory");
	return OK;
}

static void
message_free(struct message *m)
{
	envelope_free(&m->envelope);
	buf_free(&m->text);
	buf_free(&m->lines);
	free(m->status);
	free(m);
}

void
window_end(struct window *window)
{
	struct message *m;

	for (size_t i = 0; window->hash != NULL && i < window->hash_size; i++)
		while ((m = window->hash[i]) != NULL) {
			window->hash[i] = m->next_hash;
			free(m->operation);
			message_free(m);
		}
	while ((m = window->spare) != NULL) {
		window->spare = m->next;
		message_free(m);
	}
	free(window->hash);
	window->hash = NULL;
}

/* The last characters of a qid are random. FNV-1a. */
static size_t
bucket_of(const struct window *window, const struct qid *qid)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 10; i < QID_LEN; i++)
		h = (h ^ (unsigned char)qid->text[i]) * 1099511628211U;
	return (h ^ h >> 32) & (window->hash_size - 1);
}

struct message *
window_find(struct window *window, const struct qid *qid)
{
	struct message *m = window->hash[bucket_of(window, qid)];

	while (m != NULL && memcmp(m->envelope.qid.text, qid->text, QID_LEN))
		m = m->next_hash;
	return m;
}

struct message *
window_add(struct window *window, const struct qid *qid)
{
	struct message *m = window->spare;
	struct message **at = &window->hash[bucket_of(window, qid)];

	if (m != NULL) {
		window->spare = m->next;
	} else {
		m = malloc(sizeof(*m));
		if (m == NULL)
			return NULL;
		*m = (struct message){ .text = BUF_INIT(256UL * 1024 * 1024),
			.lines = BUF_INIT(256UL * 1024 * 1024) };
	}
	envelope_begin(&m->envelope);
	m->envelope.qid = *qid;
	m->place = (struct store_place){ STORE_IN, 0 };
	m->next_hash = *at;
	*at = m;
	window->held++;
	window->part[WINDOW_LISTED].held++;
	return m;
}

void
window_count_as(struct window *window, struct message *m, enum window_part part)
{
	window->part[m->part].held--;
	window->part[m->part].weight -= m->weight;
	m->part = part;
	window->part[part].held++;
	window->part[part].weight += m->weight;
}

void
window_weigh(struct window *window, struct message *m)
{
	window->weight += m->envelope.recipients - m->weight;
	window->part[m->part].weight += m->envelope.recipients - m->weight;
	m->weight = m->envelope.recipients;
}

void
window_drop(struct window *window, struct message *m)
{
	struct message **at =
	    &window->hash[bucket_of(window, &m->envelope.qid)];
	struct message empty = { .text = m->text,
		.lines = m->lines,
		.status = m->status,
		.status_max = m->status_max };

	while (*at != m)
		at = &(*at)->next_hash;
	*at = m->next_hash;
	window->held--;
	window->weight -= m->weight;
	window->part[m->part].held--;
	window->part[m->part].weight -= m->weight;
	envelope_free(&m->envelope);
	if (m->status_max > 16 || m->text.cap > KEEP_MAX ||
	    m->lines.cap > KEEP_MAX) {
		message_free(m);
		return;
	}
	buf_reset(&empty.text);
	buf_reset(&empty.lines);
	*m = empty;
	m->next = window->spare;
	window->spare = m;
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

struct message *
window_next(const struct window *window, const struct message *m)
{
	size_t i = 0;

	if (m != NULL) {
		if (m->next_hash != NULL)
			return m->next_hash;
		i = bucket_of(window, &m->envelope.qid) + 1;
	}
	while (i < window->hash_size && window->hash[i] == NULL)
		i++;
	return i < window->hash_size ? window->hash[i] : NULL;
}
