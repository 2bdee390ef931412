/* SPDX-License-Identifier: ISC */
/*
 * service.c: client of a line service, waiting or inside a poll loop. Waiting
 * use costs one send() and one recv() a question: the deadline is the socket's
 * own. Whatever goes wrong with the peer is TEMP, and the connection is closed
 * then, so that an answer that comes late never answers the next question.
 */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "fds.h"
#include "mem.h"
#include "prog.h"
#include "record.h"
#include "users.h"
#include "wire_auth.h"

#define IN_MAX         65536 /* octets of answers that wait. Ours */
#define OUT_MAX        (1024UL * 1024) /* octets of questions that wait. Ours */
#define READ_ROOM      16384 /* octets asked of a recv(): some answers. Ours */
#define CHILD_ARGS     7
#define KEY_ENTRY      AUTH_KEY_ENV "="
#define CHILD_PAUSE_MS 32 /* between two looks at its end, at most. Ours */

extern char **environ;

void
service_begin(struct service *s, const char *name, uint64_t timeout_ms)
{
	*s = (struct service){ .name = name,
		.fd = -1,
		.timeout_ms = timeout_ms,
		.in = BUF_INIT(IN_MAX),
		.out = BUF_INIT(OUT_MAX),
		.received_fd = -1 };
}

/* `program = PATH` of the section named like the service; NULL: not set. */
static const char *
replacement(const char *name)
{
	const struct setting_row *row =
	    config_find_row(span_of(name), SPAN_LIT("program"));

	return row == NULL
	    ? NULL
	    : *(char *const *)((const char *)&prog.settings + row->offset);
}

/* The program lies beside this one; -C . for the cwd is the home. */
static enum outcome
child_arguments(const struct service *s, char path[4096 + 64],
    const char *argv[CHILD_ARGS], struct fault *f)
{
	const char *other = replacement(s->name);
	size_t n = 0;

	if (other != NULL && other[0] != '\0') {
		argv[n++] = other;
		argv[n] = NULL;
		return OK;
	}
	if (snprintf(path, 4096 + 64, "%s/%s", prog.directory, s->name) >=
	    4096 + 64)
		return fault_set(f, TEMP, "4.3.0", ENAMETOOLONG, "%s", s->name);
	argv[n++] = path;
	argv[n++] = "-C";
	argv[n++] = ".";
	if (prog.config != NULL) {
		argv[n++] = "-c";
		argv[n++] = prog.config;
	}
	if (s->argument != NULL)
		argv[n++] = s->argument;
	argv[n] = NULL;
	return OK;
}

/*
 * The environment without what the supervisor gave to this process alone, but
 * for the ticket key: the child has another parent and no slot on the board.
 * Caller frees the array, not the strings.
 */
static char **
child_environment(void)
{
	size_t n = 0, kept = 0;
	char **copy;

	while (environ != NULL && environ[n] != NULL)
		n++;
	copy = mem_new(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "PNEU_", 5) != 0 ||
		    strncmp(environ[i], KEY_ENTRY, sizeof(KEY_ENTRY) - 1) == 0)
			copy[kept++] = environ[i];
	return copy;
}

/* The whole of posix_spawn(3)'s attributes. */
static int
spawn(pid_t *child, const char *const *argv, int fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	char **env = child_environment();
	int error;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setflags(
	    &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawn_file_actions_init(&actions);
	error = posix_spawn_file_actions_adddup2(&actions, fd, FD_IN);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, fd, FD_OUT);
	if (error == 0)
		error = posix_spawn(child, argv[0], &actions, &attributes,
		    (char *const *)(uintptr_t)argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	free(env);
	return error;
}

static enum outcome
start_child(struct service *s, struct fault *f)
{
	char path[4096 + 64];
	const char *argv[CHILD_ARGS];
	int pair[2], error;

	/* In a sandbox the attempt to start one would kill this process. */
	if (sandbox_is_closed())
		return s->own ? fault_set(f, TEMP, "4.3.0", 0, "it has ended")
		              : TEMP;
	if (prog.settings.pneu.users == USERS_SEPARATE &&
	    !users_are_same(prog.about->name, s->name))
		return fault_set(f, TEMP, "4.3.0", 0,
		    "nobody answers at run/%s, and a child would have the "
		    "wrong user: `pneu run` must run",
		    s->name);
	if (child_arguments(s, path, argv, f) != OK)
		return TEMP;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "socketpair");
	error = spawn(&s->child, argv, pair[1]);
	(void)close(pair[1]);
	if (error != 0) {
		(void)close(pair[0]);
		s->child = 0;
		return fault_set(f, TEMP, "4.3.0", error,
		    "%s: no socket run/%s, and %s cannot be started", s->name,
		    s->name, argv[0]);
	}
	s->fd = pair[0];
	return OK;
}

enum outcome
service_open(struct service *s, struct fault *f)
{
	char path[128];

	if (s->fd != -1)
		return OK;
	service_close(s); /* what is left of the one before */
	(void)snprintf(path, sizeof(path), "run/%s", s->name);
	if ((s->own || fds_connect_unix(path, &s->fd, f) != OK) &&
	    start_child(s, f) != OK)
		return fault_context(f, "%s", s->name);
	*f = FAULT_NONE; /* no socket in run/ is no fault */
	if (s->timeout_ms > 0)
		fds_set_timeouts(s->fd, s->timeout_ms, s->timeout_ms);
	return OK;
}

/* It sees the end of its input and ends. One that hangs is left alone: there
   may be no right to kill it, and this process must not hang as well. */
static void
bury_child(pid_t child, uint64_t wait_ms)
{
	uint64_t until_ms = clock_mono_ms() + wait_ms;
	int pause_ms = 1;
	pid_t got;

	while ((got = waitpid(child, NULL, WNOHANG)) == 0 ||
	    (got == -1 && errno == EINTR)) {
		if (clock_mono_ms() >= until_ms)
			return;
		(void)poll(NULL, 0, pause_ms);
		if (pause_ms < CHILD_PAUSE_MS)
			pause_ms *= 2;
	}
}

/* A child that was silent for its time gets none to end. */
static void
close_all(struct service *s, bool was_silent)
{
	uint64_t wait_ms = was_silent ? 0
	    : s->timeout_ms == 0      ? UINT64_MAX / 2
	                              : s->timeout_ms;

	fds_close(&s->fd);
	fds_close(&s->received_fd);
	s->at = 0;
	buf_reset(&s->in);
	buf_reset(&s->out);
	if (s->child > 0)
		bury_child(s->child, wait_ms);
	s->child = 0;
}

void
service_close(struct service *s)
{
	close_all(s, false);
}

void
service_free(struct service *s)
{
	service_close(s);
	buf_free(&s->in);
	buf_free(&s->out);
}

/* The peer is of no use any more, and says why to whoever asked. */
static enum outcome
lost(struct service *s, int error, struct fault *f)
{
	bool silent = error == EAGAIN || error == ETIMEDOUT;
	const char *other = replacement(s->name);
	bool is_other = other != NULL && other[0] != '\0';

	if (silent)
		(void)fault_set(f, TEMP, "4.3.0", ETIMEDOUT,
		    "%s did not answer in time", s->name);
	else if (error == 0 || error == EPIPE || error == ECONNRESET)
		(void)fault_set(f, TEMP, "4.3.0", ECONNRESET,
		    "%s%s%s%s ended before it answered", s->name,
		    is_other ? " (program = " : "", is_other ? other : "",
		    is_other ? ")" : "");
	else
		(void)fault_set(f, TEMP, "4.3.0", error, "%s", s->name);
	close_all(s, silent);
	return TEMP;
}

enum outcome
service_send(struct service *s, struct span octets, struct fault *f)
{
	if (s->fd == -1)
		return fault_set(f, TEMP, "4.3.0", ENOTCONN, "%s", s->name);
	while (octets.len > 0) {
		ssize_t n = send(s->fd, octets.p, octets.len, MSG_NOSIGNAL);

		if (n >= 0)
			octets = span_from(octets, (size_t)n);
		else if (errno != EINTR)
			return lost(s, errno, f);
	}
	return OK;
}

/* Octets and perhaps a descriptor, which waits for whoever takes it. */
static ssize_t
receive_with_fd(struct service *s, bool waits)
{
	struct fault f = FAULT_NONE;
	size_t got;
	int fd;

	if (fds_receive(s->fd, waits, &s->in, READ_ROOM, &got, &fd, &f) != OK) {
		errno = f.error == 0 ? EPROTO : f.error;
		return -1;
	}
	if (fd != -1) {
		fds_close(&s->received_fd);
		s->received_fd = fd;
	}
	return (ssize_t)got;
}

/* One recv(): octets, 0 at the end, -1 and errno. */
static ssize_t
receive(struct service *s, bool waits)
{
	ssize_t n;

	if (buf_room(&s->in, &s->at, READ_ROOM, READ_ROOM) < READ_ROOM) {
		errno = EMSGSIZE; /* one line is longer than any record */
		return -1;
	}
	/* recvmsg() costs a tenth more than recv(): only where asked for. */
	if (s->takes_fd)
		return receive_with_fd(s, waits);
	do
		n = recv(s->fd, s->in.p + s->in.len, READ_ROOM,
		    waits ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		buf_extend(&s->in, (size_t)n);
	return n;
}

bool
service_next(struct service *s, struct span *line)
{
	struct span w = span_from(buf_span(&s->in), s->at);
	size_t n = span_find(w, '\n');

	if (n == w.len)
		return false;
	*line = span_head(w, n);
	s->at += n + 1;
	return true;
}

enum outcome
service_line(struct service *s, struct span *line, struct fault *f)
{
	*line = SPAN_EMPTY;
	while (!service_next(s, line)) {
		ssize_t n;

		if (s->fd == -1)
			return fault_set(
			    f, TEMP, "4.3.0", ENOTCONN, "%s", s->name);
		if (s->in.len - s->at >= RECORD_MAX)
			return lost(s, EMSGSIZE, f);
		n = receive(s, true);
		if (n <= 0)
			return lost(s, n == 0 ? 0 : errno, f);
	}
	return OK;
}

static enum outcome
ask_once(
    struct service *s, struct span request, struct span *line, struct fault *f)
{
	/* What nobody asked for would be taken for this answer. */
	if (s->at < s->in.len)
		service_close(s);
	if (service_open(s, f) != OK || service_send(s, request, f) != OK ||
	    service_line(s, line, f) != OK)
		return f->outcome;
	return OK;
}

enum outcome
service_ask(struct service *s, struct span request, bool again,
    struct span *line, struct fault *f)
{
	*line = SPAN_EMPTY;
	if (ask_once(s, request, line, f) == OK)
		return OK;
	/* Silence is not repeated: it would only double the wait. */
	if (!again || f->error == ETIMEDOUT)
		return f->outcome;
	*f = FAULT_NONE; /* of the first try */
	return ask_once(s, request, line, f);
}

enum outcome
service_push(struct service *s, struct fault *f)
{
	ssize_t n;

	if (s->out.len == 0)
		return OK;
	if (s->fd == -1)
		return fault_set(f, TEMP, "4.3.0", ENOTCONN, "%s", s->name);
	do
		n = send(
		    s->fd, s->out.p, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return lost(s, errno, f);
	if (n > 0)
		buf_drop(&s->out, (size_t)n);
	return OK;
}

enum outcome
service_pull(struct service *s, struct fault *f)
{
	ssize_t n;

	s->readable = false;
	if (s->fd == -1)
		return fault_set(f, TEMP, "4.3.0", ENOTCONN, "%s", s->name);
	n = receive(s, false);
	if (n < 0 && errno == EAGAIN)
		return OK;
	if (n <= 0)
		return lost(s, n == 0 ? 0 : errno, f);
	return OK;
}

size_t
service_poll(const struct service *s, struct pollfd *fd)
{
	*fd = (struct pollfd){ .fd = s->fd,
		.events = s->out.len > 0 ? POLLIN | POLLOUT : POLLIN };
	return s->fd == -1 ? 0 : 1;
}

void
service_look(struct service *s, const struct pollfd *fds, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (fds[k].fd == s->fd && (fds[k].revents & ~POLLOUT) != 0)
			s->readable = true;
}
