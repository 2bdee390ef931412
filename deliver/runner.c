/* SPDX-License-Identifier: ISC */
/*
 * runner.c: the process that starts one command, waits for it and ends it. On
 * its socket: a job comes, a report goes; the end of input means that nobody
 * waits for the command any more.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "fds.h"
#include "prog.h"

#define KILL_AFTER_MS 5000 /* SIGKILL so long after SIGTERM */
#define NOT_RUN       127 /* as a shell says that it cannot run a command */
#define PATH_VALUE    "PATH=/usr/local/bin:/usr/bin:/bin"

/* What the process has of its parent's. */
struct process {
	const struct settings *settings;
	int content, output, socket;
	struct command command;
	char value[RUNNER_VALUES]
	          [sizeof("ORIGINAL_RECIPIENT=") + RUNNER_VALUE_MAX];
	char *environment[RUNNER_VALUES + 2]; /* and PATH */
};

static const char *const names[RUNNER_VALUES] = {
	[RUNNER_NEXTHOP] = "NEXTHOP",
	[RUNNER_SENDER] = "SENDER",
	[RUNNER_RECIPIENT] = "RECIPIENT",
	[RUNNER_ORIGINAL_RECIPIENT] = "ORIGINAL_RECIPIENT",
	[RUNNER_QUEUE_ID] = "QUEUE_ID",
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
	/* The supervisor's are no affair of the command. */
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

static bool
has_ended(pid_t pid, siginfo_t *info, int options)
{
	memset(info, 0, sizeof(*info));
	return waitid(P_PID, (id_t)pid, info, WEXITED | WNOHANG | options) ==
	    0 &&
	    info->si_pid == pid;
}

/* Until the command or its parent's interest ends, or until at_ms. */
static bool
wait_until(int socket, uint64_t at_ms)
{
	struct pollfd p = { socket, POLLIN, 0 };
	uint64_t now_ms = clock_mono_ms();
	uint64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 0;
	struct timespec wait = { (time_t)(left_ms / 1000),
		(long)(left_ms % 1000) * 1000000 };
	sigset_t none;

	(void)sigemptyset(&none);
	return ppoll(&p, 1, &wait, &none) > 0;
}

/*
 * SIGCHLD is blocked but in the wait, so none is missed. The last signal goes
 * while the command is not buried yet: its process group can be no other.
 */
static struct runner_report
wait_for_command(int socket, pid_t pid, uint64_t deadline_ms)
{
	uint64_t at_ms = clock_mono_ms() + deadline_ms;
	int watched = socket, next = SIGTERM;
	siginfo_t info;

	while (!has_ended(pid, &info, WNOWAIT)) {
		if (wait_until(watched, at_ms)) {
			watched = -1;
			at_ms = 0;
		}
		if (clock_mono_ms() < at_ms)
			continue;
		(void)kill(-pid, next);
		next = SIGKILL;
		at_ms = clock_mono_ms() + KILL_AFTER_MS;
	}
	if (next == SIGKILL)
		(void)kill(-pid, SIGKILL);
	(void)has_ended(pid, &info, 0);
	return (struct runner_report){ info.si_code, info.si_status,
		next == SIGKILL };
}

/* ---- The job ---- */

static bool
take_job(struct process *p, struct span job)
{
	struct span rest = job, value;

	p->environment[0] = (char *)(uintptr_t)PATH_VALUE;
	for (size_t i = 0; i < RUNNER_VALUES; i++) {
		if (!span_next(&rest, '\0', &value) ||
		    value.len > RUNNER_VALUE_MAX)
			return false;
		(void)snprintf(p->value[i], sizeof(p->value[i]), "%s=" SPAN_FMT,
		    names[i], SPAN_ARG(value));
		p->environment[i + 1] = p->value[i];
		if (i == RUNNER_NEXTHOP &&
		    !command_find(
		        &p->settings->program.command, value, &p->command))
			return false;
	}
	p->environment[RUNNER_VALUES + 1] = NULL;
	return true;
}

static void
on_child(int number)
{
	(void)number; /* only there to interrupt */
}

static void
prepare_to_wait(void)
{
	struct sigaction a;
	sigset_t child;

	prog_reset_signals();
	memset(&a, 0, sizeof(a));
	a.sa_handler = on_child;
	(void)sigaction(SIGCHLD, &a, NULL);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &child, NULL);
}

static void
run(struct process *p)
{
	static char job[RUNNER_JOB_MAX];
	struct runner_report report;
	ssize_t n;
	pid_t pid;

	/* The listener among them: only who serves may hold it. */
	(void)close(FD_IN);
	(void)close(FD_OUT);
	prepare_to_wait();
	do
		n = recv(p->socket, job, sizeof(job), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || !take_job(p, (struct span){ job, (size_t)n }))
		return;
	pid = start_command(p);
	/* Its end is the end of what the command writes. */
	(void)close(p->output);
	if (pid == -1)
		return;
	report =
	    wait_for_command(p->socket, pid, p->settings->program.deadline_ms);
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
	int output[2], socket[2];
	enum outcome got;

	r->content = open_content(s);
	r->output = r->socket = -1;
	if (r->content == -1 || pipe2(output, O_CLOEXEC) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "runner");
	r->output = output[0];
	fds_set_nonblock(r->output, true);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket) ==
	    0) {
		r->socket = socket[0];
		got = start_process(r, s, output[1], socket[1], f);
		(void)close(socket[1]);
	} else {
		got = fault_set(f, TEMP, "4.3.0", errno, "runner");
	}
	(void)close(output[1]);
	return got;
}

void
runner_free(struct runner *r)
{
	fds_close(&r->content);
	fds_close(&r->output);
	fds_close(&r->socket);
}

enum outcome
runner_start(struct runner *r, struct span job, struct fault *f)
{
	if (send(r->socket, job.p, job.len, MSG_NOSIGNAL) != (ssize_t)job.len)
		return fault_set(f, TEMP, "4.3.0", errno, "runner");
	return OK;
}

void
runner_stop(struct runner *r)
{
	(void)shutdown(r->socket, SHUT_WR);
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
