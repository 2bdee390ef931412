/* SPDX-License-Identifier: ISC */
/*
 * sandbox.c: promises are sets of system calls for seccomp; paths are in
 * sandbox_landlock.c.
 *
 * Calls of the hot path are allowed by number alone, without a look at their
 * arguments: the kernel keeps such verdicts in a bitmap (since Linux 5.11) and
 * the filter is not run for them at all.
 *
 * A process that makes a call it did not promise is killed with SIGSYS. Which
 * one it was: the last line of `strace -f`, or `syscall=` in the kernel's audit
 * log. Give the promise to the program, or the call to its promise's row.
 */
#include "sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "mem.h"

static bool closed; /* promises are in force in this process */
static char lacks[64];
static struct sock_fprog code; /* prepared, and not in force yet */

bool
sandbox_is_closed(void)
{
	return closed;
}

/* Needed by Landlock and by seccomp of a process without privileges. */
static enum outcome
no_new_privs(struct fault *f)
{
	static const struct rlimit no_core = { 0, 0 };

	if (closed)
		return OK; /* both are for life */
	(void)setrlimit(RLIMIT_CORE, &no_core); /* mail does not lie about */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "sandbox: no_new_privs");
	return OK;
}

/* What is not there: the end with `required`. */
static enum outcome
lacking(enum sandbox_mode mode, const char *what, struct fault *f)
{
	size_t n = strlen(lacks);

	if (mode == SANDBOX_REQUIRED)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sandbox = required, and this kernel has no %s", what);
	if (strstr(lacks, what) == NULL)
		(void)snprintf(lacks + n, sizeof(lacks) - n, "%s%s",
		    n == 0 ? "this kernel has no " : " and no ", what);
	return OK;
}

const char *
sandbox_lacks(void)
{
	return lacks;
}

enum outcome
sandbox_paths(
    enum sandbox_mode mode, const struct sandbox_path *paths, struct fault *f)
{
	int version = landlock_version();

	if (mode == SANDBOX_OFF)
		return OK;
	if (!landlock_is_usable(version, paths))
		return lacking(mode, "landlock", f);
	if (no_new_privs(f) != OK)
		return TEMP;
	return landlock_enter(version, paths, f);
}

/* ---- seccomp ---- */

enum {
	P_STDIO = 1 << 0,
	P_INET = 1 << 1,
	P_UNIX = 1 << 2,
	P_SENDFD = 1 << 3,
	P_RECVFD = 1 << 4,
	P_RPATH = 1 << 5,
	P_WPATH = 1 << 6,
	P_CPATH = 1 << 7,
	P_LINK = 1 << 8,
	P_SYNC = 1 << 9,
	P_FLOCK = 1 << 10,
	P_PROC = 1 << 11,
	P_EXEC = 1 << 12,
	P_UNVEIL = 1 << 13,
	P_DNS = 1 << 14,
	P_MEMFD = 1 << 15,
};

/* Calls that are allowed whatever their arguments. */
static const struct promise {
	const char *word;
	unsigned bit;
	const char *calls;
} promises[] = {
	/*
	 * What is open already, memory, time, signals of oneself, the end. With
	 * what glibc, libsodium and jansson call by themselves once all is
	 * loaded.
	 */
	{ "stdio", P_STDIO,
	    "read write readv writev pread64 pwrite64 preadv pwritev lseek "
	    "close close_range dup dup2 dup3 fcntl fstat fadvise64 fstatfs "
	    "sendfile copy_file_range splice pipe pipe2 recvfrom recv "
	    "shutdown accept accept4 getsockopt getpeername getsockname "
	    "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl "
	    "epoll_wait epoll_pwait epoll_pwait2 eventfd2 timerfd_create "
	    "timerfd_settime timerfd_gettime signalfd4 brk munmap mremap "
	    "madvise mlock munlock futex get_robust_list set_robust_list rseq "
	    "membarrier sched_yield sched_getaffinity getrandom clock_gettime "
	    "clock_getres clock_nanosleep nanosleep gettimeofday time times "
	    "alarm setitimer getitimer getpid getppid gettid getuid geteuid "
	    "getgid getegid getresuid getresgid getgroups getpgrp getpgid "
	    "getsid getrusage getrlimit sysinfo uname umask rt_sigaction "
	    "rt_sigreturn sigreturn rt_sigprocmask rt_sigpending "
	    "rt_sigsuspend rt_sigtimedwait sigaltstack pause wait4 waitid "
	    "restart_syscall exit exit_group" },
	{ "inet", P_INET, "" },
	{ "unix", P_UNIX, "connect" },
	{ "dns", P_DNS, "bind connect" },
	{ "sendfd", P_SENDFD, "sendmsg sendmmsg" },
	{ "recvfd", P_RECVFD, "recvmsg recvmmsg" },
	/* Where Landlock is there, it decides what may be opened and how.
	   openat2() hides its flags from a filter: it is left to Landlock. */
	{ "rpath", P_RPATH,
	    "openat2 stat lstat newfstatat statx access faccessat faccessat2 "
	    "readlink readlinkat getdents getdents64 statfs fstatfs chdir "
	    "fchdir getcwd" },
	{ "wpath", P_WPATH, "openat2 truncate ftruncate fallocate utimensat" },
	{ "cpath", P_CPATH,
	    "openat2 rename renameat renameat2 unlink unlinkat mkdir mkdirat "
	    "rmdir" },
	{ "link", P_LINK, "link linkat" },
	{ "sync", P_SYNC, "fsync fdatasync syncfs sync_file_range" },
	{ "flock", P_FLOCK, "flock" },
	{ "memfd", P_MEMFD, "memfd_create" },
	{ "unveil", P_UNVEIL,
	    "landlock_create_ruleset landlock_add_rule "
	    "landlock_restrict_self" },
	{ "proc", P_PROC, "fork vfork kill setpgid setsid" },
	/* And what the loader does before main(). */
	{ "exec", P_EXEC,
	    "execve execveat access arch_prctl set_tid_address prlimit64 mmap "
	    "mprotect" },
	{ NULL, 0, NULL },
};

/* What the sanitizers' runtimes call besides. */
static const char sanitizer_calls[] =
    "mmap mprotect clone ptrace prctl readlink readlinkat getdents getdents64 "
    "wait4 process_vm_readv prlimit64 tgkill kill stat newfstatat "
    "sched_setaffinity";

/* Calls that are allowed when these bits of an argument have this value. */
#define ALL UINT64_MAX
static const struct condition {
	unsigned promise;
	int call;
	unsigned argument;
	uint64_t bits, value;
} conditions[] = {
	/* Memory is never both written and run. */
	{ P_STDIO, SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ P_STDIO, SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ P_STDIO, SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH },
	{ P_STDIO, SCMP_SYS(ioctl), 1, ALL, FIONREAD },
	{ P_STDIO, SCMP_SYS(ioctl), 1, ALL, TCGETS },
	{ P_STDIO, SCMP_SYS(ioctl), 1, ALL, TIOCGWINSZ },
	{ P_STDIO, SCMP_SYS(setsockopt), 1, ALL, SOL_SOCKET },
	{ P_STDIO, SCMP_SYS(socketpair), 0, ALL, AF_UNIX },
	{ P_STDIO, SCMP_SYS(prctl), 0, ALL, PR_SET_PDEATHSIG },
	{ P_STDIO, SCMP_SYS(prctl), 0, ALL, PR_SET_NAME },
	{ P_STDIO, SCMP_SYS(prlimit64), 2, ALL, 0 }, /* to ask */
	{ P_INET, SCMP_SYS(setsockopt), 1, ALL, IPPROTO_TCP },
	{ P_UNIX, SCMP_SYS(socket), 0, ALL, AF_UNIX },
	{ P_DNS, SCMP_SYS(setsockopt), 1, ALL, IPPROTO_IP },
	{ P_DNS, SCMP_SYS(setsockopt), 1, ALL, IPPROTO_IPV6 },
	{ P_DNS, SCMP_SYS(setsockopt), 1, ALL, IPPROTO_TCP },
	/* fork(), and no new name space with it. */
	{ P_PROC, SCMP_SYS(clone), 0,
	    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
	        CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
	    0 },
};

/* Collects the first error. */
struct filter {
	scmp_filter_ctx ctx;
	int error;
};

static void
add_rule(struct filter *x, uint32_t action, int call, unsigned n,
    const struct scmp_arg_cmp *arguments)
{
	int error = x->error != 0 || call == __NR_SCMP_ERROR
	    ? 0
	    : seccomp_rule_add_array(x->ctx, action, call, n, arguments);

	/* A call that this machine's kernel never had is no loss. */
	if (error != 0 && error != -EDOM && error != -EEXIST)
		x->error = -error;
}

static void
allow(struct filter *x, const char *calls)
{
	struct span rest = span_of(calls), word;
	char name[32];

	while (span_next(&rest, ' ', &word))
		if (span_copy(word, name, sizeof(name)))
			add_rule(x, SCMP_ACT_ALLOW,
			    seccomp_syscall_resolve_name(name), 0, NULL);
}

static void
allow_if(struct filter *x, int call, unsigned argument, uint64_t bits,
    uint64_t value)
{
	struct scmp_arg_cmp c = bits == ALL
	    ? SCMP_CMP64(argument, SCMP_CMP_EQ, value, 0)
	    : SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, value);

	add_rule(x, SCMP_ACT_ALLOW, call, 1, &c);
}

#define SELF 0x7FFFFF01 /* stands for our pid; above all that there can be */

static void
allow_abort(struct filter *x)
{
	struct scmp_arg_cmp c[] = {
		SCMP_CMP64(0, SCMP_CMP_EQ, SELF, 0),
		SCMP_CMP64(2, SCMP_CMP_EQ, SIGABRT, 0),
	};

	add_rule(x, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, c);
}

/*
 * UDP and TCP, and nothing that only looks like them: a socket of MPTCP would
 * not be one of TCP to Landlock.
 */
static void
allow_dns_sockets(struct filter *x)
{
	static const struct {
		uint64_t type, protocol;
	} kinds[] = { { SOCK_DGRAM, 0 }, { SOCK_DGRAM, IPPROTO_UDP },
		{ SOCK_STREAM, 0 }, { SOCK_STREAM, IPPROTO_TCP } };
	static const uint64_t families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct scmp_arg_cmp c[] = {
			SCMP_CMP64(0, SCMP_CMP_EQ, families[i % 2], 0),
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ,
			    ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC),
			    kinds[i / 2].type),
			SCMP_CMP64(2, SCMP_CMP_EQ, kinds[i / 2].protocol, 0),
		};

		add_rule(x, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, c);
	}
}

/*
 * With this flag it is a connect() that Landlock is not asked about. Who tries
 * it is told that there is no such thing, and connects.
 */
static void
allow_send(struct filter *x, unsigned promised)
{
	struct scmp_arg_cmp fast =
	    SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN);

	if ((promised & P_DNS) == 0) {
		allow(x, "sendto send");
		return;
	}
	allow_if(x, SCMP_SYS(sendto), 3, MSG_FASTOPEN, 0);
	allow_if(x, SCMP_SYS(sendmsg), 2, MSG_FASTOPEN, 0);
	add_rule(x, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(sendmsg), 1, &fast);
}

/* open() by its flags, where not all of them are promised. */
static void
allow_open(struct filter *x, unsigned promised)
{
	uint64_t refused = 0;

	if ((promised & (P_RPATH | P_WPATH | P_CPATH)) == 0)
		return;
	/* Creating means writing what was created. */
	if ((promised & P_CPATH) != 0) {
		allow(x, "openat open");
		return;
	}
	refused = (unsigned)(O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
	if ((promised & P_WPATH) == 0)
		refused |= (unsigned)(O_WRONLY | O_RDWR | O_TRUNC);
	allow_if(x, SCMP_SYS(openat), 2, refused, 0);
	allow_if(x, SCMP_SYS(open), 1, refused, 0);
}

static enum outcome
parse_promises(const char *text, unsigned *promised, struct fault *f)
{
	struct span rest = span_of(text), word;

	*promised = 0;
	while (span_next(&rest, ' ', &word)) {
		const struct promise *p = promises;

		if (word.len == 0)
			continue;
		while (p->word != NULL && !span_eq(word, p->word))
			p++;
		if (p->word == NULL)
			return fault_set(f, TEMP, "4.3.0", 0,
			    "sandbox: no promise \"" SPAN_FMT "\"",
			    SPAN_ARG(word));
		*promised |= p->bit;
	}
	return OK;
}

static void
fill_filter(struct filter *x, unsigned promised)
{
	for (const struct promise *p = promises; p->word != NULL; p++)
		if ((promised & p->bit) != 0)
			allow(x, p->calls);
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]);
	     i++) {
		const struct condition *c = &conditions[i];

		if ((promised & c->promise) != 0)
			allow_if(x, c->call, c->argument, c->bits, c->value);
	}
	if ((promised & P_STDIO) != 0)
		allow_abort(x);
	if ((promised & P_STDIO) != 0)
		allow_send(x, promised);
	if ((promised & P_DNS) != 0)
		allow_dns_sockets(x);
	/* clone3() hides its flags: fork() goes on with clone(). */
	if ((promised & P_PROC) != 0)
		add_rule(x, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	allow_open(x, promised | (SANITIZED ? P_RPATH : 0));
	if (SANITIZED)
		allow(x, sanitizer_calls);
}

/* The kernel's form of it: libseccomp writes that to a descriptor only. */
static int
take_code(scmp_filter_ctx ctx)
{
	int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;
	int error = fd == -1 ? errno : -seccomp_export_bpf(ctx, fd);

	if (error == 0 && fstat(fd, &st) != 0)
		error = errno;
	if (error == 0) {
		code.len = (unsigned short)((size_t)st.st_size /
		    sizeof(struct sock_filter));
		code.filter = mem_new((size_t)st.st_size, 1);
		if (pread(fd, code.filter, (size_t)st.st_size, 0) != st.st_size)
			error = EIO;
	}
	if (fd != -1)
		(void)close(fd);
	return error;
}

static int
make_code(unsigned promised)
{
	struct filter x = { seccomp_init(SCMP_ACT_KILL_PROCESS), 0 };

	if (x.ctx == NULL)
		return ENOMEM;
	/* A tree instead of a chain for calls that are not in the bitmap. */
	(void)seccomp_attr_set(x.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	fill_filter(&x, promised);
	if (x.error == 0)
		x.error = take_code(x.ctx);
	seccomp_release(x.ctx);
	/* Building it took as much memory as all the rest of a worker: give it
	   back. */
	(void)malloc_trim(0);
	return x.error;
}

/* Asking for an action's presence changes nothing. seccomp(2) */
static bool
has_seccomp(void)
{
	uint32_t action = SCMP_ACT_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

enum outcome
sandbox_prepare(enum sandbox_mode mode, const char *text, struct fault *f)
{
	unsigned promised;
	int error;

	if (parse_promises(text, &promised, f) != OK)
		return TEMP;
	if (mode == SANDBOX_OFF)
		return OK;
	if (!has_seccomp())
		return lacking(mode, "seccomp", f);
	error = make_code(promised);
	return error == 0
	    ? OK
	    : fault_set(f, TEMP, "4.3.0", error, "sandbox: seccomp");
}

enum outcome
sandbox_close(struct fault *f)
{
	if (code.len == 0)
		return OK; /* nothing that could be in force */
	if (no_new_privs(f) != OK)
		return TEMP;
	for (unsigned i = 0; i < code.len; i++)
		if (BPF_CLASS(code.filter[i].code) == BPF_JMP &&
		    code.filter[i].k == SELF)
			code.filter[i].k = (uint32_t)getpid();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "sandbox: seccomp");
	closed = true;
	free(code.filter);
	code = (struct sock_fprog){ 0 };
	return OK;
}

const char *
sandbox_summary(void)
{
	static char text[64];
	int version = landlock_version();
	size_t n = 0;

	text[0] = '\0';
	if (has_seccomp())
		n += (size_t)snprintf(text, sizeof(text), "seccomp");
	if (version > 0)
		(void)snprintf(text + n, sizeof(text) - n, "%slandlock-%d",
		    n > 0 ? " " : "", version);
	return text[0] == '\0' ? "none" : text;
}
