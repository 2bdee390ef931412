/* SPDX-License-Identifier: ISC */
/*
 * status_journal.c: what the end of the journal tells: entries that were lost,
 * alarms, deaths, and how mail came into mailboxes. Copies that nobody expects
 * mean a sandbox or a mount that was set up wrongly.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "output.h"
#include "phrase.h"
#include "receivers.h"
#include "select.h"
#include "status.h"

#define LOOK_MIN  (4UL * 1024 * 1024) /* so much is looked at always. Chosen */
#define LOOK_MAX  (64UL * 1024 * 1024) /* and no more for the hour. Chosen */
#define LOOK_STEP (1UL * 1024 * 1024)
#define FRESH_MS  (60UL * 60 * 1000) /* a problem counts so long. Chosen */

/* Entries that ask for an operator, and words for the last of each. `rules`:
   of these only. */
static const struct {
	const char *code, *what, *rules, *words;
} problems[] = {
	{ CODE_ALARM, "alarms", NULL, "{text|text}" },
	/* Senders come again, but meanwhile nobody's mail comes in. */
	{ CODE_REJECTED, "refusals", "local-trouble queue", "{text|text}" },
	{ CODE_DIED, "deaths", NULL,
	    "{service}[ killed by signal {signal}][ ended with {code}]" },
};
#define PROBLEMS (sizeof(problems) / sizeof(problems[0]))

struct sums {
	uint64_t
	    fresh_us; /* older ones are listed, and are no longer a problem */
	char since[CLOCK_TEXT_MAX]; /* of the first entry that was read */
	uint64_t entries, lost, fresh_lost, links, copies;
	struct problem {
		uint64_t number, fresh;
		struct buf last;
		char time[CLOCK_TEXT_MAX];
	} problem[PROBLEMS];
};

static void
keep_problem(struct problem *t, const char *words, const struct entry *e)
{
	t->number++;
	buf_reset(&t->last);
	phrase_put(&t->last, words, phrase_field, &e->record);
	(void)span_copy(e->time, t->time, sizeof(t->time));
}

static bool
is_problem(size_t i, const struct record *r)
{
	struct span rule = record_value(r, "rule"), word, rest;

	if (!record_is(r, problems[i].code))
		return false;
	if (problems[i].rules == NULL)
		return true;
	rest = span_of(problems[i].rules);
	while (span_next(&rest, ' ', &word))
		if (span_same(rule, word))
			return true;
	return false;
}

static void
count_problem(struct sums *sums, const struct entry *e, bool fresh)
{
	for (size_t i = 0; i < PROBLEMS; i++) {
		if (!is_problem(i, &e->record))
			continue;
		keep_problem(&sums->problem[i], problems[i].words, e);
		sums->problem[i].fresh += fresh;
	}
}

static bool
count_entry(void *arg, const struct entry *e)
{
	struct sums *sums = arg;
	struct span how = record_value(&e->record, "how");
	uint64_t n = 0;
	bool fresh = e->us >= sums->fresh_us;

	if (sums->entries++ == 0)
		(void)span_copy(e->time, sums->since, sizeof(sums->since));
	count_problem(sums, e, fresh);
	if (record_is(&e->record, CODE_DELIVERED)) {
		sums->links += span_eq(how, "link");
		sums->copies += span_eq(how, "copy");
	}
	if (record_is(&e->record, CODE_LOST) &&
	    num_parse(record_value(&e->record, "n"), 0, UINT32_MAX, &n)) {
		sums->lost += n;
		sums->fresh_lost += fresh ? n : 0;
	}
	return true;
}

/* Is the first whole entry after this place of the last hour? Yes if unsure. */
static bool
is_fresh_at(int fd, uint64_t at, uint64_t fresh_us)
{
	char octets[2 * RECORD_MAX];
	ssize_t n = pread(fd, octets, sizeof(octets), (off_t)at);
	struct span rest = { octets, n < 0 ? 0 : (size_t)n }, line;
	struct record r;
	struct fault f;
	uint64_t us;

	return !span_next(&rest, '\n', &line) ||
	    !span_next(&rest, '\n', &line) ||
	    record_parse(line, &r, &f) != OK ||
	    !clock_parse_us(record_value(&r, "time"), &us) || us >= fresh_us;
}

/* From the end of one receiver back; false: far enough, *at octets are before
   what is looked at. */
static bool
step_back(int fd, uint64_t fresh_us, uint64_t *looked, uint64_t *at)
{
	struct stat st;

	*at = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	while (*at > 0) {
		uint64_t step = *at < LOOK_STEP ? *at : LOOK_STEP;

		if (*looked >= LOOK_MAX ||
		    (*looked >= LOOK_MIN && !is_fresh_at(fd, *at, fresh_us)))
			return false;
		*at -= step;
		*looked += step;
	}
	return true;
}

/* Where to begin: an hour ago, within LOOK_MIN and LOOK_MAX from the end. */
static enum outcome
look_back(struct walk *walk, uint64_t fresh_us, struct fault *f)
{
	uint64_t *numbers, looked = 0;
	size_t i;
	bool more = true;

	if (receivers_list(walk->dir, &numbers, &i, f) != OK)
		return f->outcome;
	while (more && i-- > 0) {
		char name[RECEIVER_NAME_MAX];
		int fd;

		receiver_name(numbers[i], name);
		fd = openat(walk->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd == -1) {
			more = errno == ENOENT; /* or select_walk() says it */
			continue;
		}
		walk->receiver = numbers[i];
		more = step_back(fd, fresh_us, &looked, &walk->offset);
		(void)close(fd);
	}
	walk->in_long_line = walk->offset > 0; /* amid one, most likely */
	free(numbers);
	return OK;
}

static void
put_sums(struct status *s, const struct sums *sums)
{
	status_put(s,
	    json_pack("{s:s, s:I, s:o, s:I, s:b}", "what", "journal", "entries",
	        (json_int_t)sums->entries, "since",
	        json_text(span_of(sums->since)), "lost", (json_int_t)sums->lost,
	        "well", (int)(sums->fresh_lost == 0)));
	status_put(s,
	    json_pack("{s:s, s:I, s:I, s:s*, s:b}", "what", "deliveries",
	        "links", (json_int_t)sums->links, "copies",
	        (json_int_t)sums->copies, "advice",
	        sums->copies > 0 ? "copies: queue and mail are two mounts?"
	                         : NULL,
	        "well", 1));
	for (size_t i = 0; i < PROBLEMS; i++) {
		const struct problem *t = &sums->problem[i];

		status_put(s,
		    json_pack("{s:s, s:I, s:o, s:o, s:b}", "what",
		        problems[i].what, "number", (json_int_t)t->number,
		        "last", json_text(buf_span(&t->last)), "time",
		        json_text(span_of(t->time)), "well",
		        (int)(t->fresh == 0)));
	}
}

void
status_journal(struct status *s)
{
	struct walk walk = { .dir = open("journal",
		                 O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct select all = { 0 };
	struct sums sums;
	struct fault f;

	memset(&sums, 0, sizeof(sums));
	for (size_t i = 0; i < PROBLEMS; i++)
		sums.problem[i].last = BUF_INIT(2 * RECORD_MAX);
	sums.fresh_us = (s->now_ms - FRESH_MS) * 1000;
	if (walk.dir == -1)
		fault_set(&f, TEMP, "4.3.0", errno, "open it");
	if (walk.dir == -1 || look_back(&walk, sums.fresh_us, &f) != OK ||
	    select_walk(&walk, &all, count_entry, NULL, &sums, &f) != OK)
		status_fail(s, "journal", NULL, &f);
	else
		put_sums(s, &sums);
	for (size_t i = 0; i < PROBLEMS; i++)
		buf_free(&sums.problem[i].last);
	fds_close(&walk.dir);
}
