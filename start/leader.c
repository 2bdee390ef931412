/* SPDX-License-Identifier: ISC */
/* leader.c: the supervisor's side of lib/serve_lead.c. */
#include "leader.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fds.h"
#include "serve.h"

enum outcome
leader_start(struct leader *l, struct spawn *s, struct fault *f)
{
	struct timeval most = { LEADER_ANSWER_MS / 1000, 0 };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "socketpair");
	(void)setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	spawn_give(s, SERVE_ENV_LEAD, ends[1]);
	if (spawn_start(s, &l->pid, f) == OK)
		l->fd = ends[0];
	else
		fds_close(&ends[0]);
	fds_close(&ends[1]);
	return f->outcome;
}

void
leader_event(struct leader *l)
{
	int32_t word;
	ssize_t n = recv(l->fd, &word, sizeof(word), MSG_DONTWAIT);

	if (n == sizeof(word))
		l->ready = true;
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		fds_close(&l->fd); /* who buries it says why */
}

/* One that said its pid too late is known all the same; any other can say it no
   more, and ends. */
static bool
is_late(const struct leader *l, int32_t *word)
{
	(void)shutdown(l->fd, SHUT_RDWR);
	return recv(l->fd, word, sizeof(*word), MSG_DONTWAIT) == sizeof(*word);
}

enum outcome
leader_fork(struct leader *l, size_t slot, pid_t *pid, struct fault *f)
{
	int32_t word = (int32_t)slot;

	*pid = 0;
	errno = 0; /* at its end it says nothing */
	if (send(l->fd, &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word) ||
	    recv(l->fd, &word, sizeof(word), 0) != sizeof(word)) {
		(void)fault_set(
		    f, TEMP, "4.3.0", errno, "its first process made no other");
		if (!is_late(l, &word))
			word = 0;
		leader_end(l);
		if (word <= 0)
			return TEMP;
		*f = FAULT_NONE;
	}
	if (word <= 0)
		return fault_set(f, TEMP, "4.3.0", -word, "fork");
	*pid = word;
	return OK;
}

void
leader_end(struct leader *l)
{
	fds_close(&l->fd);
	if (l->pid != 0)
		(void)kill(l->pid, SIGKILL);
	*l = (struct leader){ .fd = -1 };
}
