/* SPDX-License-Identifier: ISC */
/* serve_help.h: children that serve, and talk with them. */
#ifndef TESTS_UNIT_SERVE_HELP_H
#define TESTS_UNIT_SERVE_HELP_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static inline bool
ends_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && status == 0;
}

static inline bool
stops_well(pid_t child)
{
	return kill(child, SIGTERM) == 0 && ends_well(child);
}

static inline void
say(int fd, const char *text)
{
	struct fault f;

	if (fds_write_all(fd, span_of(text), &f) != OK)
		printf("# say: %s\n", f.text);
}

/* The next line, or what there is when none comes in half a minute. */
static inline const char *
hear(int fd)
{
	static char line[8192];
	size_t n = 0;

	fds_set_timeouts(fd, 30000, 30000);
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1)
		if (line[n++] == '\n')
			break;
	line[n] = '\0';
	return line;
}

static inline bool
hears(int fd, const char *want)
{
	const char *got = hear(fd);

	if (strcmp(got, want) == 0)
		return true;
	printf("# want %s# got %s\n", want, got);
	return false;
}

/* Where a child says that it serves, for its environment; *read_end is ours. */
static inline int
make_ready(int *read_end)
{
	char number[16];
	int ends[2];

	(void)!pipe(ends);
	*read_end = ends[0];
	/* Over what a child closes. */
	ends[0] = fcntl(ends[1], F_DUPFD, 600);
	(void)close(ends[1]);
	(void)snprintf(number, sizeof(number), "%d", ends[0]);
	(void)setenv(SERVE_ENV_READY, number, 1);
	return ends[0];
}

/* A LF and the end, while the child goes on. */
static inline bool
says_ready(int read_end, int write_end)
{
	char text[4];
	ssize_t n;

	(void)unsetenv(SERVE_ENV_READY);
	(void)close(write_end);
	n = read(read_end, text, 1);
	return n == 1 && text[0] == '\n' && read(read_end, text, 1) == 0;
}

static inline void
sit_and_wait(int ms)
{
	(void)poll(NULL, 0, ms); /* the time is what is measured, not waited */
}

/* Milliseconds of CPU that a child uses in 300 of the clock, a start left out:
   who spins uses all it can get. */
static inline long
cpu_meanwhile(pid_t child)
{
	struct timespec before = { 0, 0 }, after = { 0, 0 };
	clockid_t clock;

	if (clock_getcpuclockid(child, &clock) != 0)
		return 0;
	(void)clock_gettime(clock, &before);
	sit_and_wait(300);
	(void)clock_gettime(clock, &after);
	return (after.tv_sec - before.tv_sec) * 1000 +
	    (after.tv_nsec - before.tv_nsec) / 1000000;
}

#endif
