/* SPDX-License-Identifier: ISC */
/* lib_serve_sessions.c: sessions, each tried in a child whose fd 0 is what the
   test says. */
#include "serve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fds.h"
#include "serve_help.h"
#include "tap.h"

static long long
deadline_of(int fd)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);

	(void)getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	return (long long)tv.tv_sec;
}

static void
session(void *arg, int in, int out, const struct peer *peer)
{
	char line[64];
	ssize_t n;

	(void)arg;
	(void)dprintf(out, "hello %s %s\n", peer->ip,
	    peer->loopback ? "loopback" : "far");
	while ((n = read(in, line, sizeof(line))) > 0) {
		(void)!write(out, line, (size_t)n);
		if (line[0] == 'q')
			return;
		if (line[0] == 'd')
			(void)dprintf(out, "%lld s\n", deadline_of(in));
		if (line[0] == 't')
			(void)raise(SIGTERM);
		if (line[0] == 'h')
			(void)raise(SIGHUP);
	}
}

static const struct session_service talk = {
	.sessions = 3, .timeout_ms = 5000, .session = session
};

static pid_t
start_sessions(int in, int out, const struct session_service *v)
{
	struct fault f = FAULT_NONE;
	pid_t child = fork();

	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves none */
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	exit((int)serve_sessions(v, NULL, &f));
}

static int
tcp_listener(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	(void)!bind(fd, (struct sockaddr *)a, sizeof(*a));
	(void)!listen(fd, 50);
	(void)getsockname(fd, (struct sockaddr *)a, &len);
	return fd;
}

static int
tcp_client(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0)
		abort();
	return fd;
}

static void
test_one_session(void)
{
	int pair[2], in[2], out[2];
	pid_t child;

	(void)!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	child = start_sessions(pair[1], pair[1], &talk);
	(void)close(pair[1]);
	tap_ok(hears(pair[0], "hello  loopback\n"),
	    "a connected fd 0 is one session");
	say(pair[0], "q\n");
	tap_ok(hears(pair[0], "q\n") && hears(pair[0], "") && ends_well(child),
	    "and then the end");
	(void)close(pair[0]);
	(void)!pipe2(in, O_CLOEXEC);
	(void)!pipe2(out, O_CLOEXEC);
	(void)close(in[1]);
	child = start_sessions(in[0], out[1], &talk);
	(void)close(out[1]);
	tap_ok(hears(out[0], "hello  loopback\n") && ends_well(child),
	    "pipes are one session too");
	(void)close(in[0]);
	(void)close(out[0]);
}

static void
test_worker(void)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a), c;
	pid_t child = start_sessions(l, l, &talk);
	bool good = true, has_deadline = true;

	for (int i = 0; i < 3; i++) {
		c = tcp_client(&a);
		good = good && hears(c, "hello 127.0.0.1 loopback\n");
		say(c, "d\n");
		has_deadline =
		    has_deadline && hears(c, "d\n") && hears(c, "5 s\n");
		say(c, "q");
		good = good && hears(c, "q");
		(void)close(c);
	}
	tap_ok(good && ends_well(child), "a worker serves its share and ends");
	tap_ok(has_deadline,
	    "without a supervisor it gives its sessions their deadline");
	(void)close(l);
}

static void
test_worker_signals(void)
{
	struct session_service long_one = talk;
	struct sockaddr_in a;
	int l = tcp_listener(&a), c;
	pid_t child;

	long_one.sessions = 1000000;
	for (int i = 0; i < 2; i++) {
		child = start_sessions(l, l, &long_one);
		c = tcp_client(&a);
		(void)hear(c);
		say(c, i == 0 ? "t\n" : "h\n");
		tap_ok(hears(c, i == 0 ? "t\n" : "h\n"),
		    "%s in a session does not cut it",
		    i == 0 ? "SIGTERM" : "SIGHUP");
		say(c, "q\n");
		tap_ok(hears(c, "q\n") && ends_well(child),
		    "but no other session follows");
		(void)close(c);
		child = start_sessions(l, l, &long_one);
		c = tcp_client(&a);
		(void)hear(c);
		say(c, "q\n");
		(void)hear(c);
		(void)close(c);
		/* It is in accept(), or about to be: both must end. */
		(void)kill(child, i == 0 ? SIGTERM : SIGHUP);
		tap_ok(ends_well(child), "and a worker that waits ends");
	}
	(void)close(l);
}

static void
test_worker_shut(void)
{
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a;
		int l = tcp_listener(&a), c;
		pid_t child = start_sessions(l, l, &talk);

		c = tcp_client(&a);
		(void)hear(c);
		if (i == 0)
			(void)shutdown(l, SHUT_RDWR);
		say(c, "q\n");
		(void)hear(c);
		(void)hear(c); /* the end: it goes back to accept() */
		if (i == 1)
			(void)shutdown(l, SHUT_RDWR);
		tap_ok(ends_well(child), "a worker whose listener is shut %s",
		    i == 0 ? "in a session ends after it" : "ends");
		(void)close(c);
		(void)close(l);
	}
}

static void
test_supervisor_gone(void)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a);

	(void)setenv("PNEU_SUPERVISOR", "1", 1);
	tap_ok(ends_well(start_sessions(l, l, &talk)),
	    "a worker whose supervisor is gone ends at once");
	(void)unsetenv("PNEU_SUPERVISOR");
	(void)close(l);
}

static struct board *
make_board(int *event)
{
	int fd = memfd_create("board", 0);
	char text[16];

	(void)!ftruncate(fd, sizeof(struct board));
	*event = eventfd(0, EFD_NONBLOCK);
	(void)snprintf(text, sizeof(text), "%d", fd);
	(void)setenv("PNEU_BOARD", text, 1);
	(void)snprintf(text, sizeof(text), "%d", *event);
	(void)setenv("PNEU_BOARD_EVENT", text, 1);
	return mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
}

static int
env_fd(const char *name)
{
	uint64_t fd = 0;

	return num_parse(span_of(getenv(name)), 0, INT32_MAX, &fd) ? (int)fd
	                                                           : -1;
}

static void
forget_board(struct board *b, int event)
{
	(void)close(env_fd("PNEU_BOARD"));
	(void)unsetenv("PNEU_BOARD");
	(void)unsetenv("PNEU_BOARD_EVENT");
	(void)unsetenv("PNEU_SLOT");
	(void)munmap(b, sizeof(*b));
	(void)close(event);
}

static uint64_t
events_of(int event)
{
	uint64_t n = 0;

	return read(event, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
test_debts(void)
{
	static struct board_debt debts[BOARD_DEBTS];
	struct span bob = SPAN_LIT("bob"), ann = SPAN_LIT("ann");
	struct peer far = { .hash = 7, .debts = debts }, here = far;

	serve_owe(&far, bob, 1000, 500);
	tap_ok(serve_debt_ms(&far, ann, 1200) == 300 &&
	        serve_debt_ms(&far, ann, 1500) == 0,
	    "an address owes, whatever the name, until the time is over");
	here.loopback = true;
	serve_owe(&here, bob, 2000, 500);
	tap_ok(serve_debt_ms(&here, SPAN_LIT("BOB"), 2000) == 500 &&
	        serve_debt_ms(&here, ann, 2000) == 0,
	    "on this machine the name does, and no other");
	for (int i = 0; i < 100; i++)
		serve_owe(&far, bob, 3000, 500);
	tap_ok(serve_debt_ms(&far, bob, 3000) == SERVE_DEBT_MAX_MS,
	    "a debt grows to its most");
	for (size_t i = 0; i < BOARD_DEBTS; i++)
		debts[i].until_ms = UINT64_MAX;
	tap_ok(serve_debt_ms(&far, bob, 3000) == SERVE_DEBT_MAX_MS,
	    "and is no more, whatever another worker wrote");
}

static bool
is_busy(const struct board *b, size_t slot)
{
	return b->slot[slot].busy != 0 || b->slot[slot].waits == 0;
}

static void
test_board(void)
{
	struct session_service strict = talk;
	struct sockaddr_in a;
	int event, l = tcp_listener(&a), one, two;
	struct board *b = make_board(&event);
	pid_t child[2];

	strict.clients_per_address = 1;
	strict.busy_address = "421 busy\r\n";
	b->min_idle = 1;
	(void)setenv("PNEU_SLOT", "0", 1);
	child[0] = start_sessions(l, l, &strict);
	(void)setenv("PNEU_SLOT", "7", 1);
	child[1] = start_sessions(l, l, &strict);
	while (b->idle < 2)
		(void)sched_yield();
	one = tcp_client(&a);
	tap_ok(hears(one, "hello 127.0.0.1 loopback\n") && b->idle == 1 &&
	        b->slot[0].busy + b->slot[7].busy == 1 && events_of(event) == 0,
	    "the board shows who is busy, and nobody is woken for it");
	two = tcp_client(&a);
	tap_ok(hears(two, "421 busy\r\n") && hears(two, ""),
	    "one connection too many of an address is told so");
	(void)close(two);
	tap_ok(b->refused == 1 && events_of(event) > 0,
	    "it is counted, and too few idle wakes the supervisor");
	say(one, "q\n");
	(void)hear(one);
	(void)close(one);
	while (b->idle < 2 || is_busy(b, 0) || is_busy(b, 7))
		(void)sched_yield(); /* its count comes before its slot */
	tap_ok(b->served == 1 && b->slot[0].busy == 0 &&
	        b->slot[7].waits == 1 &&
	        b->slot[0].sessions + b->slot[7].sessions == 1,
	    "a session's end shows on the board");
	one = tcp_client(&a);
	tap_ok(hears(one, "hello 127.0.0.1 loopback\n"),
	    "and its address may come again");
	say(one, "q\n");
	(void)hear(one);
	(void)close(one);
	tap_ok(stops_well(child[0]) && stops_well(child[1]) && b->idle == 0,
	    "workers that end are not counted as idle");
	forget_board(b, event);
	(void)close(l);
}

/* Half a second of silence, and the listener's deadline is over in a tenth. */
static void
test_silence(void)
{
	struct sockaddr_in a;
	int event, l = tcp_listener(&a), c;
	struct board *b = make_board(&event);
	pid_t child;

	fds_set_timeouts(l, 100, 100);
	b->min_idle = 1;
	(void)setenv("PNEU_SLOT", "0", 1);
	child = start_sessions(l, l, &talk);
	while (b->idle < 1)
		(void)sched_yield();
	sit_and_wait(500);
	tap_ok(b->idle == 1 && b->slot[0].waits == 1 && b->slot[0].busy == 0 &&
	        events_of(event) == 0,
	    "who waits longer than the listener's deadline is idle still");
	c = tcp_client(&a);
	tap_ok(hears(c, "hello 127.0.0.1 loopback\n"),
	    "and serves who comes at last");
	say(c, "q\n");
	(void)hear(c);
	(void)close(c);
	sit_and_wait(200);
	tap_ok(stops_well(child) && b->served == 1 && b->idle == 0,
	    "then it waits again until SIGTERM");
	forget_board(b, event);
	(void)close(l);
}

static int
maps_of_board(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		n += strstr(line, "memfd:board") != NULL;
	if (maps != NULL)
		(void)fclose(maps);
	return n;
}

static void
bare_session(void *arg, int in, int out, const struct peer *peer)
{
	int board = env_fd("PNEU_BOARD"), event = env_fd("PNEU_BOARD_EVENT");

	(void)arg, (void)peer;
	/* The test's own mapping came with the fork. */
	(void)dprintf(out, "%d %d %d %d %d\n", in, fds_kind(0) == FDS_LISTENER,
	    fcntl(board, F_GETFD), fcntl(event, F_GETFD), maps_of_board());
}

static enum outcome
in_child(void *arg, struct fault *f)
{
	(void)arg, (void)f;
	return OK;
}

/* The child says who it is; 'c' kills it. */
static void
session_of_child(void *arg, int in, int out, const struct peer *peer)
{
	char octet;

	(void)arg, (void)peer;
	(void)dprintf(out, "%ld\n", (long)getpid());
	while (read(in, &octet, 1) == 1 && octet != 'q')
		if (octet == 'c')
			(void)raise(SIGKILL);
	(void)dprintf(out, serve_stopping ? "stopping\n" : "bye\n");
}

static const struct session_service forking = {
	.sessions = 3, .session = session_of_child, .in_child = in_child
};

static void
test_child_is_bare(void)
{
	struct session_service bare = forking;
	struct sockaddr_in a;
	int event, l = tcp_listener(&a), c;
	struct board *b = make_board(&event);
	pid_t worker;

	bare.session = bare_session;
	(void)setenv("PNEU_SLOT", "3", 1);
	worker = start_sessions(l, l, &bare);
	c = tcp_client(&a);
	tap_ok(hears(c, "0 0 -1 -1 1\n") && hears(c, ""),
	    "a child's session has neither listener nor board");
	while (b->idle < 1)
		(void)sched_yield();
	tap_ok(
	    b->slot[3].busy == 0 && b->slot[3].sessions == 1 && b->served == 1,
	    "its worker counts it, and the next child waits");
	tap_ok(stops_well(worker) && b->idle == 0 && b->served == 1,
	    "which ends with its worker by SIGTERM");
	forget_board(b, event);
	(void)close(c);
	(void)close(l);
}

static void
test_children(void)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a), c;
	pid_t worker = start_sessions(l, l, &forking);
	long pid, last = 0;
	bool differs = true;

	for (int i = 0; i < 3; i++) {
		c = tcp_client(&a);
		pid = atol(hear(c));
		differs = differs && pid > 0 && pid != worker && pid != last;
		last = pid;
		say(c, "q");
		(void)hear(c);
		(void)close(c);
	}
	tap_ok(differs && ends_well(worker),
	    "each session has a process of its own, and the share an end");
	(void)close(l);
}

static void
test_child_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGHUP };
	struct sockaddr_in a;
	int l = tcp_listener(&a), c, status;
	pid_t worker;

	for (int i = 0; i < 2; i++) {
		worker = start_sessions(l, l, &forking);
		c = tcp_client(&a);
		(void)hear(c);
		(void)kill(worker, numbers[i]);
		sit_and_wait(100);
		say(c, "q");
		tap_ok(hears(c, i == 0 ? "stopping\n" : "bye\n") &&
		        ends_well(worker),
		    "%s to a worker: its child finishes the session",
		    i == 0 ? "SIGTERM" : "SIGHUP");
		(void)close(c);
		worker = start_sessions(l, l, &forking);
		c = tcp_client(&a);
		(void)hear(c);
		if (i == 0)
			(void)kill(worker, SIGKILL);
		else
			say(c, "c");
		tap_ok(hears(c, "") && waitpid(worker, &status, 0) == worker &&
		        WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		    "a %s that is killed takes the other along",
		    i == 0 ? "worker" : "child");
		(void)close(c);
	}
	worker = start_sessions(l, l, &forking);
	c = tcp_client(&a);
	(void)hear(c);
	say(c, "q");
	(void)hear(c);
	(void)shutdown(l, SHUT_RDWR);
	tap_ok(ends_well(worker),
	    "where the listener is shut no other child is made");
	(void)close(c);
	(void)close(l);
}

static void
test_sessions_emfile(void)
{
	struct sockaddr_in a;
	struct fault f;
	int l = tcp_listener(&a), c;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit r = { 3, 3 };

		(void)dup2(l, 0);
		for (int fd = 3; fd < 500; fd++)
			(void)close(fd);
		(void)setrlimit(RLIMIT_NOFILE, &r);
		exit((int)serve_sessions(&talk, NULL, &f));
	}
	c = tcp_client(&a);
	sit_and_wait(200);
	tap_ok(cpu_meanwhile(child) < 100,
	    "a worker without descriptors does not spin");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(c);
	(void)close(l);
}

static void
test_session_ready(void)
{
	struct sockaddr_in a;
	int ready, l = tcp_listener(&a), other = make_ready(&ready);
	pid_t child = start_sessions(l, l, &talk);

	tap_ok(says_ready(ready, other), "a worker says that it serves");
	tap_ok(stops_well(child), "and goes on until it is stopped");
	(void)close(ready);
	(void)close(l);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	test_one_session();
	test_worker();
	test_worker_signals();
	test_worker_shut();
	test_supervisor_gone();
	test_debts();
	test_board();
	test_silence();
	test_child_is_bare();
	test_children();
	test_child_signals();
	test_sessions_emfile();
	test_session_ready();
	return tap_done();
}
