/* SPDX-License-Identifier: ISC */
/*
 * lib_serve_lines.c: rounds, each tried in a child whose fd 0 is what the test
 * says. The child's service counts and reports on a pipe when asked.
 */
#include "serve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "serve_help.h"
#include "tap.h"

static char directory[] = "/tmp/lib_serve.XXXXXX";

/* ---- A line service for tests ---- */

/*
 * echo TEXT: TEXT; count: requests and rounds so far; pid; hint; bad: malformed; end: say
 * bye and close; big: 4000 octets; fd: a pipe's read end with the answer; late:
 * answered by a timer; wait: says nothing until the gate opens.
 */
struct test_service {
	unsigned requests, rounds, ended, gone;
	uint64_t late; /* serial of who waits for a late answer */
	int gate; /* `wait` reads an octet from it */
};

static void
answer_fd(struct client *c)
{
	int tube[2];

	(void)!pipe2(tube, O_CLOEXEC);
	(void)!write(tube[1], "passed", 6);
	(void)close(tube[1]);
	c->pass_fd = tube[0];
	buf_adds(&c->outbuf, "here\n");
}

static enum outcome
one_request(
    struct test_service *t, struct client *c, struct span line, struct fault *f)
{
	char octet;

	t->requests++;
	if (span_has_prefix(line, "echo ")) {
		buf_add(&c->outbuf, span_from(line, 5));
		buf_adds(&c->outbuf, "\n");
	} else if (span_eq(line, "count")) {
		buf_addf(&c->outbuf, "requests=%u rounds=%u ended=%u gone=%u\n",
		    t->requests, t->rounds, t->ended, t->gone);
	} else if (span_eq(line, "pid")) {
		buf_addf(&c->outbuf, "%d\n", (int)getpid());
	} else if (span_eq(line, "big")) {
		for (int i = 0; i < 400; i++)
			buf_adds(&c->outbuf, "0123456789");
		buf_adds(&c->outbuf, "\n");
	} else if (span_eq(line, "fd")) {
		answer_fd(c);
	} else if (span_eq(line, "late")) {
		t->late = c->serial;
	} else if (span_eq(line, "wait")) {
		(void)!read(t->gate, &octet, 1);
		buf_adds(&c->outbuf, "waited\n");
	} else if (span_eq(line, "hint")) {
		return OK; /* wants no answer */
	} else if (span_eq(line, "end")) {
		buf_adds(&c->outbuf, "bye\n");
		c->end = true;
	} else {
		buf_adds(&c->outbuf, "what?\n");
		return fault_set(f, TEMP, "4.3.0", 0, "malformed");
	}
	return OK;
}

static enum outcome
take(void *arg, struct client *c, struct span in, size_t most, size_t *used,
    size_t *requests, struct fault *f)
{
	struct test_service *t = arg;

	if (c->ended)
		t->ended++;
	while (*requests < most && !c->end) {
		size_t n = span_find(in, '\n');

		if (n == in.len)
			break;
		(*requests)++;
		*used += n + 1;
		if (one_request(t, c, span_head(in, n), f) != OK)
			return f->outcome;
		in = span_from(in, n + 1);
	}
	return OK;
}

static void
finish(void *arg)
{
	((struct test_service *)arg)->rounds++;
}

static void
gone(void *arg, struct client *c)
{
	(void)c;
	((struct test_service *)arg)->gone++;
}

static size_t
prepare(void *arg, struct pollfd *p, size_t max, int *wait_ms)
{
	struct test_service *t = arg;

	(void)max;
	*wait_ms = t->late != 0 ? 5 : -1;
	p[0] = (struct pollfd){ t->gate, POLLIN, 0 };
	return t->gate != -1 ? 1 : 0;
}

static void
ready(void *arg, const struct pollfd *p, size_t n)
{
	struct test_service *t = arg;
	struct client *c = serve_client(t->late);
	char octet;

	if (n > 0 && p[0].revents != 0 && read(t->gate, &octet, 1) == 1)
		t->rounds += 1000; /* so that a test sees it in `count` */
	if (t->late != 0 && c != NULL)
		buf_adds(&c->outbuf, "at last\n");
	t->late = 0;
}

static const struct line_service plain = {
	.take = take, .finish = finish, .gone = gone, .clients_max = 200
};

/* A child that serves; its end is a status. */
static pid_t
start_lines(int in, int out, const struct line_service *v, int gate)
{
	struct test_service t = { .gate = gate };
	struct fault f = FAULT_NONE;
	pid_t child = fork();

	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves none */
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	for (int fd = 3; fd < 500; fd++)
		if (fd != gate)
			(void)close(fd);
	exit((int)serve_lines(v, &t, &f));
}

/* The same text n times in one write. */
static void
say_often(int fd, const char *text, int n)
{
	struct buf b = BUF_INIT(1 << 20);

	while (n-- > 0)
		buf_adds(&b, text);
	say(fd, b.p);
	buf_free(&b);
}

static int
listener(const char *name)
{
	struct fault f;
	int fd;

	if (fds_listen_unix(name, &fd, &f) != OK)
		abort();
	return fd;
}

static int
client(const char *name)
{
	struct fault f;
	int fd;

	if (fds_connect_unix(name, &fd, &f) != OK)
		abort();
	return fd;
}

/* ---- Line services ---- */

static void
test_pipe(void)
{
	int in[2], out[2], status;
	pid_t child;

	(void)!pipe(in);
	(void)!pipe(out);
	say(in[1], "echo one\necho two\ncount\necho half");
	(void)close(in[1]);
	child = start_lines(in[0], out[1], &plain, -1);
	(void)close(out[1]);
	(void)close(in[0]);
	tap_ok(hears(out[0], "one\n") && hears(out[0], "two\n") &&
	        hears(out[0], "requests=3 rounds=0 ended=0 gone=0\n") &&
	        hears(out[0], ""),
	    "on a pipe requests are answered in order, half a one never");
	tap_ok(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	        WEXITSTATUS(status) == TEMP,
	    "which the exit status tells");
	(void)close(out[0]);
}

static void
test_file(void)
{
	int file = open("requests", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int out[2];
	pid_t child;

	(void)!pipe(out);
	say_often(file, "echo x\n", 1000);
	say(file, "count\n");
	(void)lseek(file, 0, SEEK_SET);
	child = start_lines(file, out[1], &plain, -1);
	(void)close(out[1]);
	for (int i = 0; i < 1000; i++)
		(void)hear(out[0]);
	tap_ok(hears(out[0], "requests=1001 rounds=3 ended=0 gone=0\n") &&
	        ends_well(child),
	    "a file is read to its end, at most 256 requests a round");
	(void)close(out[0]);
	(void)close(file);
	(void)unlink("requests");
}

static void
test_rounds(void)
{
	int l = listener("rounds"), c[20], gate[2], first = client("rounds");
	bool good = true;
	unsigned requests = 0, rounds = 0;
	pid_t child;

	(void)!pipe(gate);
	child = start_lines(l, l, &plain, gate[0]);
	say(first, "wait\n");
	for (int i = 0; i < 20; i++) {
		c[i] = client("rounds");
		say(c[i], "echo a\necho b\n");
	}
	say(gate[1], "!");
	good = hears(first, "waited\n");
	for (int i = 0; i < 20; i++)
		good = good && hears(c[i], "a\n") && hears(c[i], "b\n");
	tap_ok(good, "each client gets its own answers");
	say(first, "count\n");
	(void)sscanf(hear(first), "requests=%u rounds=%u", &requests, &rounds);
	/* With `wait`; of who was accepted by then; of who is only now. */
	tap_ok(requests == 42 && rounds <= 3,
	    "what arrives while a round works is one round");
	for (int i = 0; i < 20; i++)
		(void)close(c[i]);
	(void)close(first);
	first = client("rounds");
	do
		say(first, "count\n");
	while (strstr(hear(first), "gone=21") == NULL);
	tap_ok(true, "every client that left is freed");
	tap_ok(stops_well(child), "SIGTERM ends it well");
	(void)close(first);
	(void)close(l);
	(void)close(gate[0]);
	(void)close(gate[1]);
}

/* One with a thousand requests and one with a single one. */
static void
test_fairness(void)
{
	int l = listener("fair"), a = client("fair"), b = client("fair");
	pid_t child;
	unsigned requests = 0, rounds = 0;

	say_often(a, "echo x\n", 1000);
	say(b, "count\n");
	child = start_lines(l, l, &plain, -1);
	(void)sscanf(hear(b), "requests=%u rounds=%u", &requests, &rounds);
	tap_ok(requests <= 257 && rounds <= 1,
	    "a thousand requests of one client delay nobody else's");
	tap_ok(stops_well(child), "SIGTERM while they wait ends it well");
	(void)close(a);
	(void)close(b);
	(void)close(l);
}

/* Answers of some 4 MB that nobody reads, and somebody else. */
static void
test_slow_reader(void)
{
	int l = listener("slow"), a = client("slow"), b = client("slow");
	pid_t child = start_lines(l, l, &plain, -1);
	unsigned requests = 1001;
	static char much[65536];
	size_t octets = 0;
	ssize_t n;

	say_often(a, "big\n", 1000);
	do {
		say(b, "count\n");
		(void)sscanf(hear(b), "requests=%u", &requests);
	} while (requests < 64);
	tap_ok(requests < 900,
	    "who does not read is not asked again, others are served");
	while (octets < 1000 * 4001 && (n = read(a, much, sizeof(much))) > 0)
		octets += (size_t)n;
	tap_ok(
	    octets == 1000 * 4001, "when it reads again it gets every answer");
	tap_ok(stops_well(child), "and the end is clean");
	(void)close(a);
	(void)close(b);
	(void)close(l);
}

static void
test_bad_clients(void)
{
	struct line_service hasty = plain;
	int l = listener("bad"), a = client("bad"), b = client("bad");
	struct fault f;
	char *much = malloc(CLIENT_IN_MAX);
	uint64_t before;
	pid_t child;

	hasty.idle_ms = 50;
	child = start_lines(l, l, &hasty, -1);
	say(a, "echo x\nbad\necho never\n");
	tap_ok(hears(a, "x\n") && hears(a, "what?\n") && hears(a, ""),
	    "a malformed request ends its client, after its answers");
	say(b, "end\necho never\n");
	tap_ok(hears(b, "bye\n") && hears(b, ""), "a service can end a client");
	(void)close(a);
	(void)close(b);
	a = client("bad");
	before = clock_mono_ms();
	say(a, "echo hal");
	tap_ok(hears(a, "") && clock_mono_ms() - before >= 50,
	    "half a request past its time ends the connection");
	(void)close(a);
	a = client("bad");
	memset(much, 'x', CLIENT_IN_MAX);
	(void)!fds_write_all(a, (struct span){ much, CLIENT_IN_MAX }, &f);
	tap_ok(hears(a, ""), "a request larger than any may be ends it too");
	(void)close(a);
	a = client("bad");
	say(a, "echo alive\n");
	tap_ok(hears(a, "alive\n") && stops_well(child),
	    "and the service goes on");
	free(much);
	(void)close(a);
	(void)close(l);
}

static void
test_passing(void)
{
	int l = listener("pass"), a = client("pass"), fd = -1;
	pid_t child = start_lines(l, l, &plain, -1);
	struct buf b = BUF_INIT(100);
	struct fault f;
	size_t got;
	char text[8] = "";

	say(a, "fd\n");
	tap_ok(fds_receive(a, true, &b, 50, &got, &fd, &f) == OK &&
	        span_eq(buf_span(&b), "here\n") && fd != -1 &&
	        read(fd, text, 6) == 6 && strcmp(text, "passed") == 0,
	    "a descriptor goes with the answer");
	tap_ok(stops_well(child), "and the end is clean");
	(void)close(fd);
	(void)close(a);
	(void)close(l);
	buf_free(&b);
}

/* More clients than it takes: the others wait in the backlog, unharmed. */
static void
test_clients_max(void)
{
	struct line_service two = plain;
	int l = listener("max"), c[3];
	pid_t child;

	two.clients_max = 2;
	child = start_lines(l, l, &two, -1);
	for (int i = 0; i < 3; i++) {
		c[i] = client("max");
		say(c[i], "echo in\n");
	}
	tap_ok(hears(c[0], "in\n") && hears(c[1], "in\n") &&
	        recv(c[2], &l, 1, MSG_DONTWAIT | MSG_PEEK) == -1,
	    "a third client waits where two are the most");
	(void)close(c[0]);
	tap_ok(hears(c[2], "in\n"), "until one of them leaves");
	tap_ok(stops_well(child), "and the end is clean");
	(void)close(c[1]);
	(void)close(c[2]);
}

/* Who hung up: hints of his count, questions do not. */
static void
test_hung_up(bool hints)
{
	struct line_service v = plain;
	int l = listener("hung"), a = client("hung"), b = client("hung");
	unsigned requests = 0, left = 0;
	pid_t child;

	v.hints = hints;
	say_often(a, "hint\n", 600);
	(void)close(a);
	child = start_lines(l, l, &v, -1);
	do {
		say(b, "count\n");
		(void)sscanf(hear(b),
		    "requests=%u rounds=%*u ended=%*u gone=%u", &requests,
		    &left);
	} while (left == 0);
	tap_ok(hints ? requests > 600 : requests < 600,
	    hints ? "hints of a client that hung up are all handled"
	          : "what nobody waits for any more is not begun");
	tap_ok(stops_well(child), "and the end is clean");
	(void)close(b);
	(void)close(l);
}

/* As the supervisor does when it ends: nobody new, and no loop without end. */
static void
test_listener_shut(void)
{
	int l = listener("shut"), a = client("shut");
	pid_t child = start_lines(l, l, &plain, -1);
	bool good;

	say(a, "echo in\n");
	good = hears(a, "in\n");
	(void)shutdown(l, SHUT_RDWR);
	say(a, "echo still in\n");
	good = good && hears(a, "still in\n");
	(void)close(a);
	tap_ok(good && ends_well(child),
	    "when the listener is shut, who is there is served to the end");
	(void)close(l);
}

/* Does this process answer a client that comes now? */
static bool
has_answered(pid_t child)
{
	int fd = client("two");
	bool good;

	say(fd, "pid\n");
	good = atoll(hear(fd)) == child;
	(void)close(fd);
	return good;
}

static void
test_two_processes(void)
{
	struct line_service shared = plain;
	int l = listener("two"), c[10], first = 0, n = 0;
	pid_t one, other;

	shared.shared = true;
	one = start_lines(l, l, &shared, -1);
	other = start_lines(l, l, &shared, -1);
	while (!has_answered(one) || !has_answered(other))
		continue; /* both are up */

	/* A busy machine may let one of them sleep through ten clients. */
	for (int round = 0; round < 10 && (first < 2 || first > 8); round++) {
		for (int i = 0; round > 0 && i < 10; i++)
			(void)close(c[i]);
		first = 0;
		for (int i = 0; i < 10; i++) {
			c[i] = client("two");
			say(c[i], "pid\n");
			if (atoll(hear(c[i])) == one)
				first++;
		}
	}
	tap_ok(first >= 2 && first <= 8,
	    "clients that stay are spread over the processes of a service");
	say(c[9], "pid\n");
	(void)hear(c[9]);
	for (int i = 0; i < 10; i++) {
		say(c[i], "echo x\n");
		n += hears(c[i], "x\n") ? 1 : 0;
		(void)close(c[i]);
	}
	tap_ok(n == 10 && stops_well(one) && stops_well(other),
	    "and all of them are served");
	(void)close(l);
}

static void
test_own_descriptors(void)
{
	struct line_service own = plain;
	int l = listener("own"), a = client("own"), gate[2];
	unsigned rounds = 0;
	pid_t child;

	(void)!pipe(gate);
	own.prepare = prepare;
	own.ready = ready;
	child = start_lines(l, l, &own, gate[0]);
	say(a, "late\n");
	tap_ok(hears(a, "at last\n"),
	    "an answer may come in a later round, by a timer");
	say(gate[1], "!");
	do {
		say(a, "count\n");
		(void)sscanf(hear(a), "requests=%*u rounds=%u", &rounds);
	} while (rounds < 1000);
	tap_ok(true, "the service's own descriptors are watched");
	tap_ok(stops_well(child), "and the end is clean");
	(void)close(a);
	(void)close(l);
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static void
test_stop_answers_all(void)
{
	int l = listener("stop"), first = client("stop"), c[10], gate[2];
	bool good = true;
	pid_t child;

	(void)!pipe(gate);
	child = start_lines(l, l, &plain, gate[0]);
	for (int i = 0; i < 10; i++) {
		c[i] = client("stop");
		say(c[i], "echo in\n");
		good = good && hears(c[i], "in\n");
	}
	say(first, "wait\n");
	for (int i = 0; i < 10; i++)
		say(c[i], "echo last\n");
	(void)kill(child, SIGTERM);
	say(gate[1], "!");
	good = good && hears(first, "waited\n");
	for (int i = 0; i < 10; i++)
		good = good && hears(c[i], "last\n") && hears(c[i], "");
	tap_ok(good && ends_well(child),
	    "at SIGTERM what has arrived is answered, then it ends");
	for (int i = 0; i < 10; i++)
		(void)close(c[i]);
	(void)close(first);
	(void)close(l);
	(void)close(gate[0]);
	(void)close(gate[1]);
}

static void
no_more_descriptors(void)
{
	struct rlimit r = { 6, 6 };

	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static void
test_lines_emfile(void)
{
	struct test_service t = { .gate = -1 };
	struct fault f;
	int l = listener("emfile"), c[8];
	pid_t child = fork();

	if (child == 0) {
		(void)dup2(l, 0);
		for (int fd = 3; fd < 500; fd++)
			(void)close(fd);
		no_more_descriptors();
		exit((int)serve_lines(&plain, &t, &f));
	}
	for (int i = 0; i < 8; i++) {
		c[i] = client("emfile");
		say(c[i], "echo in\n");
	}
	tap_ok(hears(c[0], "in\n"), "without descriptors the first are served");
	tap_ok(cpu_meanwhile(child) < 100, "and nothing spins meanwhile");
	(void)close(c[0]);
	tap_ok(hears(c[1], "in\n"), "another is when one leaves");
	(void)kill(child, SIGTERM);
	(void)waitpid(child, NULL, 0);
	for (int i = 1; i < 8; i++)
		(void)close(c[i]);
	(void)close(l);
}

static void
test_lines_ready(void)
{
	int ready, l = listener("ready"), other = make_ready(&ready);
	pid_t child = start_lines(l, l, &plain, -1);

	tap_ok(says_ready(ready, other), "a line service says that it serves");
	tap_ok(stops_well(child), "and goes on until it is stopped");
	(void)close(ready);
	(void)close(l);
}

int
main(void)
{
	static const char *const left[] = { "rounds", "fair", "slow", "bad",
		"pass", "max", "hung", "shut", "two", "own", "stop", "emfile",
		"ready" };

	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	if (mkdtemp(directory) == NULL || chdir(directory) != 0)
		return 1;
	test_pipe();
	test_file();
	test_rounds();
	test_fairness();
	test_slow_reader();
	test_bad_clients();
	test_passing();
	test_clients_max();
	test_hung_up(false);
	test_hung_up(true);
	test_listener_shut();
	test_two_processes();
	test_own_descriptors();
	test_stop_answers_all();
	test_lines_emfile();
	test_lines_ready();
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		(void)unlink(left[i]);
	(void)rmdir(directory);
	return tap_done();
}
