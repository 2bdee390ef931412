/* SPDX-License-Identifier: ISC */
/*
 * status_queue.c: the directory a message lies in is its state, so counting
 * needs nobody's help, and works when nothing runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "qid.h"
#include "record.h"
#include "status.h"
#include "store_state.h"
#include "trouble.h"

#define HOLD_MS (24UL * 60 * 60 * 1000) /* then it was forgotten. Chosen */

struct count {
	uint64_t messages;
	struct qid oldest; /* "": no name is a queue id */
	bool has_minutes; /* directories of them */
	int error; /* errno of one that could not be read, or 0 */
};

static void
count_name(struct count *c, const char *name)
{
	struct qid qid;

	c->messages++;
	if (qid_parse(span_of(name), &qid) &&
	    (c->oldest.text[0] == '\0' || strcmp(qid.text, c->oldest.text) < 0))
		c->oldest = qid;
}

static void
count_directory(int at, const char *name, bool is_minute, struct count *c)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		if (!is_minute || errno != ENOENT) /* it went meanwhile */
			c->error = errno;
		fds_close(&fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] == '.')
			continue;
		else if (c->has_minutes && !is_minute)
			count_directory(fd, e->d_name, true, c);
		else
			count_name(c, e->d_name);
	(void)closedir(d);
}

/* Operator action needed: corrupt, stuck, or on hold for too long. */
static const char *
advice_of(enum store_state state, const struct count *c, uint64_t age_ms)
{
	if (c->messages == 0)
		return NULL;
	if (state == STORE_BUSY)
		return "parked until less than [storage] low_pct of the disk "
		       "is used";
	if (state == STORE_ASIDE)
		return "look: pneu queue list";
	if (state == STORE_HOLD && age_ms >= HOLD_MS)
		return "release or delete it: pneu queue list";
	return NULL;
}

static uint64_t
put_state(struct status *s, int queue, enum store_state state)
{
	const char *word = store_state_word(state), *advice;
	struct count c = { .has_minutes = store_has_minutes(state) };
	struct fault f;
	uint64_t age_ms = 0;
	json_t *o;

	count_directory(queue, word, false, &c);
	if (c.error != 0) {
		fault_set(&f, TEMP, "4.3.0", c.error, "cannot be read");
		status_fail(s, "queue", word, &f);
		return c.messages;
	}
	if (c.oldest.text[0] != '\0' && s->now_ms > qid_time_ms(&c.oldest))
		age_ms = s->now_ms - qid_time_ms(&c.oldest);
	advice = advice_of(state, &c, age_ms);
	o = json_pack("{s:s, s:s, s:I, s:s*, s:b}", "what", "queue", "state",
	    word, "messages", (json_int_t)c.messages, "advice", advice, "well",
	    (int)(advice == NULL));
	if (c.oldest.text[0] != '\0')
		(void)json_object_update_new(o,
		    json_pack("{s:s, s:I}", "oldest", c.oldest.text,
		        "oldest_ms", (json_int_t)age_ms));
	status_put(s, o, "[  {state:10} {messages:8}][ oldest {oldest_ms|ms}]");
	return c.messages;
}

/* A write or an fsync failed; the text says which. */
static void
put_trouble(struct status *s, int queue)
{
	char text[RECORD_MAX];
	bool there = trouble_text(queue, text, sizeof(text));

	status_put(s,
	    json_pack("{s:s, s:b, s:o, s:s*, s:b}", "what", "trouble", "there",
	        (int)there, "text", json_text(span_of(text)), "advice",
	        there ? "look at the disk, stop, `queue tidy "
	                "--clear-trouble`, start"
	              : NULL,
	        "well", (int)!there),
	    "[{there}  queue/trouble: a write to the disk failed[: "
	    "{text|text}]]");
}

void
status_queue(struct status *s, const char *queue)
{
	int fd = open(queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t all = 0;
	struct fault f;

	if (fd == -1) {
		fault_set(&f, TEMP, "4.3.0", errno, "%s", queue);
		status_fail(s, "queue", NULL, &f);
		return;
	}
	for (int i = 0; i < STORE_STATES; i++)
		all += put_state(s, fd, (enum store_state)i);
	put_trouble(s, fd);
	status_put(s,
	    json_pack("{s:s, s:o, s:I, s:b}", "what", "total", "directory",
	        json_text(span_of(queue)), "messages", (json_int_t)all, "well",
	        1),
	    "messages in {directory}: {messages}");
	(void)close(fd);
}
