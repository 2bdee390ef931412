/* SPDX-License-Identifier: ISC */
/* checker.c: a program of the checkpassword interface. */
#include "checker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "fds.h"
#include "prog.h"
#include "serve.h"

#define CHECKER_FD 3 /* where the program reads. Source: the interface */
#define RIGHT      0
#define WRONG      1

/* ---- The process that starts them ---- */

static void
become_program(const struct command *c, int input, pid_t parent)
{
	static char *const environment[] = {
		(char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin", NULL
	};

	prog_reset_signals();
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The copy leaves no descriptor closed on exec. */
	if (getppid() != parent ||
	    (input == CHECKER_FD ? fcntl(CHECKER_FD, F_SETFD, 0)
	                         : dup2(input, CHECKER_FD)) == -1 ||
	    chdir("/") != 0)
		_exit(TEMP);
	(void)close_range(CHECKER_FD + 1, ~0U, 0);
	(void)execve(c->argv[0], c->argv, environment);
	(void)dprintf(2, "%s: %s\n", c->argv[0], strerror(errno));
	_exit(TEMP);
}

/* Its exit status, or TEMP: it died, or its time was over. */
static int
wait_for(pid_t pid)
{
	struct pollfd p = { (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
	siginfo_t info = { .si_code = 0 };

	if (p.fd == -1 || poll(&p, 1, CHECKER_MS) != 1)
		(void)kill(-pid, SIGKILL);
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
	fds_close(&p.fd);
	return info.si_code == CLD_EXITED ? info.si_status : TEMP;
}

static int
run(const struct command *c, struct span octets)
{
	pid_t self = getpid(), pid;
	int ends[2], status = TEMP;
	struct fault f;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return TEMP;
	/* They fit into a pipe: PIPE_BUF is more. */
	if (fds_write_all(ends[1], octets, &f) == OK) {
		pid = fork();
		if (pid == 0)
			become_program(c, ends[0], self);
		(void)close(ends[1]);
		ends[1] = -1;
		if (pid != -1) {
			(void)setpgid(pid, pid);
			status = wait_for(pid);
		}
	}
	fds_close(&ends[0]);
	fds_close(&ends[1]);
	return status;
}

/* Until the end of the socket: of auth. */
static void
serve(const struct command *c, int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char octets[CHECKER_OCTETS_MAX];
	ssize_t n;

	/* No listener, no key, no memory of auth's. 0 and 1 are the programs',
	   too: no pipe may get these numbers. */
	if (null == -1 || dup2(null, FD_IN) == -1 || dup2(null, FD_OUT) == -1 ||
	    dup2(socket, CHECKER_FD + 1) == -1)
		_exit(TEMP);
	socket = CHECKER_FD + 1;
	(void)fcntl(socket, F_SETFD, FD_CLOEXEC);
	(void)close_range(CHECKER_FD + 2, ~0U, 0);
	(void)close(CHECKER_FD);
	/* A SIGTERM for all of them: auth ends its question first. */
	(void)signal(SIGTERM, SIG_IGN);
	while ((n = recv(socket, octets, sizeof(octets), 0)) > 0 ||
	    (n == -1 && errno == EINTR)) {
		int status;

		if (n == -1)
			continue;
		status = run(c, (struct span){ octets, (size_t)n });
		sodium_memzero(octets, sizeof(octets));
		if (send(socket, &status, sizeof(status), MSG_NOSIGNAL) == -1)
			break;
	}
	_exit(OK);
}

/* ---- auth ---- */

/* The name that command_parse() wants first is nobody's here. */
static enum outcome
parse(const char *line, struct command *c, struct fault *f)
{
	char text[COMMAND_LINE_MAX + 16];

	if (snprintf(text, sizeof(text), "check %s", line) >= (int)sizeof(text))
		return fault_set(f, PERM, "5.3.5", 0, "it is too long");
	return command_parse(text, c, f);
}

enum outcome
checker_begin(struct checker *c, const char *line, struct fault *f)
{
	struct command command;
	int ends[2];
	pid_t pid;

	c->socket = -1;
	if (parse(line, &command, f) != OK)
		return fault_context(f, "[auth] checkpassword");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "checkpassword");
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		serve(&command, ends[1]);
	}
	(void)close(ends[1]);
	c->socket = ends[0];
	return pid == -1
	    ? fault_set(f, TEMP, "4.3.0", errno, "fork for checkpassword")
	    : OK;
}

void
checker_end(struct checker *c)
{
	fds_close(&c->socket);
}

static enum outcome
judge(int status, struct fault *f)
{
	if (status == RIGHT)
		return OK;
	if (status == WRONG)
		return fault_set(
		    f, PERM, "5.7.8", 0, "user name or password is wrong");
	return fault_set(f, TEMP, "4.3.0", 0,
	    "the checkpassword program ended with %d", status);
}

/* The process that starts them is gone, and behind the sandbox there is no other:
   we end, and are started anew with one. */
static int
lose(struct checker *c)
{
	fds_close(&c->socket);
	serve_stopping = 1;
	return TEMP;
}

enum outcome
checker_ask(
    struct checker *c, struct span name, struct span password, struct fault *f)
{
	struct buf b = BUF_INIT(CHECKER_OCTETS_MAX);
	int status = TEMP;
	ssize_t n;

	(void)buf_reserve(&b, CHECKER_OCTETS_MAX);
	buf_add(&b, name);
	buf_addc(&b, '\0');
	buf_add(&b, password);
	buf_addc(&b, '\0');
	buf_addf(&b, "%" PRIu64, clock_wall_ms() / 1000);
	buf_addc(&b, '\0');
	if (buf_failed(&b) || span_find(name, '\0') < name.len) {
		status = WRONG;
	} else if (send(c->socket, b.p, b.len, MSG_NOSIGNAL) != -1) {
		do
			n = recv(c->socket, &status, sizeof(status), 0);
		while (n == -1 && errno == EINTR);
		if (n != (ssize_t)sizeof(status))
			status = lose(c);
	} else {
		status = lose(c);
	}
	sodium_memzero(b.p, b.cap);
	buf_free(&b);
	return judge(status, f);
}
