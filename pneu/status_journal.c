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

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "phrase.h"
#include "receivers.h"
#include "select.h"
#include "status.h"

#define LOOK_MIN (4UL * 1024 * 1024) /* so much is looked at always. Chosen */
#define LOOK_MAX (64UL * 1024 * 1024) /* and no more for the hour. Chosen */
#define FRESH_MS (60UL * 60 * 1000) /* a problem counts so long. Chosen */

/* Entries that ask for an operator, words for one of each, and for all. `rules`:
   of these only. */
static const struct {
	const char *code, *what, *rules, *words, *line;
} problems[] = {
	{ CODE_ALARM, "alarms", NULL, "{text|text}",
	    "[  alarms {number}; the last, {time}: {last|text}]" },
	/* Senders come again, but meanwhile nobody's mail comes in. */
	{ CODE_REJECTED, "refusals", "local-trouble queue", "{text|text}",
	    "[  refused for local errors {number}; the last, {time}: "
	    "{last|text}]" },
	{ CODE_DIED, "deaths", NULL,
	    "{service}[ killed by signal {signal}][ ended with {code}]",
	    "[  processes that died {number}; the last, {time}: {last|text}]" },
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

static bool
is_problem(size_t i, const struct record *r)
{
	struct span rule = record_value(r, "rule");

	return record_is(r, problems[i].code) &&
	    (problems[i].rules == NULL ||
	        span_is_word(rule, problems[i].rules));
}

static void
count_problem(struct sums *sums, const struct entry *e, bool fresh)
{
	for (size_t i = 0; i < PROBLEMS; i++) {
		struct problem *t = &sums->problem[i];

		if (!is_problem(i, &e->record))
			continue;
		t->number++;
		t->fresh += fresh;
		buf_reset(&t->last);
		phrase_put(
		    &t->last, problems[i].words, phrase_field, &e->record);
		(void)span_copy(e->time, t->time, sizeof(t->time));
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

static bool
take_time(void *us, const struct entry *e)
{
	*(uint64_t *)us = e->us;
	return false; /* the first will do */
}

/* Is the first entry of the walk of the last hour? Yes if unsure. */
static bool
is_fresh(struct walk walk, uint64_t fresh_us)
{
	struct select all = { 0 };
	uint64_t us = fresh_us;
	struct fault f;

	return select_walk(&walk, &all, take_time, NULL, &us, &f) != OK ||
	    us >= fresh_us;
}

/* The walk begins so many octets before the end. */
static enum outcome
step_back(struct walk *walk, uint64_t octets, struct fault *f)
{
	char name[RECEIVER_NAME_MAX];
	uint64_t *numbers;
	size_t i;
	struct stat st;

	if (receivers_list(walk->dir, &numbers, &i, f) != OK)
		return f->outcome;
	while (octets > 0 && i-- > 0) {
		uint64_t size;

		receiver_name(numbers[i], name);
		if (fstatat(walk->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue; /* gone, or select_walk() says it */
		size = (uint64_t)st.st_size;
		walk->receiver = numbers[i];
		walk->offset = size > octets ? size - octets : 0;
		octets -= size - walk->offset;
	}
	walk->in_long_line = walk->offset > 0; /* amid one, most likely */
	free(numbers);
	return OK;
}

/* Where to begin: an hour ago, within LOOK_MIN and LOOK_MAX from the end. */
static enum outcome
look_back(struct walk *walk, uint64_t fresh_us, struct fault *f)
{
	uint64_t octets = LOOK_MIN;

	f->outcome = OK;
	while (step_back(walk, octets, f) == OK && octets < LOOK_MAX &&
	    is_fresh(*walk, fresh_us))
		octets *= 2;
	return f->outcome;
}

static void
put_sums(struct status *s, const struct sums *sums)
{
	status_put(s,
	    json_pack("{s:s, s:I, s:o, s:I, s:b}", "what", "journal", "entries",
	        (json_int_t)sums->entries, "since",
	        json_text(span_of(sums->since)), "lost", (json_int_t)sums->lost,
	        "well", (int)(sums->fresh_lost == 0)),
	    "journal: {entries} entries[ since {since}]; lost {lost}");
	status_put(s,
	    json_pack("{s:s, s:I, s:I, s:s*, s:b}", "what", "deliveries",
	        "links", (json_int_t)sums->links, "copies",
	        (json_int_t)sums->copies, "advice",
	        sums->copies > 0 ? "copies: queue and mail are two mounts?"
	                         : NULL,
	        "well", 1),
	    "  delivered by link {links}, by copy {copies}");
	for (size_t i = 0; i < PROBLEMS; i++) {
		const struct problem *t = &sums->problem[i];

		status_put(s,
		    json_pack("{s:s, s:I, s:o, s:o, s:b}", "what",
		        problems[i].what, "number", (json_int_t)t->number,
		        "last", json_text(buf_span(&t->last)), "time",
		        json_text(span_of(t->time)), "well",
		        (int)(t->fresh == 0)),
		    problems[i].line);
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
