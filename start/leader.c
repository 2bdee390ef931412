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

	if (recv(l->fd, &word, sizeof(word), MSG_DONTWAIT) == sizeof(word))
		l->ready = true;
	else if (errno != EAGAIN && errno != EINTR)
		fds_close(&l->fd); /* who buries it says why */
}

enum outcome
leader_fork(struct leader *l, size_t slot, pid_t *pid, struct fault *f)
{
	int32_t word = (int32_t)slot;

	*pid = 0;
	if (send(l->fd, &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word) ||
	    recv(l->fd, &word, sizeof(word), 0) != sizeof(word)) {
		(void)fault_set(f, TEMP, "4.3.0", errno, "no worker");
		leader_end(l);
		return TEMP;
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
