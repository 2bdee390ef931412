/* SPDX-License-Identifier: ISC */
#include "limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define MINUTE 60000U
#define NOW    (1000000U * (uint64_t)MINUTE) /* a minute begins */

static struct limits limits;

static enum outcome
parse(const char *text, struct limit_rates *r)
{
	struct fault f;

	return limit_parse(span_of(text), r, &f);
}

static struct limit_found
ask(const char *name, enum limit_who who, unsigned role, const char *rates,
    uint64_t n, uint64_t now_ms)
{
	const struct limit_subject s = { who, role, span_of(name) };
	struct limit_rates r;

	if (parse(rates, &r) != OK)
		abort();
	return limits_ask(&limits, &s, &r, LIMIT_MESSAGES, n, 80, now_ms);
}

/* How many of `tries` are let in. */
static unsigned
passed(const char *name, const char *rates, unsigned tries, uint64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += ask(name, LIMIT_CLIENT, 0, rates, 1, now_ms).state !=
		    LIMIT_REFUSE;
	return n;
}

static void
test_parse(void)
{
	static const char *const wrong[] = { "60", "connections/minute",
		"60 connections", "60 connections/day", "60 mails/minute",
		"0 messages/hour", "1000001 messages/hour", "1 messages/hour,,",
		"1 messages/hour x", "1 messages/hour, 2 messages/hour",
		"-1 messages/hour", "1  messages / hour" };
	struct limit_rates r;

	tap_ok(parse("", &r) == OK && r.most[LIMIT_MESSAGES][LIMIT_HOUR] == 0,
	    "nothing said, nothing limited");
	tap_ok(parse(" 60 connections/minute,1000  relayed/hour ", &r) == OK &&
	        r.most[LIMIT_CONNECTIONS][LIMIT_MINUTE] == 60 &&
	        r.most[LIMIT_RELAYED][LIMIT_HOUR] == 1000 &&
	        r.most[LIMIT_RELAYED][LIMIT_MINUTE] == 0,
	    "a limit is a number, a kind and a window");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		tap_ok(parse(wrong[i], &r) == PERM, "`%s` is none", wrong[i]);
}

static void
test_windows(void)
{
	const char *rates = "10 messages/minute, 15 messages/hour";

	tap_ok(passed("a", "10 messages/minute", 30, NOW) == 10,
	    "of 30 in a minute 10 are let in");
	tap_ok(passed("a", "10 messages/minute", 30, NOW + MINUTE - 1) == 0,
	    "and none more before its end");
	tap_ok(passed("a", "10 messages/minute", 30, NOW + MINUTE * 3 / 2) == 5,
	    "half a minute later half of it counts");
	tap_ok(passed("a", "10 messages/minute", 30, NOW + MINUTE * 9) == 10,
	    "and later nothing");
	tap_ok(passed("b", rates, 30, NOW) == 10 &&
	        passed("b", rates, 30, NOW + 5 * MINUTE) == 5,
	    "the limit of an hour holds over its minutes");
	tap_ok(passed("a", rates, 30, NOW - 600 * MINUTE) == 10,
	    "a clock that was set back begins anew");
	tap_ok(passed("d", "1000000 messages/hour", 5, NOW) == 5 &&
	        ask("d", LIMIT_CLIENT, 0, "1000000 messages/hour", 0, NOW)
	                .used == 5,
	    "a big limit counts as well");
}

static void
test_states(void)
{
	const char *rates = "10 messages/minute";
	struct limit_found f = { .state = LIMIT_NORMAL };
	char states[16] = "";

	for (unsigned i = 0; i < 12; i++) {
		f = ask("c", LIMIT_CLIENT, 0, rates, 1, NOW);
		states[i] = limit_state_name(f.state)[0];
	}
	tap_ok(strcmp(states, "nnnnnnnnddrr") == 0,
	    "normal, delay and refuse follow one another: %s", states);
	tap_ok(f.used == 10 && f.most == 10 && f.window == LIMIT_MINUTE,
	    "what is refused counts nothing");
	f = ask("c", LIMIT_CLIENT, 0, rates, 0, NOW);
	tap_ok(f.state == LIMIT_REFUSE && f.used == 10,
	    "to look counts nothing, and says what the next one hears");
	tap_ok(ask("c", LIMIT_CLIENT, 1, rates, 0, NOW).used == 0,
	    "a client is counted for each role");
	(void)ask("u", LIMIT_USER, 0, rates, 1, NOW);
	tap_ok(ask("u", LIMIT_USER, 1, rates, 0, NOW).used == 1,
	    "a user is one in all of them");
	tap_ok(ask("u", LIMIT_CLIENT, 0, rates, 0, NOW).used == 0,
	    "a client of his name is another");
}

/* Each of four processes tries 1000 times: it is what is let in that counts. */
static void
test_together(void)
{
	unsigned sum = 0;
	int end[2];

	if (pipe(end) != 0)
		abort();
	for (unsigned i = 0; i < 4; i++)
		if (fork() == 0) {
			unsigned n =
			    passed("p", "500 messages/hour", 1000, NOW);

			_exit(write(end[1], &n, sizeof(n)) != sizeof(n));
		}
	for (unsigned i = 0, n; i < 4; i++)
		sum += read(end[0], &n, sizeof(n)) == sizeof(n) ? n : 100000;
	while (wait(NULL) > 0)
		;
	tap_ok(sum > 400 && sum <= 500,
	    "of four workers together no more than the limit: %u", sum);
}

static void
test_many(void)
{
	char name[32];
	size_t kept = 0;

	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)passed(name, "1 messages/hour", 1, NOW + i);
		(void)ask(
		    "", LIMIT_ALL, 0, "1000000 messages/hour", 1, NOW + i);
	}
	for (unsigned i = 100000 - LIMITS_PLACES / 2; i < 100000; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		kept +=
		    ask(name, LIMIT_CLIENT, 0, "1 messages/hour", 0, NOW + i)
		        .state == LIMIT_REFUSE;
	}
	tap_ok(kept > LIMITS_PLACES / 4, "of too many the oldest go: %zu of %d",
	    kept, LIMITS_PLACES / 2);
	tap_ok(ask("", LIMIT_ALL, 0, "1000000 messages/hour", 0, NOW + 100000)
	            .used == 100000,
	    "the count of all is never the oldest");
}

int
main(void)
{
	char directory[] = "/tmp/pneu-unit-limits.XXXXXX";
	struct stat st;
	int fd = -1;

	if (mkdtemp(directory) == NULL || chdir(directory) != 0)
		abort();
	test_parse();
	limits_open(&limits, true);
	tap_ok(
	    limits.table == NULL && passed("a", "1 messages/hour", 3, NOW) == 3,
	    "without a file nothing is counted, and nobody limited");
	tap_ok(mkdir("run", 0700) == 0 && (fd = limits_make()) != -1,
	    "the supervisor makes it");
	tap_ok(fstat(fd, &st) == 0 &&
	        (size_t)st.st_blocks * 512 >= sizeof(struct limit_table),
	    "with room on disk for all of it");
	(void)close(fd);
	limits_open(&limits, true);
	test_windows();
	test_states();
	test_together();
	limits_close(&limits);
	fd = limits_make();
	(void)close(fd);
	limits_open(&limits, true);
	tap_ok(
	    ask("c", LIMIT_CLIENT, 0, "10 messages/minute", 0, NOW).used == 10,
	    "a start forgets nobody");
	test_many();
	limits_close(&limits);
	tap_ok(truncate(LIMITS_PATH, 4096) == 0, "a file of another build");
	limits_open(&limits, true);
	tap_ok(limits.table == NULL, "is not read");
	fd = limits_make();
	(void)close(fd);
	limits_open(&limits, true);
	tap_ok(limits.table != NULL &&
	        ask("c", LIMIT_CLIENT, 0, "10 messages/minute", 0, NOW).used ==
	            0,
	    "but made anew");
	limits_close(&limits);
	(void)unlink(LIMITS_PATH);
	(void)rmdir("run");
	(void)rmdir(directory);
	return tap_done();
}
