/* SPDX-License-Identifier: ISC */
/* serve_help.h: children that serve, and talk with them. */
#ifndef TESTS_UNIT_SERVE_HELP_H
#define TESTS_UNIT_SERVE_HELP_H

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

/* The next line, or what there is when none comes in two seconds. */
static inline const char *
hear(int fd)
{
	static char line[8192];
	size_t n = 0;

	fds_set_timeouts(fd, 2000, 2000);
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

/* Microseconds of CPU of a child that has ended. */
static inline long
cpu_of(pid_t child)
{
	struct rusage u;
	int status;

	(void)wait4(child, &status, 0, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	    u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static inline void
sit_and_wait(int ms)
{
	(void)poll(NULL, 0, ms); /* the time is what is measured, not waited */
}

#endif
