/* SPDX-License-Identifier: ISC */
/*
 * sandbox.c: promises are sets of system calls for seccomp, paths are rules
 * for Landlock.
 *
 * Calls of the hot path are allowed by number alone, without a look at their
 * arguments: the kernel keeps such verdicts in a bitmap (since Linux 5.11) and
 * the filter is not run for them at all.
 *
 * A process that makes a call it did not promise is killed with SIGSYS. Which
 * one it was: the last line of `strace -f`, or `syscall=` in the kernel's audit
 * log. Give the promise to the program, or the call to its promise's row.
 */
#include "sandbox.h"

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

#include "prog.h"

/* ASan, MSan and TSan look into /proc and, at the end, trace themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- Landlock. The header of the system may be older than the kernel. ---- */

#define LL_EXECUTE     (1ULL << 0)
#define LL_WRITE_FILE  (1ULL << 1)
#define LL_READ_FILE   (1ULL << 2)
#define LL_READ_DIR    (1ULL << 3)
#define LL_REMOVE_DIR  (1ULL << 4)
#define LL_REMOVE_FILE (1ULL << 5)
#define LL_MAKE_DIR    (1ULL << 7)
#define LL_MAKE_REG    (1ULL << 8)
#define LL_REFER       (1ULL << 13)
#define LL_TRUNCATE    (1ULL << 14)
#define LL_IOCTL_DEV   (1ULL << 15)
/* What a rule for a single file may carry. landlock(7) */
#define LL_OF_FILE                                                             \
	(LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV)
#define LL_NET_BIND_TCP        (1ULL << 0)
#define LL_NET_CONNECT_TCP     (1ULL << 1)
#define LL_SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define LL_SCOPE_SIGNAL        (1ULL << 1)
#define LL_RULE_PATH_BENEATH   1
#define LL_CREATE_VERSION      1U

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif

struct ll_ruleset {
	uint64_t fs, net, scoped;
};

struct ll_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static bool closed; /* promises are in force in this process */

bool
sandbox_is_closed(void)
{
	return closed;
}

/* The kernel's version of Landlock; 0: none, or switched off. */
static int
landlock_version(void)
{
	long n =
	    syscall(__NR_landlock_create_ruleset, NULL, 0, LL_CREATE_VERSION);

	return n < 0 ? 0 : (int)n;
}

/* All that this version can refuse. A right that is not handled is free. */
static struct ll_ruleset
landlock_handled(int version)
{
	struct ll_ruleset all = { (1ULL << 13) - 1, 0, 0 };

	if (version >= 2)
		all.fs |= LL_REFER;
	if (version >= 3)
		all.fs |= LL_TRUNCATE;
	if (version >= 4)
		all.net = LL_NET_BIND_TCP | LL_NET_CONNECT_TCP;
	if (version >= 5)
		all.fs |= LL_IOCTL_DEV;
	if (version >= 6)
		all.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
	return all;
}

/* Letters to rights; 0: a letter that is none. */
static uint64_t
rights_of(const char *letters)
{
	uint64_t rights = 0;

	for (; *letters != '\0'; letters++) {
		switch (*letters) {
		case 'r':
			rights |= LL_READ_FILE | LL_READ_DIR;
			break;
		case 'w':
			rights |= LL_WRITE_FILE | LL_TRUNCATE;
			break;
		case 'c':
			rights |= LL_MAKE_REG | LL_MAKE_DIR | LL_REMOVE_FILE |
			    LL_REMOVE_DIR;
			break;
		case 'l':
			rights |= LL_REFER | LL_MAKE_REG;
			break;
		case 'x':
			rights |= LL_EXECUTE | LL_READ_FILE;
			break;
		default:
			return 0;
		}
	}
	return rights;
}

static enum outcome
add_path(int ruleset, uint64_t handled, const struct sandbox_path *path,
    struct fault *f)
{
	bool must = path->path[0] == '!';
	const char *name = path->path + (must ? 1 : 0);
	struct ll_beneath rule = { rights_of(path->rights) & handled, -1 };
	struct stat st;
	int error = 0;

	if (rule.allowed == 0)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sandbox: %s: rights \"%s\"", name, path->rights);
	rule.fd = open(name, O_PATH | O_CLOEXEC);
	if (rule.fd == -1 && errno == ENOENT && !must)
		return OK;
	if (rule.fd == -1 || fstat(rule.fd, &st) != 0)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		rule.allowed &= LL_OF_FILE;
	if (error == 0 &&
	    syscall(__NR_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH,
	        &rule, 0) != 0)
		error = errno;
	if (rule.fd != -1)
		(void)close(rule.fd);
	if (error != 0)
		return fault_set(f, TEMP, "4.3.0", error, "sandbox: %s", name);
	return OK;
}

static enum outcome
add_paths(int ruleset, uint64_t handled, const struct sandbox_path *paths,
    struct fault *f)
{
	static const struct sandbox_path proc = { "/proc", "r" };

	for (; paths != NULL && paths->path != NULL; paths++)
		if (add_path(ruleset, handled, paths, f) != OK)
			return TEMP;
	return SANITIZED ? add_path(ruleset, handled, &proc, f) : OK;
}

static bool
has_refer(const struct sandbox_path *paths)
{
	for (; paths != NULL && paths->path != NULL; paths++)
		if (strchr(paths->rights, 'l') != NULL)
			return true;
	return false;
}

/* Without REFER (version 1) no link between directories is ever allowed, and
   every delivery would be a copy: such a kernel counts as one without. */
static bool
is_usable(int version, const struct sandbox_path *paths)
{
	return version >= 2 || (version == 1 && !has_refer(paths));
}

/* Needed by Landlock and by seccomp of a process without privileges. */
static enum outcome
no_new_privs(struct fault *f)
{
	static const struct rlimit no_core = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &no_core); /* mail does not lie about */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "sandbox: no_new_privs");
	return OK;
}

static enum outcome
landlock_enter(int version, const struct sandbox_path *paths, struct fault *f)
{
	struct ll_ruleset handled = landlock_handled(version);
	size_t size = version < 4 ? sizeof(uint64_t)
	    : version < 6         ? 2 * sizeof(uint64_t)
	                          : sizeof(handled);
	int fd = (int)syscall(__NR_landlock_create_ruleset, &handled, size, 0);
	enum outcome result;

	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "sandbox: landlock");
	result = add_paths(fd, handled.fs, paths, f);
	if (result == OK && syscall(__NR_landlock_restrict_self, fd, 0) != 0)
		result =
		    fault_set(f, TEMP, "4.3.0", errno, "sandbox: landlock");
	(void)close(fd);
	return result;
}

/* Lacking: an end with `required`, a word on fd 2 otherwise. */
static enum outcome
lacking(enum sandbox_mode mode, const char *what, struct fault *f)
{
	if (mode == SANDBOX_REQUIRED)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "sandbox = required, and this kernel has no %s", what);
	if (prog.about != NULL)
		prog_warn("this kernel has no %s: going on without", what);
	return OK;
}

enum outcome
sandbox_paths(
    enum sandbox_mode mode, const struct sandbox_path *paths, struct fault *f)
{
	int version = landlock_version();

	if (mode == SANDBOX_OFF)
		return OK;
	if (!is_usable(version, paths))
		return lacking(mode, "landlock", f);
	if (no_new_privs(f) != OK)
		return TEMP;
	return landlock_enter(version, paths, f);
}

/* ---- seccomp ---- */

#define CALL(name) SCMP_SYS(name)

struct promise {
	const char *word;
	unsigned bit;
	const int *calls; /* allowed whatever their arguments; ends with 0 */
};

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
};

#define END INT32_MIN

/*
 * What is open already, memory, time, signals of oneself, the end. With what
 * glibc, libsodium and jansson call by themselves once all is loaded.
 */
static const int stdio_calls[] = { CALL(read), CALL(write), CALL(readv),
	CALL(writev), CALL(pread64), CALL(pwrite64), CALL(preadv),
	CALL(pwritev), CALL(lseek), CALL(close), CALL(close_range), CALL(dup),
	CALL(dup2), CALL(dup3), CALL(fcntl), CALL(fstat), CALL(fadvise64),
	CALL(fstatfs), CALL(sendfile), CALL(copy_file_range), CALL(splice),
	CALL(pipe), CALL(pipe2), CALL(recvfrom), CALL(sendto), CALL(recv),
	CALL(send), CALL(shutdown), CALL(accept), CALL(accept4),
	CALL(getsockopt), CALL(getpeername), CALL(getsockname), CALL(poll),
	CALL(ppoll), CALL(select), CALL(pselect6), CALL(epoll_create),
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
	CALL(epoll_pwait), CALL(epoll_pwait2), CALL(eventfd2),
	CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
	CALL(signalfd4), CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise),
	CALL(mlock), CALL(munlock), CALL(futex), CALL(get_robust_list),
	CALL(set_robust_list), CALL(rseq), CALL(membarrier), CALL(sched_yield),
	CALL(sched_getaffinity), CALL(getrandom), CALL(clock_gettime),
	CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep),
	CALL(gettimeofday), CALL(time), CALL(times), CALL(alarm),
	CALL(setitimer), CALL(getitimer), CALL(getpid), CALL(getppid),
	CALL(gettid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
	CALL(getresuid), CALL(getresgid), CALL(getgroups), CALL(getpgrp),
	CALL(getpgid), CALL(getsid), CALL(getrusage), CALL(getrlimit),
	CALL(sysinfo), CALL(uname), CALL(umask), CALL(rt_sigaction),
	CALL(rt_sigreturn), CALL(sigreturn), CALL(rt_sigprocmask),
	CALL(rt_sigpending), CALL(rt_sigsuspend), CALL(rt_sigtimedwait),
	CALL(sigaltstack), CALL(pause), CALL(wait4), CALL(waitid),
	CALL(restart_syscall), CALL(exit), CALL(exit_group), END };
static const int unix_calls[] = { CALL(connect), END };
static const int sendfd_calls[] = { CALL(sendmsg), CALL(sendmmsg), END };
static const int recvfd_calls[] = { CALL(recvmsg), CALL(recvmmsg), END };
/* Where Landlock is there, it decides what may be opened and how. openat2()
   hides its flags from a filter: it is left to Landlock alone. */
static const int rpath_calls[] = { CALL(openat2), CALL(stat), CALL(lstat),
	CALL(newfstatat), CALL(statx), CALL(access), CALL(faccessat),
	CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents),
	CALL(getdents64), CALL(statfs), CALL(fstatfs), CALL(chdir),
	CALL(fchdir), CALL(getcwd), END };
static const int wpath_calls[] = { CALL(openat2), CALL(truncate),
	CALL(ftruncate), CALL(fallocate), CALL(utimensat), END };
static const int cpath_calls[] = { CALL(openat2), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(unlink), CALL(unlinkat), CALL(mkdir),
	CALL(mkdirat), CALL(rmdir), CALL(fchmod), CALL(chmod), CALL(fchmodat),
	END };
static const int link_calls[] = { CALL(link), CALL(linkat), END };
static const int sync_calls[] = { CALL(fsync), CALL(fdatasync), CALL(syncfs),
	CALL(sync_file_range), END };
static const int flock_calls[] = { CALL(flock), END };
/* And what a child needs to close itself in further. */
static const int proc_calls[] = { CALL(fork), CALL(vfork), CALL(kill),
	CALL(setpgid), CALL(setsid), CALL(seccomp), CALL(prctl),
	CALL(landlock_create_ruleset), CALL(landlock_add_rule),
	CALL(landlock_restrict_self), CALL(setrlimit), CALL(prlimit64), END };
/* And what the loader does before main(). */
static const int exec_calls[] = { CALL(execve), CALL(execveat), CALL(access),
	CALL(arch_prctl), CALL(set_tid_address), CALL(prlimit64), CALL(mmap),
	CALL(mprotect), END };
static const int none[] = { END };

static const struct promise promises[] = {
	{ "stdio", P_STDIO, stdio_calls },
	{ "inet", P_INET, none },
	{ "unix", P_UNIX, unix_calls },
	{ "sendfd", P_SENDFD, sendfd_calls },
	{ "recvfd", P_RECVFD, recvfd_calls },
	{ "rpath", P_RPATH, rpath_calls },
	{ "wpath", P_WPATH, wpath_calls },
	{ "cpath", P_CPATH, cpath_calls },
	{ "link", P_LINK, link_calls },
	{ "sync", P_SYNC, sync_calls },
	{ "flock", P_FLOCK, flock_calls },
	{ "proc", P_PROC, proc_calls },
	{ "exec", P_EXEC, exec_calls },
	{ NULL, 0, NULL },
};

/* What the sanitizers' runtimes call besides. */
static const int sanitizer_calls[] = { CALL(mmap), CALL(mprotect), CALL(clone),
	CALL(ptrace), CALL(prctl), CALL(readlink), CALL(readlinkat),
	CALL(getdents64), CALL(process_vm_readv), CALL(prlimit64), CALL(tgkill),
	CALL(kill), CALL(stat), CALL(newfstatat), CALL(sched_setaffinity),
	END };

/* Calls allowed for some arguments only. Collects the first error. */
struct filter {
	scmp_filter_ctx ctx;
	int error;
};

static void
allow(struct filter *x, int call)
{
	int error;

	if (x->error != 0 || call == __NR_SCMP_ERROR)
		return;
	error = seccomp_rule_add(x->ctx, SCMP_ACT_ALLOW, call, 0);
	/* A call that this machine's kernel never had is no loss. */
	if (error != 0 && error != -EDOM && error != -EEXIST)
		x->error = -error;
}

static void
allow_all(struct filter *x, const int *calls)
{
	for (; *calls != END; calls++)
		allow(x, *calls);
}

static void
allow_if(struct filter *x, int call, unsigned n,
    const struct scmp_arg_cmp *conditions)
{
	int error;

	if (x->error != 0)
		return;
	error =
	    seccomp_rule_add_array(x->ctx, SCMP_ACT_ALLOW, call, n, conditions);
	if (error != 0 && error != -EDOM && error != -EEXIST)
		x->error = -error;
}

static void
allow_masked(
    struct filter *x, int call, unsigned arg, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp c =
	    SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value);

	allow_if(x, call, 1, &c);
}

static void
allow_equal(struct filter *x, int call, unsigned arg, uint64_t value)
{
	struct scmp_arg_cmp c = SCMP_CMP64(arg, SCMP_CMP_EQ, value, 0);

	allow_if(x, call, 1, &c);
}

/* Memory is never both written and run. */
static void
stdio_by_argument(struct filter *x)
{
	struct scmp_arg_cmp abort_us[] = {
		SCMP_CMP64(0, SCMP_CMP_EQ, (uint64_t)getpid(), 0),
		SCMP_CMP64(2, SCMP_CMP_EQ, SIGABRT, 0),
	};
	struct scmp_arg_cmp ask_only = SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0);

	allow_masked(x, CALL(mmap), 2, PROT_EXEC, 0);
	allow_masked(x, CALL(mprotect), 2, PROT_EXEC, 0);
	allow_masked(x, CALL(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
	allow_equal(x, CALL(ioctl), 1, FIONREAD);
	allow_equal(x, CALL(ioctl), 1, TCGETS);
	allow_equal(x, CALL(ioctl), 1, TIOCGWINSZ);
	allow_equal(x, CALL(setsockopt), 1, SOL_SOCKET);
	allow_equal(x, CALL(socketpair), 0, AF_UNIX);
	allow_equal(x, CALL(prctl), 0, PR_SET_PDEATHSIG);
	allow_equal(x, CALL(prctl), 0, PR_SET_NAME);
	allow_if(x, CALL(prlimit64), 1, &ask_only);
	allow_if(x, CALL(tgkill), 2, abort_us);
}

/* open() by its flags, where not all of them are promised. */
static void
open_by_argument(struct filter *x, unsigned promised)
{
	const unsigned every = P_RPATH | P_WPATH | P_CPATH;
	uint64_t mask = 0;

	if ((promised & every) == 0)
		return;
	if ((promised & P_WPATH) == 0)
		mask |= (unsigned)(O_WRONLY | O_RDWR | O_TRUNC);
	if ((promised & P_CPATH) == 0)
		mask |= (unsigned)(O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
	/* Creating means writing what was created. */
	if ((promised & P_CPATH) != 0)
		mask = 0;
	if (mask == 0) {
		allow(x, CALL(openat));
		allow(x, CALL(open));
		return;
	}
	allow_masked(x, CALL(openat), 2, mask, 0);
	allow_masked(x, CALL(open), 1, mask, 0);
}

/* fork(), and no new name space with it. clone3() hides its flags. */
static void
proc_by_argument(struct filter *x)
{
	allow_masked(x, CALL(clone), 0,
	    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
	        CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
	    0);
	if (x->error == 0 &&
	    seccomp_rule_add(x->ctx, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0) !=
	        0)
		x->error = EINVAL;
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
			allow_all(x, p->calls);
	if ((promised & P_STDIO) != 0)
		stdio_by_argument(x);
	if ((promised & P_INET) != 0)
		allow_equal(x, CALL(setsockopt), 1, IPPROTO_TCP);
	if ((promised & P_UNIX) != 0)
		allow_equal(x, CALL(socket), 0, AF_UNIX);
	if ((promised & P_PROC) != 0)
		proc_by_argument(x);
	open_by_argument(x, promised | (SANITIZED ? P_RPATH : 0));
	if (SANITIZED)
		allow_all(x, sanitizer_calls);
}

static enum outcome
seccomp_enter(unsigned promised, struct fault *f)
{
	struct filter x = { seccomp_init(SCMP_ACT_KILL_PROCESS), 0 };

	if (x.ctx == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "sandbox: seccomp");
	/* Its own error codes, and a tree instead of a chain for the rest. */
	(void)seccomp_attr_set(x.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	fill_filter(&x, promised);
	if (x.error == 0)
		x.error = -seccomp_load(x.ctx);
	seccomp_release(x.ctx);
	/* Building it took as much memory as all the rest of a worker. */
	(void)malloc_trim(0);
	if (x.error != 0)
		return fault_set(f, TEMP, "4.3.0", x.error, "sandbox: seccomp");
	closed = true;
	return OK;
}

/* Asking for an action's presence changes nothing. seccomp(2) */
static bool
has_seccomp(void)
{
	uint32_t action = SCMP_ACT_KILL_PROCESS;

	return syscall(SYS_seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0,
	           &action) == 0;
}

enum outcome
sandbox_promises(enum sandbox_mode mode, const char *text, struct fault *f)
{
	unsigned promised;

	if (parse_promises(text, &promised, f) != OK)
		return TEMP;
	if (mode == SANDBOX_OFF)
		return OK;
	if (!has_seccomp())
		return lacking(mode, "seccomp", f);
	if (no_new_privs(f) != OK)
		return TEMP;
	return seccomp_enter(promised, f);
}

/* libseccomp writes a filter to a descriptor only. */
static enum outcome
export_filter(scmp_filter_ctx ctx, struct sandbox_filter *out, struct fault *f)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	off_t size = -1;

	if (fd != -1 && seccomp_export_bpf(ctx, fd) == 0)
		size = lseek(fd, 0, SEEK_END);
	if (size > 0)
		out->code = malloc((size_t)size);
	if (out->code == NULL || pread(fd, out->code, (size_t)size, 0) != size)
		(void)fault_set(
		    f, TEMP, "4.3.0", errno, "sandbox: filter not written");
	else
		out->instructions = (size_t)size / sizeof(struct sock_filter);
	if (fd != -1)
		(void)close(fd);
	return out->instructions > 0 ? OK : TEMP;
}

enum outcome
sandbox_compile(enum sandbox_mode mode, const char *text,
    struct sandbox_filter *out, struct fault *f)
{
	struct filter x = { NULL, 0 };
	enum outcome got;
	unsigned promised;

	*out = (struct sandbox_filter){ NULL, 0 };
	if (parse_promises(text, &promised, f) != OK)
		return TEMP;
	if (mode == SANDBOX_OFF)
		return OK;
	if (!has_seccomp())
		return lacking(mode, "seccomp", f);
	x.ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (x.ctx == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "sandbox: seccomp");
	(void)seccomp_attr_set(x.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	fill_filter(&x, promised);
	got = x.error == 0
	    ? export_filter(x.ctx, out, f)
	    : fault_set(f, TEMP, "4.3.0", x.error, "sandbox: seccomp");
	seccomp_release(x.ctx);
	return got;
}

enum outcome
sandbox_load(const struct sandbox_filter *filter, struct fault *f)
{
	struct sock_fprog program = {
		.len = (unsigned short)filter->instructions,
		.filter = filter->code,
	};

	if (filter->code == NULL)
		return OK;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "sandbox: seccomp");
	closed = true;
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

enum outcome
sandbox_enter(enum sandbox_mode mode, const char *text,
    const struct sandbox_path *paths, const char **summary, struct fault *f)
{
	const char *in_force = mode == SANDBOX_OFF ? "off" : sandbox_summary();

	if (summary != NULL)
		*summary = in_force;
	if (mode == SANDBOX_OFF && prog.about != NULL)
		prog_warn("sandbox = off: going on without");
	if (sandbox_paths(mode, paths, f) != OK)
		return f->outcome;
	return sandbox_promises(mode, text, f);
}
