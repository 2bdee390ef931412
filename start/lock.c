/* SPDX-License-Identifier: ISC */
/* lock.c: one supervisor a home. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"
#include "fds.h"

#define LOCK_PATH "run/pneu.pid"

static enum outcome
open_lock(int flags, int *fd, struct fault *f)
{
	*fd = open(LOCK_PATH, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP, "4.3.0",
		    errno, "open %s (`pneu init` makes what is missing)",
		    LOCK_PATH);
	return OK;
}

static enum outcome
holder(int fd, pid_t *pid, struct fault *f)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*pid = 0;
	if (fcntl(fd, F_GETLK, &l) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", LOCK_PATH);
	if (l.l_type == F_UNLCK)
		return OK;
	/* No process has it, but an open file: kill(-1) would be for all. */
	if (l.l_pid <= 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is locked, and not by a supervisor", LOCK_PATH);
	*pid = l.l_pid;
	return OK;
}

/* The file may have been removed under one that lives and answers. */
static bool
is_answered(void)
{
	struct fault f;
	int fd;

	if (fds_connect_unix(CONTROL_PATH, &fd, &f) != OK)
		return false;
	(void)close(fd);
	return true;
}

enum outcome
lock_take(int *fd, struct fault *f)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[24];
	pid_t pid = 0;
	int n;

	if (open_lock(O_RDWR | O_CREAT, fd, f) != OK)
		return f->outcome;
	if (fcntl(*fd, F_SETLK, &l) != 0) {
		if (holder(*fd, &pid, f) != OK)
			return f->outcome;
		return fault_set(f, PERM, "5.3.5", 0,
		    "this home is run by another supervisor, pid %ld "
		    "(`pneu stop` ends it)",
		    (long)pid);
	}
	if (is_answered())
		return fault_set(f, PERM, "5.3.5", 0,
		    "this home is run by another supervisor, and its %s was "
		    "removed: end it first",
		    LOCK_PATH);
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(*fd, 0) != 0 || write(*fd, text, (size_t)n) != n)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", LOCK_PATH);
	return OK;
}

enum outcome
lock_holder(pid_t *pid, struct fault *f)
{
	int fd;

	*pid = 0;
	if (access(LOCK_PATH, F_OK) != 0 && errno == ENOENT)
		return OK;
	if (open_lock(O_RDWR, &fd, f) != OK)
		return f->outcome;
	f->outcome = holder(fd, pid, f);
	fds_close(&fd);
	return f->outcome;
}

enum outcome
lock_wait(pid_t holder_pid, unsigned seconds, struct fault *f)
{
	int fd = (int)syscall(SYS_pidfd_open, holder_pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };
	int got;

	if (fd == -1 && errno == ESRCH)
		return OK; /* it has gone already */
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "wait for its end");
	got = poll(&p, 1, (int)seconds * 1000);
	(void)close(fd);
	if (got != 1)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "it still runs after %u seconds", seconds);
	return OK;
}
