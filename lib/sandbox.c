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
	P_UNVEIL = 1 << 13,
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
	CALL(mkdirat), CALL(rmdir), END };
static const int link_calls[] = { CALL(link), CALL(linkat), END };
static const int sync_calls[] = { CALL(fsync), CALL(fdatasync), CALL(syncfs),
	CALL(sync_file_range), END };
static const int flock_calls[] = { CALL(flock), END };
static const int unveil_calls[] = { CALL(landlock_create_ruleset),
	CALL(landlock_add_rule), CALL(landlock_restrict_self), END };
static const int proc_calls[] = { CALL(fork), CALL(vfork), CALL(kill),
	CALL(setpgid), CALL(setsid), END };
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
	{ "unveil", P_UNVEIL, unveil_calls },
	{ "proc", P_PROC, proc_calls },
	{ "exec", P_EXEC, exec_calls },
	{ NULL, 0, NULL },
};

/* What the sanitizers' runtimes call besides. */
static const int sanitizer_calls[] = { CALL(mmap), CALL(mprotect), CALL(clone),
	CALL(ptrace), CALL(prctl), CALL(readlink), CALL(readlinkat),
	CALL(getdents), CALL(getdents64), CALL(wait4), CALL(process_vm_readv),
	CALL(prlimit64), CALL(tgkill), CALL(kill), CALL(stat), CALL(newfstatat),
	CALL(sched_setaffinity), END };

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

#define SELF 0x7FFFFF01 /* stands for our pid; above all that there can be */

/* Memory is never both written and run. */
static void
stdio_by_argument(struct filter *x)
{
	struct scmp_arg_cmp abort_us[] = {
		SCMP_CMP64(0, SCMP_CMP_EQ, SELF, 0),
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
		code.filter = malloc((size_t)st.st_size);
		if (code.filter == NULL ||
		    pread(fd, code.filter, (size_t)st.st_size, 0) != st.st_size)
			error = ENOMEM;
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

enum outcome
sandbox_enter(enum sandbox_mode mode, const char *text,
    const struct sandbox_path *paths, struct fault *f)
{
	if (sandbox_paths(mode, paths, f) != OK ||
	    sandbox_prepare(mode, text, f) != OK)
		return f->outcome;
	return sandbox_close(f);
}
