/* SPDX-License-Identifier: ISC */
/* lib_fds.c: descriptors, and all of something read and written. */
#include "fds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static char directory[] = "/tmp/lib_fds.XXXXXX";

static void
put_file(const char *name, size_t octets)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < octets; i++)
		(void)!write(fd, "x", 1);
	(void)close(fd);
}

static void
test_kinds(void)
{
	struct fault f;
	int pair[2], tube[2], listener;

	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	(void)!pipe(tube);
	tap_ok(fds_listen_unix("kind", &listener, &f) == OK &&
	        fds_kind(listener) == FDS_LISTENER,
	    "a socket that listens is a listener");
	tap_ok(fds_kind(pair[0]) == FDS_SESSION,
	    "a connected socket is a session");
	tap_ok(fds_kind(tube[0]) == FDS_SESSION, "a pipe is a session");
	(void)close(pair[0]);
	tap_ok(
	    fds_kind(pair[0]) == FDS_CLOSED, "a closed descriptor is closed");
	(void)close(pair[1]);
	(void)close(tube[0]);
	(void)close(tube[1]);
	(void)close(listener);
}

static void
test_files(void)
{
	struct buf b = BUF_INIT(100);
	struct fault f;

	tap_ok(fds_sync_directory(".", &f) == OK &&
	        fds_sync_directory("none", &f) == TEMP && f.error == ENOENT,
	    "a directory is synced, one that is not there is not");
	put_file("hundred", 100);
	put_file("more", 101);
	put_file("nothing", 0);
	tap_ok(fds_read_file(AT_FDCWD, "hundred", &b, &f) == OK && b.len == 100,
	    "a file of exactly the buffer's maximum is read");
	buf_reset(&b);
	tap_ok(fds_read_file(AT_FDCWD, "more", &b, &f) == PERM,
	    "one octet more is refused for good");
	buf_reset(&b);
	tap_ok(fds_read_file(AT_FDCWD, "nothing", &b, &f) == OK && b.len == 0,
	    "an empty file is read");
	tap_ok(fds_read_file(AT_FDCWD, "missing", &b, &f) == TEMP &&
	        f.error == ENOENT,
	    "a missing file is told apart");
	tap_ok(
	    fds_read_file(AT_FDCWD, ".", &b, &f) == TEMP && f.error == EISDIR,
	    "a directory is no file");
	buf_free(&b);
}

/* A reader that is slow at the other end of a small pipe. */
static void
test_write_all(void)
{
	struct buf b = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
	struct fault f;
	size_t got = 1;
	int tube[2], status;
	pid_t child;

	while (b.len < 300000)
		buf_addf(&b, "line %zu\n", b.len);
	(void)!pipe(tube);
	fds_set_nonblock(tube[1], true);
	child = fork();
	if (child == 0) {
		(void)close(tube[0]);
		_exit(fds_write_all(tube[1], buf_span(&b), &f) == OK ? 0 : 1);
	}
	(void)close(tube[1]);
	while (got > 0 && fds_read_some(tube[0], &back, 8192, &got, &f) == OK)
		continue;
	(void)waitpid(child, &status, 0);
	tap_ok(status == 0 && span_same(buf_span(&b), buf_span(&back)),
	    "all octets pass a pipe that does not wait, in order");
	(void)close(tube[0]);
	(void)!pipe(tube);
	(void)close(tube[0]);
	tap_ok(fds_write_all(tube[1], SPAN_LIT("x"), &f) == TEMP &&
	        f.error == EPIPE,
	    "writing to nobody is a fault, not a death");
	(void)close(tube[1]);
	buf_free(&b);
	buf_free(&back);
}

static void
test_deadline(void)
{
	struct buf b = BUF_INIT(1 << 22);
	struct fault f;
	size_t got = 0;
	int pair[2];

	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	fds_set_timeouts(pair[0], 20, 20);
	tap_ok(fds_read_some(pair[0], &b, 10, &got, &f) == TEMP &&
	        f.error == ETIMEDOUT,
	    "a read past the deadline says so");
	(void)buf_reserve(&b, 1 << 22);
	memset(b.p, 'x', 1 << 22);
	tap_ok(fds_write_all(pair[0], (struct span){ b.p, (size_t)1 << 22 },
	           &f) == TEMP &&
	        f.error == ETIMEDOUT,
	    "a write past the deadline says so");
	(void)close(pair[0]);
	(void)close(pair[1]);
	buf_free(&b);
}

static void
test_passing(void)
{
	struct buf b = BUF_INIT(100);
	struct fault f;
	size_t got = 0;
	int pair[2], tube[2], fd = -1;
	char c = 0;

	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	(void)!pipe(tube);
	tap_ok(fds_send(pair[0], SPAN_LIT("take\n"), tube[0], &f) == OK &&
	        fds_receive(pair[1], true, &b, 50, &got, &fd, &f) == OK &&
	        span_eq(buf_span(&b), "take\n") && fd != -1,
	    "a descriptor travels with its octets");
	(void)!write(tube[1], "!", 1);
	tap_ok(fd != -1 && read(fd, &c, 1) == 1 && c == '!' &&
	        (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
	    "it is the same pipe, closed on exec");
	(void)close(fd);
	buf_reset(&b);
	tap_ok(fds_send(pair[0], SPAN_LIT("x"), -1, &f) == OK &&
	        fds_receive(pair[1], true, &b, 50, &got, &fd, &f) == OK &&
	        got == 1 && fd == -1,
	    "octets alone bring no descriptor");
	tap_ok(fds_send(pair[0], SPAN_EMPTY, tube[0], &f) == TEMP,
	    "a descriptor alone cannot travel");
	tap_ok(fds_receive(pair[1], false, &b, 50, &got, &fd, &f) == TEMP &&
	        f.error == EAGAIN,
	    "nothing there: not waited for when not asked to wait");
	(void)close(pair[0]);
	tap_ok(
	    fds_receive(pair[1], true, &b, 50, &got, &fd, &f) == OK && got == 0,
	    "the end of input is no fault");
	(void)close(pair[1]);
	(void)close(tube[0]);
	(void)close(tube[1]);
	buf_free(&b);
}

/* Two descriptors in one message: somebody does not keep to the protocol. */
static void
test_two_descriptors(void)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.octets,
		.msg_controllen = sizeof(control.octets) };
	struct cmsghdr *c;
	struct buf b = BUF_INIT(100);
	struct fault f;
	size_t got = 0;
	int pair[2], two[2] = { 1, 2 }, fd, next;

	memset(&control, 0, sizeof(control));
	(void)!socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(two));
	memcpy(CMSG_DATA(c), two, sizeof(two));
	next = dup(0);
	(void)close(next);
	(void)sendmsg(pair[0], &msg, 0);
	tap_ok(fds_receive(pair[1], true, &b, 50, &got, &fd, &f) == TEMP &&
	        fd == -1,
	    "two descriptors at once are refused");
	fd = dup(0);
	tap_ok(fd == next, "and none of them is left open");
	(void)close(fd);
	(void)close(pair[0]);
	(void)close(pair[1]);
	buf_free(&b);
}

static void
test_unix_sockets(void)
{
	char longest[200];
	struct fault f;
	struct stat st;
	int listener, again, fd;

	tap_ok(fds_listen_unix("door", &listener, &f) == OK &&
	        stat("door", &st) == 0 && (st.st_mode & 0777) == 0600,
	    "a Unix socket listens, for its owner alone");
	tap_ok(fds_connect_unix("door", &fd, &f) == OK &&
	        (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
	    "it can be connected to");
	(void)close(fd);
	(void)close(listener);
	tap_ok(fds_connect_unix("door", &fd, &f) == TEMP &&
	        f.error == ECONNREFUSED && fd == -1,
	    "nobody listens: a fault");
	tap_ok(fds_listen_unix("door", &again, &f) == OK,
	    "what a dead one left behind is replaced");
	(void)close(again);
	put_file("file", 3);
	tap_ok(fds_listen_unix("file", &again, &f) == TEMP &&
	        stat("file", &st) == 0 && st.st_size == 3,
	    "a file in its place is not removed");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	tap_ok(fds_listen_unix(longest, &again, &f) == PERM,
	    "a path that does not fit is refused, not cut");
}

/* In a child: its descriptor 3 is what systemd would have given. */
static int
systemd_child(bool ours)
{
	char pid[32];
	struct fault f;
	int listener;

	if (fds_listen_unix("systemd", &listener, &f) != OK)
		return 1;
	(void)dup2(listener, FD_SYSTEMD);
	(void)snprintf(pid, sizeof(pid), "%d", ours ? (int)getpid() : 1);
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	fds_from_systemd();
	if (getenv("LISTEN_FDS") != NULL)
		return 2;
	return fds_kind(FD_IN) == FDS_LISTENER ? 0 : 3;
}

static int
status_of(int (*body)(bool), bool arg)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(body(arg));
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(directory) == NULL || chdir(directory) != 0)
		return 1;
	test_kinds();
	test_files();
	test_write_all();
	test_deadline();
	test_passing();
	test_two_descriptors();
	test_unix_sockets();
	tap_ok(status_of(systemd_child, true) == 0,
	    "systemd's socket becomes fd 0");
	tap_ok(status_of(systemd_child, false) == 3,
	    "a socket meant for another process does not");
	static const char *const left[] = { "kind", "hundred", "more",
		"nothing", "door", "file", "systemd" };
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		(void)unlink(left[i]);
	(void)rmdir(directory);
	return tap_done();
}
