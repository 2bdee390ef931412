/* SPDX-License-Identifier: ISC */
/*
 * status_queue.c: the directory a message lies in is its state, so counting
 * needs nobody's help, and works when nothing runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "qid.h"
#include "status.h"

#define TROUBLE_MAX 4096 /* octets shown of queue/trouble */

struct count {
	uint64_t messages;
	struct qid oldest; /* when messages > 0 */
};

static const struct {
	const char *name;
	bool minutes; /* directories by due minute lie between */
	bool alarm; /* anything in it needs a person */
} states[] = {
	{ "in", false, false },
	{ "out", false, false },
	{ "retry1", true, false },
	{ "retry2", true, false },
	{ "busy", false, true },
	{ "hold", false, false },
	{ "quarantine", false, false },
	{ "aside", false, true },
};
#define STATES (sizeof(states) / sizeof(states[0]))

static void
count_name(struct count *c, const char *name)
{
	struct qid qid;

	if (!qid_parse(span_of(name), &qid))
		return;
	if (c->messages == 0 || strcmp(qid.text, c->oldest.text) < 0)
		c->oldest = qid;
	c->messages++;
}

/* aside/ may hold names that are no qids: they count all the same. */
static bool
count_directory(
    int at, const char *name, bool minutes, bool any, struct count *c)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	while ((e = readdir(d)) != NULL) {
		uint64_t before = c->messages;

		if (e->d_name[0] == '.')
			continue;
		if (minutes)
			(void)count_directory(fd, e->d_name, false, false, c);
		else
			count_name(c, e->d_name);
		if (any && c->messages == before)
			c->messages++;
	}
	(void)closedir(d);
	return true;
}

static void
put_state(struct status *s, size_t i, const struct count *c)
{
	bool well = !states[i].alarm || c->messages == 0;
	bool has_oldest = c->oldest.text[0] != '\0';
	uint64_t then = has_oldest ? qid_time_ms(&c->oldest) : s->now_ms;
	uint64_t age_ms = s->now_ms > then ? s->now_ms - then : 0;
	char age[32];

	status_age(age_ms, age);
	if (c->messages > 0)
		status_put(s, well, "  %-10s %8llu  oldest %s%s",
		    states[i].name, (unsigned long long)c->messages,
		    has_oldest ? age : "?",
		    well ? "" : "  (look: pneu queue list)");
	status_put_json(s,
	    json_pack("{s:s, s:s, s:I, s:I, s:s, s:b}", "what", "queue",
	        "state", states[i].name, "messages", (json_int_t)c->messages,
	        "oldest_ms", (json_int_t)(c->messages > 0 ? age_ms : 0),
	        "oldest", c->oldest.text, "well", well));
}

/* Made by whoever met a failed write; its text says what. */
static void
put_trouble(struct status *s, int queue)
{
	struct buf text = BUF_INIT(TROUBLE_MAX);
	struct fault f;
	struct span line = SPAN_EMPTY, rest;
	bool there = faccessat(queue, "trouble", F_OK, 0) == 0;

	if (there && fds_read_file(queue, "trouble", &text, &f) == OK) {
		rest = buf_span(&text);
		(void)span_next(&rest, '\n', &line);
	}
	if (there)
		status_put(s, false,
		    "  queue/trouble: a write to the disk failed; look at it, "
		    "stop, `queue tidy --clear-trouble`, start. %.*s",
		    (int)(line.len > 200 ? 200 : line.len), line.p);
	status_put_json(s,
	    json_pack("{s:s, s:b, s:s%, s:b}", "what", "trouble", "there",
	        (int)there, "text", line.len == 0 ? "" : line.p, line.len,
	        "well", (int)!there));
	buf_free(&text);
}

void
status_queue(struct status *s, const char *queue)
{
	int fd = open(queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t all = 0;

	if (fd == -1) {
		status_fail(s, "queue", "queue %s: %s", queue, strerror(errno));
		return;
	}
	status_put(s, true, "queue %s", queue);
	for (size_t i = 0; i < STATES; i++) {
		struct count c = { 0, { "" } };

		if (!count_directory(fd, states[i].name, states[i].minutes,
		        states[i].alarm, &c))
			status_put(s, false, "  %s: %s", states[i].name,
			    strerror(errno));
		put_state(s, i, &c);
		all += c.messages;
	}
	if (all == 0)
		status_put(s, true, "  empty");
	put_trouble(s, fd);
	(void)close(fd);
}
