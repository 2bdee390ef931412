/* SPDX-License-Identifier: ISC */
/*
 * runner.c: the process that starts one command, waits for it and ends it. On
 * its socket: a job comes, a report goes; the end of input means that nobody
 * waits for the command any more.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "fds.h"
#include "prog.h"

#define KILL_AFTER_MS 5000 /* SIGKILL so long after SIGTERM */
#define NOT_RUN       127 /* as a shell says that it cannot run a command */
#define NICENESS      10 /* half of nice(1)'s range: mail goes first */
#define PATH_VALUE    "PATH=/usr/local/bin:/usr/bin:/bin"

/* What the process has of its parent's, and the job. */
struct process {
	const struct settings *settings;
	int content, output, socket;
	struct command command;
	char job[RUNNER_JOB_MAX];
	char *environment[RUNNER_VALUES + 2]; /* and PATH */
};

const char *const runner_names[RUNNER_VALUES] = {
	[RUNNER_NEXTHOP] = "NEXTHOP=",
	[RUNNER_SENDER] = "SENDER=",
	[RUNNER_RECIPIENT] = "RECIPIENT=",
	[RUNNER_ORIGINAL_RECIPIENT] = "ORIGINAL_RECIPIENT=",
	[RUNNER_QUEUE_ID] = "QUEUE_ID=",
};

/* ---- The command ---- */

static void
become_command(struct process *p, pid_t parent)
{
	prog_reset_signals();
	(void)setpgid(0, 0);
	/* Should the process that has the deadline be killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(p->content, 0) == -1 ||
	    dup2(p->output, 1) == -1 || dup2(p->output, 2) == -1 ||
	    lseek(0, 0, SEEK_SET) != 0 || chdir("/") != 0)
		_exit(TEMP);
	(void)!nice(NICENESS);
	/* Of those of the supervisor the command gets none. */
	(void)close_range(3, ~0U, 0);
	(void)execve(p->command.argv[0], p->command.argv, p->environment);
	(void)dprintf(2, "%s: %s\n", p->command.argv[0], strerror(errno));
	_exit(NOT_RUN);
}

static pid_t
start_command(struct process *p)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		become_command(p, self);
	if (pid == -1)
		prog_warn("fork: %s", strerror(errno));
	else
		(void)setpgid(pid, pid); /* whoever of the two is first */
	return pid;
}

/* ---- Waiting for it ---- */

/*
 * SIGTERM when its time is over, or nobody waits for it any more; then SIGKILL.
 * The last signal goes while the command is not buried yet: its process group
 * can be no other.
 */
static struct runner_report
wait_for_command(struct process *p, pid_t pid)
{
	enum { COMMAND, PARENT, BOTH };
	int command = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[BOTH] = { { command, POLLIN, 0 },
		{ p->socket, POLLIN, 0 } };
	uint64_t now_ms = clock_mono_ms();
	uint64_t at_ms = now_ms + p->settings->program.deadline_ms;
	/* Without a descriptor its end cannot be waited for. */
	int next = command == -1 ? SIGKILL : SIGTERM;
	siginfo_t info = { .si_code = 0 };

	while (command != -1 && fds[COMMAND].revents == 0) {
		uint64_t left_ms = at_ms - now_ms, in_ms = 0;

		(void)poll(
		    fds, BOTH, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
		now_ms = clock_mono_ms();
		if (fds[PARENT].revents != 0) {
			(void)!recv(p->socket, &in_ms, sizeof(in_ms), 0);
			if (now_ms + in_ms < at_ms)
				at_ms = now_ms + in_ms;
			fds[PARENT].revents = 0;
		}
		if (fds[COMMAND].revents != 0 || now_ms < at_ms)
			continue;
		(void)kill(-pid, next);
		next = SIGKILL;
		at_ms = now_ms + KILL_AFTER_MS;
		fds[PARENT].fd = -1;
	}
	if (next == SIGKILL)
		(void)kill(-pid, SIGKILL);
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
	return (struct runner_report){ info.si_code, info.si_status,
		next == SIGKILL };
}

/* ---- The job ---- */

/* Its values become the environment where they lie. */
static bool
take_job(struct process *p, size_t len)
{
	struct span rest = { p->job, len }, value;

	if (len == 0 || p->job[len - 1] != '\0')
		return false;
	p->environment[0] = (char *)(uintptr_t)PATH_VALUE;
	for (size_t i = 0; i < RUNNER_VALUES; i++) {
		p->environment[i + 1] = p->job + (len - rest.len);
		if (!span_next(&rest, '\0', &value) ||
		    !span_has_prefix(value, runner_names[i]))
			return false;
	}
	value = span_of(p->environment[RUNNER_NEXTHOP + 1]);
	return command_find(&p->settings->program.command,
	    span_from(value, strlen(runner_names[RUNNER_NEXTHOP])),
	    &p->command);
}

static void
run(struct process *p)
{
	struct runner_report report;
	ssize_t n;
	pid_t pid;

	/* The listener among them: only who serves may hold it. */
	(void)close(FD_IN);
	(void)close(FD_OUT);
	prog_reset_signals();
	n = recv(p->socket, p->job, sizeof(p->job), 0);
	if (n <= 0 || !take_job(p, (size_t)n))
		return;
	pid = start_command(p);
	/* Its end is the end of what the command writes. */
	(void)close(p->output);
	if (pid == -1)
		return;
	report = wait_for_command(p, pid);
	(void)!send(p->socket, &report, sizeof(report), MSG_NOSIGNAL);
}

/* ---- Its parent ---- */

/*
 * In the queue's file system, where there is room for mail; in memory where
 * that cannot have a file without a name.
 */
static int
open_content(const struct settings *s)
{
	int fd = open(
	    s->queue.directory, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);

	return fd != -1 ? fd : memfd_create("content", MFD_CLOEXEC);
}

/* fork(); the parent's ends are closed in the process. */
static enum outcome
start_process(const struct runner *r, const struct settings *s, int output,
    int socket, struct fault *f)
{
	static struct process p;
	pid_t pid = fork();

	if (pid == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "fork");
	if (pid > 0)
		return OK;
	(void)close(r->socket);
	(void)close(r->output);
	p.settings = s;
	p.content = r->content;
	p.output = output;
	p.socket = socket;
	run(&p);
	_exit(OK);
}

enum outcome
runner_begin(struct runner *r, const struct settings *s, struct fault *f)
{
	int output[2] = { -1, -1 }, socket[2] = { -1, -1 };
	enum outcome got = OK;

	r->content = open_content(s);
	if (r->content == -1 || pipe2(output, O_CLOEXEC) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket) != 0)
		got = fault_set(f, TEMP, "4.3.0", errno, "runner");
	r->output = output[0];
	r->socket = socket[0];
	if (got == OK) {
		fds_set_nonblock(r->output, true);
		got = start_process(r, s, output[1], socket[1], f);
	}
	fds_close(&output[1]);
	fds_close(&socket[1]);
	return got;
}

void
runner_free(struct runner *r)
{
	fds_close(&r->content);
	fds_close(&r->output);
	fds_close(&r->socket);
}

void
runner_stop(struct runner *r, uint64_t in_ms)
{
	(void)!send(r->socket, &in_ms, sizeof(in_ms), MSG_NOSIGNAL);
}

enum outcome
runner_take_report(
    struct runner *r, struct runner_report *report, struct fault *f)
{
	ssize_t n;

	do
		n = recv(r->socket, report, sizeof(*report), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*report))
		return fault_set(f, TEMP, "4.3.0", 0,
		    "the process that runs the command is gone");
	return OK;
}
