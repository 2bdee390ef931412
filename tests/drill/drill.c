/* SPDX-License-Identifier: ISC */
/*
 * drill.c: a process that was broken into. Linked around sandbox_close(), in
 * programs of build/drill alone: when the sandbox is closed, the process does
 * what $DRILL says, tells how that ended on descriptor 2, and ends. What the
 * kernel kills says nothing. tests/drill/run.py knows who may do what.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

/* Each gives what a system call gives: -1 and errno is a refusal. `what` is
   what stands after the name and a colon. */
typedef long attempt(const char *what);

static long
do_read(const char *path)
{
	char octet;
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	/* Of a directory the name is enough. */
	if (fd != -1 && read(fd, &octet, 1) == -1 && errno != EISDIR)
		return -1;
	return fd;
}

static long
do_write(const char *path)
{
	return open(path, O_WRONLY | O_NONBLOCK);
}

static long
do_create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long
do_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return fd == -1 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static struct sockaddr_in
loopback(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static long
do_tcp(const char *port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd == -1 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static long
do_bind(const char *port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd == -1 ? -1 : bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static long
do_udp(const char *port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return fd == -1
	    ? -1
	    : sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));
}

static long
do_raw(const char *ignored)
{
	(void)ignored;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static long
do_netlink(const char *ignored)
{
	(void)ignored;
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
do_exec(const char *path)
{
	char *argv[] = { (char[]){ "x" }, NULL };

	return execv(path, argv);
}

static long
do_fork(const char *ignored)
{
	pid_t pid = fork();

	(void)ignored;
	if (pid == 0)
		_exit(0);
	return pid;
}

static long
do_ptrace(const char *pid)
{
	return ptrace(PTRACE_ATTACH, (pid_t)strtol(pid, NULL, 10), NULL, NULL);
}

static long
do_peek(const char *pid)
{
	char here[8];
	struct iovec local = { here, sizeof(here) }, there = local;

	return process_vm_readv(
	    (pid_t)strtol(pid, NULL, 10), &local, 1, &there, 1, 0);
}

static long
do_signal(const char *pid)
{
	return kill((pid_t)strtol(pid, NULL, 10), SIGURG); /* does no harm */
}

static long
do_uring(const char *ignored)
{
	struct io_uring_params p;

	(void)ignored;
	memset(&p, 0, sizeof(p));
	return syscall(SYS_io_uring_setup, 4, &p);
}

static long
do_namespace(const char *ignored)
{
	(void)ignored;
	return unshare(CLONE_NEWUSER);
}

static long
do_keyctl(const char *ignored)
{
	(void)ignored;
	return syscall(SYS_keyctl, 0, -3, 0); /* id of the session's keyring */
}

static long
do_bpf(const char *ignored)
{
	union bpf_attr a;

	(void)ignored;
	memset(&a, 0, sizeof(a));
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
}

static long
do_mount(const char *path)
{
	return mount("none", path, "tmpfs", 0, NULL);
}

static long
do_perf(const char *ignored)
{
	struct perf_event_attr a;

	(void)ignored;
	memset(&a, 0, sizeof(a));
	a.size = sizeof(a);
	a.type = PERF_TYPE_SOFTWARE;
	return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static long
do_userfault(const char *ignored)
{
	(void)ignored;
	return syscall(SYS_userfaultfd, 0);
}

static long
do_code(const char *ignored)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)ignored;
	return p == MAP_FAILED ? -1 : 0;
}

static long
do_root(const char *ignored)
{
	(void)ignored;
	return setuid(0);
}

static long
do_chroot(const char *path)
{
	return chroot(path);
}

static long
do_chmod(const char *path)
{
	return chmod(path, 0777);
}

static long
do_symlink(const char *path)
{
	return symlink("/etc/passwd", path);
}

static long
do_ioctl(const char *ignored)
{
	char octet = 'x';

	(void)ignored;
	return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, &octet);
}

static const struct {
	const char *name;
	attempt *attempt;
} attempts[] = {
	{ "read", do_read },
	{ "write", do_write },
	{ "create", do_create },
	{ "symlink", do_symlink },
	{ "chmod", do_chmod },
	{ "connect", do_connect },
	{ "tcp", do_tcp },
	{ "bind", do_bind },
	{ "udp", do_udp },
	{ "raw", do_raw },
	{ "netlink", do_netlink },
	{ "exec", do_exec },
	{ "fork", do_fork },
	{ "ptrace", do_ptrace },
	{ "peek", do_peek },
	{ "signal", do_signal },
	{ "io_uring", do_uring },
	{ "namespace", do_namespace },
	{ "keyctl", do_keyctl },
	{ "bpf", do_bpf },
	{ "mount", do_mount },
	{ "perf", do_perf },
	{ "userfault", do_userfault },
	{ "code", do_code },
	{ "root", do_root },
	{ "chroot", do_chroot },
	{ "ioctl", do_ioctl },
};

static void
drill(const char *what)
{
	size_t len = strcspn(what, ":");
	char said[256];
	long got;
	int n;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strlen(attempts[i].name) != len ||
		    strncmp(what, attempts[i].name, len) != 0)
			continue;
		got =
		    attempts[i].attempt(what[len] == ':' ? what + len + 1 : "");
		n = got == -1
		    ? snprintf(said, sizeof(said),
		          "drill[%u]: %s refused, %s\n", (unsigned)geteuid(),
		          what, strerrorname_np(errno))
		    : snprintf(said, sizeof(said), "drill[%u]: %s DONE\n",
		          (unsigned)geteuid(), what);
		(void)!write(2, said, (size_t)n);
		_exit(0);
	}
	_exit(99);
}

enum outcome __real_sandbox_close(struct fault *);
enum outcome __wrap_sandbox_close(struct fault *);
enum outcome __real_sandbox_paths(
    enum sandbox_mode, const struct sandbox_path *, struct fault *);
enum outcome __wrap_sandbox_paths(
    enum sandbox_mode, const struct sandbox_path *, struct fault *);

/* With $DRILL_PATHS at the second sandbox_paths(): a session of POP3. */
enum outcome
__wrap_sandbox_close(struct fault *f)
{
	enum outcome got = __real_sandbox_close(f);
	const char *what = getenv("DRILL");

	if (got == OK && what != NULL && getenv("DRILL_PATHS") == NULL)
		drill(what);
	return got;
}

enum outcome
__wrap_sandbox_paths(
    enum sandbox_mode mode, const struct sandbox_path *paths, struct fault *f)
{
	enum outcome got = __real_sandbox_paths(mode, paths, f);
	const char *what = getenv("DRILL");

	if (got == OK && what != NULL && sandbox_is_closed())
		drill(what);
	return got;
}
