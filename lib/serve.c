/* SPDX-License-Identifier: ISC */
/* serve.c: signals of a program that serves, and its supervisor's death. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"

#define AT_ONCE_MS 1 /* 0 would be no deadline */

volatile sig_atomic_t serve_stopping;
volatile sig_atomic_t serve_reloading;
bool serve_hangs_up;

/* What the handler acts on; -1: nothing. */
static volatile sig_atomic_t accepting_fd = -1;
static volatile sig_atomic_t session_fd = -1;
static int null_fd = -1; /* "/dev/null", opened before the sandbox closes */
static volatile sig_atomic_t child_pid; /* 0: none */
static struct board_slot *own_slot; /* NULL: none */

/*
 * A flag alone would lose against a signal that comes between its check and
 * the blocking call. What the call works on is changed instead, and that also
 * stops a call that has not begun. Only system calls that are async-signal-safe
 * or plain ones of Linux.
 */
static void
end_soon(int session)
{
	if (session == -1)
		return;
	fds_set_timeouts(session, SERVE_DRAIN_MS, SERVE_DRAIN_MS);
	if (serve_hangs_up)
		(void)shutdown(session, SHUT_RD);
}

/* Has the supervisor ended this very wait, and not one before? */
static bool
is_told(void)
{
	uint64_t since = own_slot == NULL ? 0 : own_slot->silent_ms;

	return since != 0 && own_slot->told_ms == since;
}

/* A worker that waits in accept() ends; one in a session finishes it. */
static void
accept_no_more(void)
{
	if (accepting_fd != -1 && null_fd != -1)
		(void)dup2(null_fd, accepting_fd);
}

static void
on_signal(int signal)
{
	int saved = errno;

	if (child_pid != 0)
		(void)kill(child_pid, signal);
	if (signal == SIGTERM) {
		serve_stopping = 1;
		accept_no_more();
		end_soon(session_fd);
	} else if (signal == SIGHUP) {
		serve_reloading = 1;
		accept_no_more();
	} else if (session_fd != -1 && is_told()) {
		fds_set_timeouts(session_fd, AT_ONCE_MS, SERVE_KNOWN_MS);
	}
	errno = saved;
}

/* No SA_RESTART: a call that waits has to see that the world changed. */
static void
handle(int signal)
{
	struct sigaction a = { .sa_handler = on_signal };

	(void)sigfillset(&a.sa_mask);
	(void)sigaction(signal, &a, NULL);
}

/* Our supervisor's death is a SIGTERM; is it the one that started us? */
void
serve_follow_supervisor(void)
{
	uint64_t pid;

	if (!num_from_env(SERVE_ENV_SUPERVISOR, 1, INT32_MAX, &pid))
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if ((uint64_t)getppid() != pid)
		serve_stopping = 1; /* it died before we asked */
}

/* These are for us, not for programs that we start. */
static void
keep_to_ourselves(const char *name)
{
	uint64_t fd;

	if (num_from_env(name, 3, INT32_MAX, &fd))
		(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

void
serve_say_ready(void)
{
	uint64_t fd;

	if (!num_from_env(SERVE_ENV_READY, 3, INT32_MAX, &fd))
		return;
	(void)!write((int)fd, "\n", 1);
	(void)close((int)fd);
	(void)unsetenv(SERVE_ENV_READY);
}

void
serve_signals(void)
{
	static bool installed;

	if (installed)
		return;
	installed = true;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	handle(SIGTERM);
	handle(SIGHUP);
	handle(SIGUSR1);
	keep_to_ourselves(SERVE_ENV_BOARD);
	keep_to_ourselves(SERVE_ENV_BOARD_EVENT);
	keep_to_ourselves(SERVE_ENV_PASSED);
	keep_to_ourselves(SERVE_ENV_READY);
	keep_to_ourselves(SERVE_ENV_LEAD);
	serve_follow_supervisor();
}

void
serve_on_board(struct board_slot *slot)
{
	own_slot = slot;
}

void
serve_waits(uint64_t since_ms)
{
	if (own_slot != NULL)
		own_slot->silent_ms = since_ms;
}

uint64_t
serve_longest_ms(void)
{
	if (serve_stopping)
		return SERVE_DRAIN_MS;
	return is_told() ? AT_ONCE_MS : UINT64_MAX;
}

bool
serve_is_late(uint64_t *deadline_ms)
{
	uint64_t now = clock_mono_ms(), most_ms = serve_longest_ms();

	if (*deadline_ms > now && *deadline_ms - now > most_ms)
		*deadline_ms = now + most_ms;
	return now > *deadline_ms;
}

void
serve_pass_on(pid_t child)
{
	child_pid = child;
}

void
serve_interrupt(int accepting, int session)
{
	accepting_fd = accepting;
	session_fd = session;
	/* It came before we said so: then do what the handler would have. */
	if (serve_stopping || serve_reloading)
		accept_no_more();
	if (serve_stopping)
		end_soon(session);
}
