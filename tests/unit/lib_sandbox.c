/* SPDX-License-Identifier: ISC */
/*
 * lib_sandbox.c: what is promised works, what is not kills. Each case is a
 * child that closes its sandbox and makes one call.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox_enter.h"
#include "tap.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static char directory[] = "/tmp/lib_sandbox.XXXXXX";

/* What all cases may touch: in/ fully, link/ too, look/ for reading. */
static const struct sandbox_path paths[] = {
	{ "in", "rwcl" },
	{ "link", "rwcl" },
	{ "look", "r" },
	{ "write-only", "wc" },
	{ "missing", "rwcl" },
	{ ":1", "t" },
	{ NULL, NULL },
};

/* ---- One call each: 0 or errno. ---- */

static int
errno_of(long result)
{
	return result < 0 ? errno : 0;
}

static int
try_nothing(void)
{
	return 0;
}

static int
try_memory(void)
{
	char *p = malloc(10 << 20), *grown;

	if (p == NULL)
		return ENOMEM;
	memset(p, 1, 10 << 20);
	grown = realloc(p, 20 << 20);
	if (grown == NULL) {
		free(p);
		return ENOMEM;
	}
	free(grown);
	return 0;
}

static int
try_pipe_and_fstat(void)
{
	struct stat st;
	int tube[2];

	return errno_of(pipe(tube)) + errno_of(fstat(tube[0], &st)) +
	    errno_of(write(tube[1], "x", 1)) +
	    errno_of(
	        lseek(tube[0], 0, SEEK_CUR) == -1 && errno == ESPIPE ? 0 : -1);
}

static int
try_print(void)
{
	char text[64];

	return snprintf(text, sizeof(text), "%f", 1.5) == 8 &&
	        fprintf(stderr, "%s", "") == 0
	    ? 0
	    : EIO;
}

static int
try_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
try_read_look(void)
{
	return errno_of(open("look/file", O_RDONLY));
}

static int
try_write_look(void)
{
	return errno_of(open("look/file", O_WRONLY));
}

static int
try_write_in(void)
{
	return errno_of(open("in/file", O_WRONLY));
}

static int
try_truncate_in(void)
{
	return errno_of(open("in/file", O_RDONLY | O_TRUNC));
}

static int
try_read_write_only(void)
{
	return errno_of(open("write-only/file", O_RDONLY));
}

static int
try_create_in(void)
{
	return errno_of(open("in/new", O_WRONLY | O_CREAT | O_EXCL, 0600)) +
	    errno_of(rename("in/new", "in/newer")) +
	    errno_of(unlink("in/newer")) + errno_of(mkdir("in/d", 0700)) +
	    errno_of(rmdir("in/d"));
}

/* Landlock has no right for it: it would reach every file of the owner. */
static int
try_chmod(void)
{
	return errno_of(chmod("look/file", 0644));
}

static int
try_fchmod(void)
{
	return errno_of(fchmod(open("in/file", O_RDONLY), 0644));
}

static int
try_create_look(void)
{
	return errno_of(open("look/new", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int
try_create_at_home(void)
{
	return errno_of(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int
try_read_passwd(void)
{
	return errno_of(open("/etc/passwd", O_RDONLY));
}

static int
try_list_home(void)
{
	return errno_of(open(".", O_RDONLY | O_DIRECTORY));
}

/* As deliver-mailbox does it: out of the queue, into a mailbox. */
static int
try_link(void)
{
	return errno_of(link("in/file", "link/file")) +
	    errno_of(unlink("link/file"));
}

static int
try_link_out(void)
{
	return errno_of(link("in/file", "look/linked"));
}

static int
try_sync(void)
{
	int fd = open("in/file", O_RDONLY);

	return errno_of(fsync(fd)) +
	    errno_of(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE)) +
	    errno_of(syncfs(fd));
}

static int
try_flock(void)
{
	return errno_of(flock(open("in/file", O_RDONLY), LOCK_EX));
}

static int
try_unix_socket(void)
{
	struct sockaddr_un a = { AF_UNIX, "nobody-listens" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1 &&
	        errno == ENOENT
	    ? 0
	    : EIO;
}

static int
try_tcp_socket(void)
{
	return errno_of(socket(AF_INET, SOCK_STREAM, 0));
}

static const struct sockaddr_in any_port = { .sin_family = AF_INET };

static struct sockaddr_in
here(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int
try_udp(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	fd = fd == -1 ? fd : socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	return errno_of(fd) +
	    errno_of(bind(fd, (const void *)&any_port, sizeof(any_port)));
}

/* Nobody listens there. */
static int
try_port(uint16_t port)
{
	struct sockaddr_in to = here(port);
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	return fd == -1 ? errno
	                : errno_of(connect(fd, (void *)&to, sizeof(to)));
}

static int
try_port_1(void)
{
	return try_port(1);
}

static int
try_port_2(void)
{
	return try_port(2);
}

static int
try_fast_open(void)
{
	struct sockaddr_in to = here(2);
	struct iovec octet = { (void *)(uintptr_t) "x", 1 };
	struct msghdr m = { .msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &octet,
		.msg_iovlen = 1 };

	return errno_of(
	    sendmsg(socket(AF_INET, SOCK_STREAM, 0), &m, MSG_FASTOPEN));
}

static int
try_fast_open_sendto(void)
{
	struct sockaddr_in to = here(2);

	return errno_of(sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1,
	    MSG_FASTOPEN, (void *)&to, sizeof(to)));
}

static int
try_mptcp(void)
{
	return errno_of(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
}

static int
try_packet_socket(void)
{
	return errno_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_socketpair(void)
{
	int pair[2];

	return errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) +
	    errno_of(send(pair[0], "x", 1, 0)) +
	    errno_of(shutdown(pair[0], SHUT_WR));
}

static int
try_sendmsg(void)
{
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2];

	return errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) +
	    errno_of(sendmsg(pair[0], &msg, 0));
}

static int
try_recvmsg(void)
{
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2];

	return errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) +
	    errno_of(send(pair[0], "x", 1, 0)) +
	    errno_of(recvmsg(pair[1], &msg, 0));
}

static int
try_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return errno_of(child) + errno_of(waitpid(child, NULL, 0));
}

static int
try_name_space(void)
{
	return errno_of(
	    syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
}

static int
try_exec(void)
{
	return errno_of(execl("/bin/true", "true", (char *)NULL));
}

static int
try_kill(void)
{
	return errno_of(kill(getppid(), 0));
}

static int
try_ptrace(void)
{
	return errno_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
try_mount(void)
{
	return errno_of(syscall(SYS_mount, "a", "b", "c", 0, NULL));
}

static int
try_bpf(void)
{
	return errno_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int
try_io_uring(void)
{
	return errno_of(syscall(425, 1, NULL));
}

static int
try_setuid(void)
{
	return errno_of(setuid(getuid()));
}

static int
try_chroot(void)
{
	return errno_of(chroot("."));
}

/* ---- The cases ---- */

#define DIES (-1) /* by SIGSYS */

static const struct {
	const char *title, *promises;
	int (*call)(void);
	int want; /* 0: works; an errno; DIES */
	bool sanitizer_too; /* its runtime needs this call itself: passed over
			       in such a build */
} cases[] = {
	{ "stdio alone ends well", "stdio", try_nothing, 0, true },
	{ "stdio has memory", "stdio", try_memory, 0, true },
	{ "stdio reads and writes what is open", "stdio", try_pipe_and_fstat, 0,
	    true },
	{ "stdio prints", "stdio", try_print, 0, true },
	{ "stdio has pairs of sockets", "stdio", try_socketpair, 0, true },
	{ "stdio runs no memory that it wrote", "stdio", try_code, DIES,
	    false },
	{ "stdio opens nothing", "stdio", try_read_look, DIES, false },
	{ "stdio creates nothing", "stdio", try_create_in, DIES, true },
	{ "stdio has no Unix sockets", "stdio", try_unix_socket, DIES, true },
	{ "stdio has no TCP sockets", "stdio", try_tcp_socket, DIES, true },
	{ "stdio passes no descriptors", "stdio", try_sendmsg, DIES, true },
	{ "stdio takes no descriptors", "stdio", try_recvmsg, DIES, true },
	{ "stdio forks nothing", "stdio", try_fork, DIES, false },
	{ "stdio runs no program", "stdio", try_exec, DIES, true },
	{ "stdio signals nobody", "stdio", try_kill, DIES, false },
	{ "stdio syncs nothing", "stdio rpath", try_sync, DIES, true },
	{ "stdio locks nothing", "stdio rpath", try_flock, DIES, true },
	{ "stdio traces nobody", "stdio", try_ptrace, DIES, false },
	{ "stdio mounts nothing", "stdio", try_mount, DIES, true },
	{ "stdio loads nothing into the kernel", "stdio", try_bpf, DIES, true },
	{ "stdio has no io_uring", "stdio", try_io_uring, DIES, true },
	{ "stdio becomes nobody else", "stdio", try_setuid, DIES, true },
	{ "stdio has no chroot", "stdio", try_chroot, DIES, true },
	{ "inet makes no socket", "stdio inet", try_tcp_socket, DIES, true },
	{ "unix connects to Unix sockets", "stdio unix", try_unix_socket, 0,
	    true },
	{ "unix has no TCP sockets", "stdio unix", try_tcp_socket, DIES, true },
	{ "unix has no other sockets", "stdio unix", try_packet_socket, DIES,
	    true },
	{ "dns makes UDP sockets and binds them", "stdio dns", try_udp, 0,
	    true },
	{ "dns connects to the ports named", "stdio dns", try_port_1,
	    ECONNREFUSED, true },
	{ "dns connects to no other", "stdio dns", try_port_2, EACCES, true },
	{ "dns connects with no first octets", "stdio dns", try_fast_open,
	    EOPNOTSUPP, true },
	{ "dns sends none to a stranger's port either", "stdio dns",
	    try_fast_open_sendto, DIES, true },
	{ "dns makes no socket of MPTCP", "stdio dns", try_mptcp, DIES, true },
	{ "dns makes no Unix socket", "stdio dns", try_unix_socket, DIES,
	    true },
	{ "sendfd passes descriptors", "stdio sendfd", try_sendmsg, 0, true },
	{ "sendfd takes none", "stdio sendfd", try_recvmsg, DIES, true },
	{ "recvfd takes descriptors", "stdio recvfd", try_recvmsg, 0, true },
	{ "rpath reads where it may", "stdio rpath", try_read_look, 0, true },
	{ "rpath lists nothing else", "stdio rpath", try_list_home, EACCES,
	    true },
	{ "rpath reads nothing else", "stdio rpath", try_read_passwd, EACCES,
	    true },
	{ "rpath writes nothing", "stdio rpath", try_write_in, DIES, true },
	{ "rpath truncates nothing", "stdio rpath", try_truncate_in, DIES,
	    true },
	{ "rpath creates nothing", "stdio rpath", try_create_in, DIES, true },
	{ "wpath writes where it may", "stdio rpath wpath", try_write_in, 0,
	    true },
	{ "wpath writes nowhere else", "stdio rpath wpath", try_write_look,
	    EACCES, true },
	{ "wpath creates nothing", "stdio rpath wpath", try_create_in, DIES,
	    true },
	{ "cpath creates where it may", "stdio rpath wpath cpath",
	    try_create_in, 0, true },
	{ "cpath creates nowhere else", "stdio rpath wpath cpath",
	    try_create_look, EACCES, true },
	{ "cpath creates nothing beside it", "stdio rpath wpath cpath",
	    try_create_at_home, EACCES, true },
	{ "cpath changes no mode", "stdio rpath wpath cpath", try_chmod, DIES,
	    true },
	{ "cpath changes no mode of what is open", "stdio rpath wpath cpath",
	    try_fchmod, DIES, true },
	{ "w without r is not readable", "stdio rpath wpath cpath",
	    try_read_write_only, EACCES, true },
	{ "link links across directories", "stdio rpath wpath cpath link",
	    try_link, 0, true },
	{ "link links nowhere else", "stdio rpath wpath cpath link",
	    try_link_out, EACCES, true },
	{ "cpath links nothing", "stdio rpath wpath cpath", try_link, DIES,
	    true },
	{ "sync syncs", "stdio rpath sync", try_sync, 0, true },
	{ "flock locks", "stdio rpath flock", try_flock, 0, true },
	{ "proc forks", "stdio proc", try_fork, 0, true },
	{ "proc makes no name space", "stdio proc", try_name_space, DIES,
	    false },
	{ "proc runs no program", "stdio proc", try_exec, DIES, true },
};

/* What became of a child: 0, an errno, DIES for SIGSYS, else a large number. */
static int
child_result(pid_t child)
{
	int status;

	(void)waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? DIES
		                                  : 1000 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static void
test_promises(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t child;
		int got;

		if (SANITIZED && !cases[i].sanitizer_too)
			continue;
		child = fork();
		if (child == 0) {
			struct fault f = FAULT_NONE;

			if (sandbox_enter(SANDBOX_REQUIRED, cases[i].promises,
			        paths, &f) != OK) {
				printf("# %s\n", f.text);
				_exit(200);
			}
			_exit(cases[i].call());
		}
		got = child_result(child);
		if (!tap_ok(got == cases[i].want, "%s", cases[i].title))
			printf("# %s: got %d, want %d\n", cases[i].promises,
			    got, cases[i].want);
	}
}

/* A kernel without a part of it: the call fails as if it had never been. */
static void
take_away(int call)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0 ||
	    seccomp_load(ctx) != 0)
		_exit(201);
	seccomp_release(ctx);
}

static int
enter_without(int call, enum sandbox_mode mode, int (*then)(void))
{
	struct fault f = FAULT_NONE;
	pid_t child = fork();

	if (child != 0)
		return child_result(child);
	take_away(call);
	if (sandbox_enter(mode, "stdio rpath", paths, &f) != OK)
		_exit(f.outcome == TEMP ? 202 : 203);
	_exit(then());
}

static void
test_lacking(void)
{
	int landlock = SCMP_SYS(landlock_create_ruleset);
	int seccomp = SCMP_SYS(seccomp);

	tap_ok(enter_without(landlock, SANDBOX_REQUIRED, try_nothing) == 202,
	    "required, and no Landlock: a clean refusal");
	tap_ok(enter_without(seccomp, SANDBOX_REQUIRED, try_nothing) == 202,
	    "required, and no seccomp: a clean refusal");
	tap_ok(enter_without(landlock, SANDBOX_AUTO, try_tcp_socket) == DIES,
	    "auto, and no Landlock: seccomp alone");
	tap_ok(enter_without(seccomp, SANDBOX_AUTO, try_read_passwd) == EACCES,
	    "auto, and no seccomp: Landlock alone");
	tap_ok(enter_without(seccomp, SANDBOX_OFF, try_read_passwd) == 0,
	    "off is off");
}

static void
test_wrong(void)
{
	static const struct sandbox_path must[] = { { "!missing", "r" },
		{ NULL, NULL } };
	static const struct sandbox_path odd[] = { { "in", "rz" },
		{ NULL, NULL } };
	struct fault f;

	tap_ok(sandbox_enter(SANDBOX_OFF, "stdio stido", paths, &f) == TEMP,
	    "a promise that is none is refused");
	tap_ok(sandbox_paths(SANDBOX_AUTO, odd, &f) == TEMP,
	    "a right that is none is refused");
	tap_ok(
	    sandbox_paths(SANDBOX_AUTO, must, &f) == TEMP && f.error == ENOENT,
	    "a path that must be there and is not is refused");
	tap_ok(!sandbox_is_closed() && try_read_passwd() == 0,
	    "and nothing is closed by it");
}

/* As pop3-session does: once it is known whose mailbox it is. */
static int
nested(void)
{
	static const struct sandbox_path less[] = { { "in", "r" },
		{ NULL, NULL } };
	struct fault f = FAULT_NONE;

	if (sandbox_enter(SANDBOX_REQUIRED, "stdio rpath unveil", paths, &f) !=
	    OK)
		return 200;
	if (try_read_look() != 0 ||
	    sandbox_paths(SANDBOX_REQUIRED, less, &f) != OK)
		return 202;
	if (open("in/file", O_RDONLY) == -1)
		return 203;
	return try_read_look();
}

/* Without the promise it is a call like any other. */
static int
nested_unasked(void)
{
	static const struct sandbox_path less[] = { { NULL, NULL } };
	struct fault f = FAULT_NONE;

	if (sandbox_enter(SANDBOX_REQUIRED, "stdio rpath", paths, &f) != OK)
		return 200;
	return sandbox_paths(SANDBOX_REQUIRED, less, &f) == OK ? 0 : 202;
}

static int
in_child(int (*body)(void))
{
	pid_t child = fork();

	if (child == 0)
		_exit(body());
	return child_result(child);
}

/* As pop3-session's worker does. */
static int
prepared(void)
{
	struct fault f = FAULT_NONE;
	int status;
	pid_t child;

	if (sandbox_paths(SANDBOX_REQUIRED, paths, &f) != OK ||
	    sandbox_prepare(SANDBOX_REQUIRED, "stdio rpath", &f) != OK ||
	    sandbox_is_closed())
		return 100;
	for (int i = 0; i < 3; i++) {
		child = fork();
		if (child == 0) {
			if (sandbox_close(&f) != OK || !sandbox_is_closed())
				_exit(101);
			if (i == 0)
				_exit(try_read_look());
			if (i == 1)
				abort();
			_exit(try_fork());
		}
		if (waitpid(child, &status, 0) != child)
			return 102;
		if (i == 0 && status != 0)
			return 103;
		if (i == 1 &&
		    (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT))
			return 104;
		if (i == 2 && !SANITIZED &&
		    (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS))
			return 105;
	}
	return 0;
}

/* TCP cannot be had through a socket that was open before. */
static int
old_tcp_socket(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct fault f;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (sandbox_enter(SANDBOX_REQUIRED, "stdio unix", paths, &f) != OK)
		return 200;
	return errno_of(connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static bool
has_landlock(int version)
{
	int n = 0;

	(void)sscanf(sandbox_summary(), "seccomp landlock-%d", &n);
	return n >= version;
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	if (mkdtemp(directory) == NULL || chdir(directory) != 0 ||
	    mkdir("in", 0700) != 0 || mkdir("link", 0700) != 0 ||
	    mkdir("look", 0700) != 0 || mkdir("write-only", 0700) != 0)
		return 1;
	(void)close(open("in/file", O_WRONLY | O_CREAT, 0600));
	(void)close(open("look/file", O_WRONLY | O_CREAT, 0600));
	(void)close(open("write-only/file", O_WRONLY | O_CREAT, 0600));
	printf("# %s\n", sandbox_summary());
	test_wrong();
	test_lacking();
	if (has_landlock(3)) {
		test_promises();
		tap_ok(in_child(nested) == EACCES,
		    "unveil: fewer paths than before");
	}
	tap_ok(in_child(prepared) == 0,
	    "prepared once and closed in each child: aborting is allowed, "
	    "forking is not");
	tap_ok(in_child(nested_unasked) == DIES,
	    "no second sandbox without unveil");
	if (has_landlock(4))
		tap_ok(in_child(old_tcp_socket) == EACCES,
		    "a TCP socket that was open before connects nowhere");
	(void)unlink("in/file");
	(void)unlink("look/file");
	(void)unlink("write-only/file");
	(void)rmdir("in");
	(void)rmdir("link");
	(void)rmdir("look");
	(void)rmdir("write-only");
	(void)rmdir(directory);
	return tap_done();
}
