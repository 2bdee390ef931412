/* SPDX-License-Identifier: ISC */
/* lib_service.c: the client of line services, against peers good and bad. */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "prog.h"
#include "sandbox_enter.h"
#include "tap.h"

static char directory[] = "/tmp/lib_service.XXXXXX";
static char text_of_program[4200];

/*
 * A peer that answers every connection's lines by what they say: echo X, die
 * (before the answer), silent, late (answers after 60 ms), half (then ends),
 * fd (a pipe with "passed"), long (more than any record), twice (an answer that
 * nobody asked for).
 */
static bool
answer(int fd, char *line)
{
	struct fault f;
	int tube[2];

	if (strncmp(line, "echo ", 5) == 0)
		return dprintf(fd, "%s\n", line + 5) > 0;
	if (strcmp(line, "twice") == 0)
		return dprintf(fd, "one\ntwo\n") > 0;
	if (strcmp(line, "half") == 0)
		return dprintf(fd, "hal") < 0;
	if (strcmp(line, "late") == 0) {
		(void)poll(NULL, 0, 60);
		return dprintf(fd, "too late\n") > 0;
	}
	if (strcmp(line, "fd") == 0) {
		(void)!pipe(tube);
		(void)!write(tube[1], "passed", 6);
		(void)close(tube[1]);
		(void)!fds_send(fd, SPAN_LIT("here\n"), tube[0], &f);
		(void)close(tube[0]);
		return true;
	}
	if (strcmp(line, "long") == 0) {
		for (int i = 0; i < 1000; i++)
			(void)dprintf(fd, "0123456789");
		return true;
	}
	return strcmp(line, "silent") == 0;
}

static void
serve_one(int fd)
{
	char line[256];
	size_t n = 0;

	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1) {
		if (line[n++] != '\n')
			continue;
		line[n - 1] = '\0';
		if (!answer(fd, line))
			break;
		n = 0;
	}
	(void)close(fd);
}

static pid_t
start_peer(const char *path)
{
	struct fault f;
	int listener, fd;
	pid_t child;

	if (fds_listen_unix(path, &listener, &f) != OK)
		abort();
	child = fork();
	if (child != 0) {
		(void)close(listener);
		return child;
	}
	while ((fd = accept(listener, NULL, NULL)) != -1)
		serve_one(fd);
	_exit(1);
}

static void
stop_peer(pid_t child)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

static bool
asks(struct service *s, const char *request, bool again, const char *want)
{
	struct span line;
	struct fault f = FAULT_NONE;

	if (service_ask(s, span_of(request), again, &line, &f) != OK) {
		printf("# %s\n", f.text);
		return false;
	}
	return span_eq(line, want) && f.outcome == OK;
}

static void
test_asking(void)
{
	struct service s;
	struct span line;
	struct fault f;
	pid_t peer = start_peer("run/peer");

	service_begin(&s, "peer", 30000);
	tap_ok(asks(&s, "echo one\n", false, "one") && s.fd != -1,
	    "a question is answered over run/<name>");
	tap_ok(asks(&s, "echo two\n", false, "two"),
	    "the connection is kept for the next");
	tap_ok(
	    service_send(&s, SPAN_LIT("echo a\necho b\necho c\n"), &f) == OK &&
	        service_line(&s, &line, &f) == OK && span_eq(line, "a") &&
	        service_line(&s, &line, &f) == OK && span_eq(line, "b") &&
	        service_line(&s, &line, &f) == OK && span_eq(line, "c"),
	    "answers of several questions come in order");
	tap_ok(asks(&s, "twice\n", false, "one") &&
	        asks(&s, "echo four\n", false, "four"),
	    "an answer that nobody asked for is not the next one's");
	tap_ok(service_ask(&s, SPAN_LIT("die\n"), false, &line, &f) == TEMP &&
	        f.error == ECONNRESET && s.fd == -1,
	    "a peer that dies before it answers is TEMP");
	tap_ok(service_ask(&s, SPAN_LIT("half\n"), false, &line, &f) == TEMP,
	    "half an answer is none");
	tap_ok(asks(&s, "echo three\n", false, "three"),
	    "the next question opens it anew");
	(void)shutdown(s.fd, SHUT_RDWR);
	tap_ok(
	    service_ask(&s, SPAN_LIT("echo x\n"), false, &line, &f) == TEMP &&
	        strstr(f.text, "ended before it answered") != NULL,
	    "a connection that broke is TEMP for what must not be repeated");
	tap_ok(asks(&s, "echo x\n", false, "x"), "(open again)");
	(void)shutdown(s.fd, SHUT_RDWR);
	tap_ok(asks(&s, "echo y\n", true, "y"),
	    "and is asked once more where that is harmless");
	tap_ok(service_ask(&s, SPAN_LIT("long\n"), true, &line, &f) == TEMP,
	    "a line longer than any record is refused");
	service_free(&s);
	stop_peer(peer);
}

static void
test_silence(void)
{
	struct service s;
	struct span line;
	struct fault f;
	pid_t peer = start_peer("run/peer");
	uint64_t before = clock_mono_ms();

	service_begin(&s, "peer", 40);
	tap_ok(service_ask(&s, SPAN_LIT("silent\n"), true, &line, &f) == TEMP &&
	        f.error == ETIMEDOUT && clock_mono_ms() - before < 10000,
	    "silence past the deadline is TEMP, and not asked twice");
	(void)!service_ask(&s, SPAN_LIT("late\n"), false, &line, &f);
	s.timeout_ms = 30000;
	tap_ok(asks(&s, "echo now\n", false, "now"),
	    "an answer that comes too late answers nothing else");
	service_free(&s);
	stop_peer(peer);
}

static void
test_descriptor(void)
{
	struct service s;
	char text[8] = "";
	pid_t peer = start_peer("run/peer");

	service_begin(&s, "peer", 30000);
	s.takes_fd = true;
	tap_ok(asks(&s, "fd\n", false, "here") && s.received_fd != -1 &&
	        read(s.received_fd, text, 6) == 6 &&
	        strcmp(text, "passed") == 0,
	    "a descriptor comes with the answer where one is expected");
	service_close(&s);
	tap_ok(s.received_fd == -1, "one that nobody took is closed");
	s.takes_fd = false;
	tap_ok(asks(&s, "fd\n", false, "here") && s.received_fd == -1,
	    "where none is expected none arrives");
	service_free(&s);
	stop_peer(peer);
}

static void
test_in_a_loop(void)
{
	struct service s;
	struct span line = SPAN_EMPTY;
	struct fault f;
	pid_t peer = start_peer("run/peer");
	int got = 0;

	service_begin(&s, "peer", 30000);
	tap_ok(service_push(&s, &f) == OK && s.out.len == 0,
	    "nothing to say is nothing to do");
	if (service_open(&s, &f) != OK)
		printf("# %s\n", f.text);
	for (int i = 0; i < 100; i++)
		buf_addf(&s.out, "echo %d\n", i);
	tap_ok(s.out.len > 0 && service_push(&s, &f) == OK && s.out.len == 0,
	    "questions wait until they are pushed");
	while (got < 100) {
		struct pollfd p = { s.fd, POLLIN, 0 };

		if (poll(&p, 1, 30000) != 1 || service_pull(&s, &f) != OK)
			break;
		while (service_next(&s, &line))
			got++;
	}
	tap_ok(got == 100 && span_eq(line, "99"),
	    "answers come without waiting for one");
	tap_ok(service_pull(&s, &f) == OK && !service_next(&s, &line),
	    "nothing there is no fault");
	buf_adds(&s.out, "die\n");
	(void)!service_push(&s, &f);
	(void)poll(&(struct pollfd){ s.fd, POLLIN, 0 }, 1, 30000);
	tap_ok(service_pull(&s, &f) == TEMP && s.fd == -1 &&
	        service_push(&s, &f) == OK && service_pull(&s, &f) == TEMP,
	    "the peer's end is TEMP");
	service_free(&s);
	stop_peer(peer);
}

static void
put_script(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	(void)dprintf(fd, "#!/bin/sh\n%s\n", text);
	(void)close(fd);
}

static void
put_program(const char *path, const char *says)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "[ -z \"$PNEU_SUPERVISOR\" ] || exit 1\n"
	    "while read -r line; do echo \"%s $# $line\"; done",
	    says);
	put_script(path, text);
}

static void
test_starting(void)
{
	struct service s;
	struct span line;
	struct fault f;
	pid_t child;
	uint64_t before;

	(void)snprintf(prog.directory, sizeof(prog.directory), "%s", directory);
	put_program("resolve", "ours");
	put_program("other", "theirs");
	(void)setenv("PNEU_SUPERVISOR", "1", 1);
	service_begin(&s, "resolve", 30000);
	tap_ok(asks(&s, "hello\n", false, "ours 2 hello") && s.child > 0,
	    "without a socket the program beside us is started, in our home");
	child = s.child;
	service_close(&s);
	tap_ok(kill(child, 0) == -1 && errno == ESRCH,
	    "closing it waits for its end");
	(void)snprintf(
	    text_of_program, sizeof(text_of_program), "%s/other", directory);
	prog.settings.resolve.resolve.program = text_of_program;
	tap_ok(asks(&s, "hello\n", false, "theirs 0 hello"),
	    "a replacement is started as it is");
	service_close(&s);
	(void)snprintf(text_of_program, sizeof(text_of_program), "/nowhere");
	tap_ok(service_ask(&s, SPAN_LIT("x\n"), true, &line, &f) == TEMP &&
	        s.fd == -1 && s.child == 0,
	    "a program that cannot be started is TEMP");
	(void)snprintf(text_of_program, sizeof(text_of_program), "/bin/true");
	tap_ok(service_ask(&s, SPAN_LIT("x\n"), true, &line, &f) == TEMP &&
	        strstr(f.text, "resolve (program = /bin/true) ended") != NULL,
	    "one that ends without an answer is named");
	put_script("sleeper", "exec sleep 15");
	(void)snprintf(
	    text_of_program, sizeof(text_of_program), "%s/sleeper", directory);
	s.timeout_ms = 40;
	before = clock_mono_ms();
	tap_ok(service_ask(&s, SPAN_LIT("x\n"), true, &line, &f) == TEMP &&
	        clock_mono_ms() - before < 10000,
	    "one that hangs is not waited for after its silence");
	before = clock_mono_ms();
	if (service_open(&s, &f) == OK)
		service_close(&s);
	tap_ok(clock_mono_ms() - before < 10000 && s.child == 0,
	    "nor for ever when it is closed");
	(void)unlink("sleeper");
	prog.settings.resolve.resolve.program = NULL;
	service_free(&s);
	service_begin(&s, "nothing", 30000);
	tap_ok(service_ask(&s, SPAN_LIT("x\n"), true, &line, &f) == TEMP,
	    "neither a socket nor a program is TEMP");
	service_free(&s);
	(void)unlink("resolve");
	(void)unlink("other");
}

/* In a child, for a sandbox is for life. */
static void
test_in_sandbox(void)
{
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };
	int status;
	pid_t peer = start_peer("run/peer"), child = fork();

	if (child == 0) {
		struct service s;
		struct span line;
		struct fault f;

		service_begin(&s, "nothing", 30000);
		if (sandbox_enter(SANDBOX_AUTO, "stdio unix", no_paths, &f) !=
		    OK)
			_exit(1);
		if (sandbox_is_closed() &&
		    service_ask(&s, SPAN_LIT("x\n"), true, &line, &f) != TEMP)
			_exit(2);
		service_free(&s);
		service_begin(&s, "peer", 30000);
		_exit(asks(&s, "echo in\n", true, "in") ? 0 : 3);
	}
	(void)waitpid(child, &status, 0);
	tap_ok(status == 0,
	    "a closed sandbox connects, starts nothing, and survives it");
	stop_peer(peer);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	if (mkdtemp(directory) == NULL || chdir(directory) != 0 ||
	    mkdir("run", 0700) != 0)
		return 1;
	test_asking();
	test_silence();
	test_descriptor();
	test_in_a_loop();
	test_starting();
	test_in_sandbox();
	(void)unlink("run/peer");
	(void)rmdir("run");
	(void)rmdir(directory);
	return tap_done();
}
