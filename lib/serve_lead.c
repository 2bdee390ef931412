/* SPDX-License-Identifier: ISC */
/*
 * serve_lead.c: the first process of a pool forks the others. A message is one
 * number: from the supervisor a slot of the board, to it the pid of the worker
 * there, or -errno; the first one to it says that we are ready.
 */
#include "serve.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As fork(), but the child is our parent's. We have one thread, and what glibc
   keeps of its number is asked by nobody here. */
static pid_t
fork_beside(void)
{
	return (pid_t)syscall(
	    SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
}

static bool
say(int fd, int32_t word)
{
	return send(fd, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word);
}

/* It says itself that it is there: so the supervisor knows it before it can die,
   and a supervisor that did not wait has no worker it does not know. */
static void
become_worker(int fd, int32_t slot)
{
	char text[16];

	if (!say(fd, getpid()))
		_exit(TEMP);
	(void)close(fd);
	(void)snprintf(text, sizeof(text), "%d", slot);
	if (setenv(SERVE_ENV_SLOT, text, 1) != 0)
		_exit(TEMP);
	(void)unsetenv(SERVE_ENV_LEAD);
	serve_follow_supervisor();
}

bool
serve_lead(void)
{
	uint64_t fd;
	int32_t slot;
	ssize_t n;
	pid_t pid;

	if (!num_from_env(SERVE_ENV_LEAD, 3, INT32_MAX, &fd))
		return true;
	if (!say((int)fd, 0))
		return false;
	for (;;) {
		n = recv((int)fd, &slot, sizeof(slot), 0);
		/* A worker would be born with it, and end at once. */
		if (serve_stopping || serve_reloading)
			return false;
		if (n == -1 && errno == EINTR)
			continue;
		if (n != sizeof(slot))
			return false;
		pid = fork_beside();
		if (pid == 0) {
			become_worker((int)fd, slot);
			return true;
		}
		if (pid == -1 && !say((int)fd, -errno))
			return false;
	}
}
