/* SPDX-License-Identifier: ISC */
/*
 * serve_sessions.c: one conversation at a time, on fds 0 and 1 or on what a
 * listening fd 0 accepts. Several workers block in accept4() on one listener
 * and the kernel wakes one of them; a session costs accept4() and close(), and
 * everything else the supervisor wants to know is in shared memory.
 */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"

#define PAUSE_MIN_MS 10 /* after accept() lacked descriptors or memory. Ours */
#define PAUSE_MAX_MS 1000
#define CHILD_UNUSED 1 /* exit status: no client came */

/* One worker: its board, or a private one when it works alone. */
struct worker {
	const struct session_service *service;
	void *arg;
	struct board *board;
	struct board_slot *slot;
	int event; /* -1: nobody to tell */
	int passed; /* SERVE_ENV_PASSED; -1: none */
	struct buf mark; /* what comes with a descriptor there */
	struct board alone;
	int pause_ms;
	uint64_t left; /* sessions of its share */
	bool shut; /* the listener */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

/* The supervisor's board, if all three parts of it are there. */
static void
board_open(struct worker *w)
{
	uint64_t fd, slot, event, passed;
	struct stat st;
	void *p;

	w->alone.seed = randombytes_random();
	w->board = &w->alone;
	w->slot = &w->alone.slot[0];
	w->event = w->passed = -1;
	if (!num_from_env(SERVE_ENV_BOARD, 0, INT32_MAX, &fd) ||
	    !num_from_env(SERVE_ENV_SLOT, 0, BOARD_SLOTS - 1, &slot))
		return;
	if (fstat((int)fd, &st) != 0 ||
	    (uint64_t)st.st_size < sizeof(struct board))
		return; /* touching what is not there would be a SIGBUS */
	p = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED,
	    (int)fd, 0);
	(void)close((int)fd);
	if (p == MAP_FAILED)
		return;
	w->board = p;
	w->slot = &w->board->slot[slot];
	if (num_from_env(SERVE_ENV_BOARD_EVENT, 0, INT32_MAX, &event))
		w->event = (int)event;
	if (num_from_env(SERVE_ENV_PASSED, 0, INT32_MAX, &passed))
		w->passed = (int)passed;
	serve_on_board(w->slot);
}

static void
board_close(struct worker *w)
{
	if (w->board != &w->alone)
		(void)munmap(w->board, sizeof(struct board));
	serve_on_board(NULL);
	w->board = &w->alone;
	w->slot = &w->alone.slot[0];
	fds_close(&w->event);
	fds_close(&w->passed);
	buf_free(&w->mark);
}

static void
tell_supervisor(const struct worker *w)
{
	static const uint64_t one = 1;

	if (w->event != -1)
		(void)!write(w->event, &one, sizeof(one));
}

static void
become_idle(struct worker *w)
{
	w->board->idle++;
	w->slot->waits = 1;
	w->slot->busy = 0;
	w->slot->address = 0;
	w->slot->silent_ms = 0;
	if (w->board->wake != 0) {
		w->board->wake = 0;
		tell_supervisor(w);
	}
}

static void
become_busy(struct worker *w, uint32_t address)
{
	uint32_t left;

	w->slot->address = address;
	w->slot->busy = 1;
	w->slot->waits = 0;
	left = --w->board->idle;
	if (left < w->board->min_idle)
		tell_supervisor(w);
}

/* FNV-1a over the seed and the address, mixed; 0 means none, so never 0. */
static uint32_t
hash_of(uint32_t seed, const void *octets, size_t len)
{
	const unsigned char *p = octets;
	uint64_t h = 0xcbf29ce484222325ULL ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	h ^= h >> 32;
	return (uint32_t)h == 0 ? 1 : (uint32_t)h;
}

static void
peer_v4(struct peer *peer, const struct in_addr *a, uint32_t seed)
{
	(void)inet_ntop(AF_INET, a, peer->ip, sizeof(peer->ip));
	peer->loopback = ntohl(a->s_addr) >> 24 == 127;
	peer->hash = hash_of(seed, a, sizeof(*a));
}

/* One client has a whole /64 of addresses: they count as one. RFC 6177 */
static void
peer_v6(struct peer *peer, const struct in6_addr *a, uint32_t seed)
{
	(void)inet_ntop(AF_INET6, a, peer->ip, sizeof(peer->ip));
	peer->loopback = IN6_IS_ADDR_LOOPBACK(a);
	peer->hash = hash_of(seed, a, 8);
}

static void
peer_of(struct peer *peer, const union address *a, uint32_t seed)
{
	struct in_addr mapped;

	*peer = (struct peer){ .socket = true, .uid = -1 };
	switch (a->any.sa_family) {
	case AF_INET:
		peer->port = ntohs(a->v4.sin_port);
		peer_v4(peer, &a->v4.sin_addr, seed);
		break;
	case AF_INET6:
		peer->port = ntohs(a->v6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
			memcpy(&mapped, &a->v6.sin6_addr.s6_addr[12],
			    sizeof(mapped));
			peer_v4(peer, &mapped, seed);
		} else {
			peer_v6(peer, &a->v6.sin6_addr, seed);
		}
		break;
	default: /* a Unix socket: somebody of this machine */
		peer->loopback = true;
		break;
	}
}

/* The user who called connect(), or made the pair. unix(7) */
static void
peer_user(struct peer *peer, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    who.pid != 0)
		peer->uid = who.uid;
}

/* Where this debt is kept; NULL: nowhere. */
static struct board_debt *
debt_of(const struct peer *peer, struct span name, uint32_t *debtor)
{
	*debtor = peer->hash;
	if (peer->debts == NULL || peer->hash == 0)
		return NULL;
	for (size_t i = 0; peer->loopback && i < name.len; i++) {
		char octet = (char)to_lower((unsigned char)name.p[i]);

		*debtor = hash_of(*debtor, &octet, 1);
	}
	return &peer->debts[*debtor % BOARD_DEBTS];
}

/* Any worker may have written there: it is never more than it may be. */
uint64_t
serve_debt_ms(const struct peer *peer, struct span name, uint64_t now_ms)
{
	uint32_t debtor;
	const struct board_debt *d = debt_of(peer, name, &debtor);
	uint64_t until_ms = d == NULL || d->address != debtor ? 0 : d->until_ms;

	if (until_ms <= now_ms)
		return 0;
	return until_ms - now_ms < SERVE_DEBT_MAX_MS ? until_ms - now_ms
	                                             : SERVE_DEBT_MAX_MS;
}

/* Of guesses at the same time each one counts. */
void
serve_owe(
    const struct peer *peer, struct span name, uint64_t now_ms, uint64_t ms)
{
	uint32_t debtor;
	struct board_debt *d = debt_of(peer, name, &debtor);
	uint64_t was, debt_ms;

	if (d == NULL)
		return;
	do {
		was = d->until_ms;
		debt_ms = serve_debt_ms(peer, name, now_ms) + ms;
		if (debt_ms > SERVE_DEBT_MAX_MS)
			debt_ms = SERVE_DEBT_MAX_MS;
	} while (!atomic_compare_exchange_strong(
	    &d->until_ms, &was, now_ms + debt_ms));
	d->address = debtor;
}

static uint32_t
sessions_from(const struct board *b, uint32_t address)
{
	uint32_t n = 0;

	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (b->slot[i].busy != 0 && b->slot[i].address == address)
			n++;
	return n;
}

/* Our own session is in its slot already, so that two that come at once see
   each other: both may be refused, never both let in. */
static bool
is_one_too_many(const struct worker *w, const struct peer *peer)
{
	return w->service->clients_per_address > 0 && peer->hash != 0 &&
	    sessions_from(w->board, peer->hash) >
	    w->service->clients_per_address;
}

static void
refuse(struct worker *w, int fd)
{
	struct span text = span_of(
	    w->service->busy_address == NULL ? "" : w->service->busy_address);

	w->board->refused++;
	(void)!send(fd, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR); /* the text before the reset */
	(void)close(fd);
}

static void
serve_one(struct worker *w, int fd, const struct peer *peer)
{
	serve_interrupt(FD_IN, fd);
	w->service->session(w->arg, fd, fd, peer);
	serve_interrupt(FD_IN, -1);
	w->slot->sessions++;
	w->board->served++;
	(void)close(fd);
}

/*
 * As inetd would have it, on fds 0 and 1, with neither listener nor board: who
 * takes over the process in this session can take no other client, nor write
 * what the supervisor reads. Who buries us counts the session.
 */
static void
serve_last(struct worker *w, int fd, struct peer *peer)
{
	peer->debts = NULL;
	serve_interrupt(-1, fd);
	(void)dup2(fd, FD_IN);
	(void)dup2(fd, FD_OUT);
	(void)close(fd);
	serve_interrupt(-1, FD_IN);
	board_close(w);
	w->service->session(w->arg, FD_IN, FD_OUT, peer);
	serve_interrupt(-1, -1);
	(void)close(FD_IN);
	(void)close(FD_OUT);
}

/*
 * accept() failed. OK: go on. TEMP: fd 0 is of no use any more, or a
 * signal took it away (then its flag is set). A lack of descriptors or memory
 * leaves the connection in the backlog, so accept() would fail again at once:
 * we wait, longer each time, and not as an idle worker.
 */
static enum outcome
accept_failed(struct worker *w, int error, struct fault *f)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		w->pause_ms = w->pause_ms == 0       ? PAUSE_MIN_MS
		    : w->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS
		                                     : w->pause_ms * 2;
		(void)poll(NULL, 0, w->pause_ms);
		return OK;
	case EINVAL: /* the supervisor shut it down: nobody comes any more */
		w->shut = true;
		return OK;
	case EBADF:
	case ENOTSOCK:
	case EOPNOTSUPP:
	case EFAULT:
		return fault_set(f, TEMP, "4.3.0", error, "accept");
	default: /* an error of that connection, or a signal. accept(2) */
		return OK;
	}
}

/* A client that has waited at the supervisor. -1: no client, or no longer. */
static int
take_passed(struct worker *w, union address *a)
{
	socklen_t len = sizeof(*a);
	struct fault f;
	size_t got;
	int fd = -1;

	buf_reset(&w->mark);
	serve_interrupt(w->passed, -1);
	if (fds_receive(w->passed, true, &w->mark, 1, &got, &fd, &f) != OK ||
	    got == 0)
		fds_close(&w->passed); /* a signal took it, or nobody passes */
	serve_interrupt(FD_IN, -1);
	if (fd != -1) {
		w->board->taken++;
		(void)getpeername(fd, &a->any, &len);
	}
	return fd;
}

/*
 * The listener's deadline, which its sessions inherit, is one of accept() too:
 * who waited for it in vain waits on, and is idle all the while.
 */
static int
accept_next(struct worker *w, union address *a)
{
	struct pollfd p = { FD_IN, POLLIN, 0 };
	socklen_t len;
	int fd;

	for (;;) {
		len = sizeof(*a);
		a->any.sa_family = AF_UNSPEC;
		if (w->board->passes != 0 && w->passed != -1) {
			fd = take_passed(w, a);
			if (fd != -1)
				return fd;
			continue;
		}
		fd = accept4(FD_IN, &a->any, &len, SOCK_CLOEXEC);
		if (fd != -1 || errno != EAGAIN)
			return fd;
		(void)poll(&p, 1, -1);
	}
}

static enum outcome
serve_next(struct worker *w, struct fault *f)
{
	union address a;
	struct peer peer;
	int fd, error;

	become_idle(w);
	fd = accept_next(w, &a);
	error = errno;
	if (fd != -1) {
		peer_of(&peer, &a, w->board->seed);
		peer.debts = w->board->debt;
		if (w->service->wants_user && a.any.sa_family == AF_UNIX)
			peer_user(&peer, fd);
		/* No user may have all workers. */
		if (peer.uid != -1 && w->service->clients_per_address > 0)
			peer.hash = hash_of(
			    w->board->seed, &peer.uid, sizeof(peer.uid));
	}
	become_busy(w, fd == -1 ? 0 : peer.hash);
	if (fd == -1)
		return accept_failed(w, error, f);
	w->pause_ms = 0;
	if (is_one_too_many(w, &peer)) {
		refuse(w, fd);
		return OK;
	}
	/* A supervisor sets it on its listener; of a Unix socket nobody has it
	   from there. */
	if (w->board == &w->alone || peer.uid != -1)
		fds_set_session(fd, w->service->timeout_ms);
	w->left--;
	if (w->service->in_child != NULL)
		serve_last(w, fd, &peer);
	else
		serve_one(w, fd, &peer);
	return OK;
}

static enum outcome
serve_share(struct worker *w, struct fault *f)
{
	enum outcome result = OK;

	while (w->left > 0 && result == OK && !w->shut && !serve_stopping &&
	    !serve_reloading)
		result = serve_next(w, f);
	return result;
}

/* ---- A child for each session ---- */

/* 0 in the child. No signal comes before it is known whom to pass it on to, and
   a child does not outlive us. */
static pid_t
fork_child(void)
{
	sigset_t all, before;
	pid_t self = getpid(), pid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid > 0)
		serve_pass_on(pid);
	if (pid == 0 &&
	    (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != self))
		_exit(TEMP);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/*
 * True: it had a session. If it was killed, the worker ends the same way: the
 * supervisor journals that and starts another.
 */
static bool
wait_for_child(pid_t pid)
{
	siginfo_t info;
	int status = 0;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == -1)
		if (errno != EINTR)
			_exit(TEMP);
	serve_pass_on(0); /* while its pid is nobody else's */
	(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
	}
	if (status != 0 && WEXITSTATUS(status) != CHILD_UNUSED)
		_exit(WEXITSTATUS(status));
	return status == 0;
}

/* What a child that let go of the board left there. */
static void
count_session(struct worker *w)
{
	w->slot->sessions++;
	w->board->served++;
	w->slot->busy = 0;
	w->slot->address = 0;
}

static enum outcome
serve_in_child(struct worker *w, struct fault *f)
{
	w->left = 1;
	if (w->service->in_child(w->arg, f) != OK || serve_share(w, f) != OK)
		return f->outcome;
	if (w->left == 1)
		_exit(CHILD_UNUSED);
	return OK;
}

static enum outcome
serve_children(struct worker *w, struct fault *f)
{
	pid_t pid;

	for (; w->left > 0 && !serve_stopping && !serve_reloading; w->left--) {
		pid = fork_child();
		if (pid == -1)
			return fault_set(f, TEMP, "4.3.0", errno, "fork");
		if (pid == 0)
			return serve_in_child(w, f);
		if (!wait_for_child(pid))
			break; /* nobody comes any more */
		count_session(w);
	}
	return OK;
}

static enum outcome
serve_listener(struct worker *w, struct fault *f)
{
	enum outcome result;

	w->left = w->service->sessions;
	w->mark = BUF_INIT(16);
	board_open(w);
	serve_say_ready();
	serve_interrupt(FD_IN, -1);
	result = w->service->in_child != NULL ? serve_children(w, f)
	                                      : serve_share(w, f);
	serve_interrupt(-1, -1);
	w->slot->busy = 0;
	w->slot->address = 0;
	board_close(w);
	if (serve_stopping || serve_reloading) {
		*f = FAULT_NONE;
		return OK;
	}
	return result;
}

/* fd 0 is the conversation: inetd, systemd with Accept=yes, or a shell. */
static enum outcome
serve_this_one(struct worker *w)
{
	union address a;
	socklen_t len = sizeof(a);
	struct peer peer = { .loopback = true, .uid = -1 };

	a.any.sa_family = AF_UNSPEC;
	if (getpeername(FD_IN, &a.any, &len) == 0) {
		peer_of(&peer, &a, 0);
		if (w->service->wants_user && a.any.sa_family == AF_UNIX)
			peer_user(&peer, FD_IN);
		fds_set_nonblock(FD_IN, false); /* deadlines need it */
		fds_set_session(FD_IN, w->service->timeout_ms);
		serve_interrupt(-1, FD_IN);
	}
	w->service->session(w->arg, FD_IN, FD_OUT, &peer);
	serve_interrupt(-1, -1);
	(void)close(FD_IN);
	(void)close(FD_OUT);
	return OK;
}

enum outcome
serve_sessions(
    const struct session_service *service, void *arg, struct fault *f)
{
	struct worker w = { .service = service, .arg = arg };

	serve_signals();
	if (serve_stopping)
		return OK;
	switch (fds_kind(FD_IN)) {
	case FDS_LISTENER:
		return serve_listener(&w, f);
	case FDS_SESSION:
		return serve_this_one(&w);
	case FDS_CLOSED:
		break;
	}
	return fault_set(f, PERM, "5.3.5", 0,
	    "fd 0 is closed: it must be a session or a listening socket");
}
