/* SPDX-License-Identifier: ISC */
/*
 * runner.h: the process that starts one command, waits for it and ends it.
 *
 * It is forked before the sandbox, which the command must not inherit, and
 * reads nothing but one job: which of the configured commands, and the values
 * of its environment. So who owns the process that reads messages can start
 * these commands and nothing else.
 */
#ifndef DELIVER_RUNNER_H
#define DELIVER_RUNNER_H

#include "settings.h"
#include "wire_attempt.h"

/* The values of a job, in this order. */
enum {
	RUNNER_NEXTHOP, /* the command's name */
	RUNNER_SENDER,
	RUNNER_RECIPIENT,
	RUNNER_ORIGINAL_RECIPIENT,
	RUNNER_QUEUE_ID,
	RUNNER_VALUES
};
/* Each in a job as it stands in the environment, "NEXTHOP=archive", and its
   closing 0. */
extern const char *const runner_names[RUNNER_VALUES]; /* "NEXTHOP=" */
/* The longest name, a line for each recipient, the 0. */
#define RUNNER_VALUE_MAX (32 + ATTEMPT_RCPT_MAX * (PATH_TEXT_MAX + 1) + 1)
#define RUNNER_JOB_MAX   (RUNNER_VALUES * (RUNNER_VALUE_MAX))

struct runner {
	int content; /* an empty file without a name: the command's fd 0 */
	int output; /* what the command writes to its fds 1 and 2; never waits */
	int socket; /* to the process; end of input there ends the command */
};

struct runner_report {
	int code, status; /* CLD_EXITED, CLD_KILLED; exit status or signal */
	bool ended; /* with signals: the deadline passed, or runner_stop() */
};

/* TEMP 4.3.0: no file, no process. Free with runner_free(). */
enum outcome runner_begin(
    struct runner *, const struct settings *, struct fault *) MUST_USE;
void runner_free(struct runner *); /* a command that still runs is ended */

/*
 * The job is one message on the socket. A command ends by itself, or by SIGTERM
 * to its process group and SIGKILL five seconds later: after its deadline, and
 * in_ms after runner_stop(). Its report follows.
 */
void runner_stop(struct runner *, uint64_t in_ms);
/* When the socket can be read. TEMP: the process is gone, without a report. */
enum outcome runner_take_report(
    struct runner *, struct runner_report *, struct fault *) MUST_USE;

#endif
