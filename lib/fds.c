/* SPDX-License-Identifier: ISC */
/*
 * fds.c: what the descriptors are, and reading and writing all of something.
 * Everything opened here is close-on-exec.
 */
#include "fds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

/* A silent client is asked after a minute, and is gone 64 s later. Ours */
#define KEEP_IDLE_S    60
#define KEEP_BETWEEN_S 16
#define KEEP_PROBES    4
#define CONNECT_MS     10000 /* a full backlog of a Unix socket. Ours */
#define LOCK_PAUSE_MS  20 /* between two tries of a lock. Ours */
#define FDS_PER_MSG    4 /* room in a control message; more than one is refused */

enum fds_kind
fds_kind(int fd)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (fcntl(fd, F_GETFD) == -1)
		return FDS_CLOSED;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	    listens != 0)
		return FDS_LISTENER;
	return FDS_SESSION;
}

void
fds_from_systemd(void)
{
	uint64_t pid = (uint64_t)getpid(), n;
	bool ours = num_from_env("LISTEN_PID", pid, pid, &n) &&
	    num_from_env("LISTEN_FDS", 1, 1, &n);

	/* Not for our children, whoever it was meant for. sd_listen_fds(3) */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!ours || fcntl(FD_SYSTEMD, F_GETFD) == -1)
		return;
	if (dup2(FD_SYSTEMD, FD_IN) == -1 || dup2(FD_SYSTEMD, FD_OUT) == -1)
		return;
	(void)close(FD_SYSTEMD);
}

/*
 * EAGAIN: a descriptor that never waits may still be asked for all, so we wait
 * for it; from one that does wait it means that its deadline passed.
 */
static bool
wait_until(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || (flags & O_NONBLOCK) == 0) {
		errno = ETIMEDOUT;
		return false;
	}
	return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

enum outcome
fds_write_all(int fd, struct span s, struct fault *f)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n >= 0)
			s = span_from(s, (size_t)n);
		else if (errno == EAGAIN && wait_until(fd, POLLOUT))
			continue;
		else if (errno != EINTR)
			return fault_set(f, TEMP, "4.3.0", errno, "write");
	}
	return OK;
}

enum outcome
fds_read_some(int fd, struct buf *b, size_t most, size_t *got, struct fault *f)
{
	ssize_t n;

	*got = 0;
	if (!buf_reserve(b, most))
		return fault_set(f, TEMP, "4.3.0", 0, "read: no room");
	do
		n = read(fd, b->p + b->len, most);
	while (n < 0 &&
	    (errno == EINTR || (errno == EAGAIN && wait_until(fd, POLLIN))));
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "read");
	*got = (size_t)n;
	buf_extend(b, *got);
	return OK;
}

/* One octet more than b may hold is read, to see that there is none. */
enum outcome
fds_read_to_end(int fd, const char *name, struct buf *b, struct fault *f)
{
	struct stat st;
	size_t want = 4096, got = 1, max = b->max++;
	enum outcome result = OK;

	/* The size is a hint: it saves growing, the end of input decides. */
	if (fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (uint64_t)st.st_size < SIZE_MAX)
		want = (size_t)st.st_size + 1;
	while (result == OK && got > 0 && b->len <= max) {
		size_t room = b->max - b->len;

		result =
		    fds_read_some(fd, b, want < room ? want : room, &got, f);
	}
	b->max = max;
	if (result != OK)
		return fault_context(f, "%s", name);
	if (b->len <= max)
		return OK;
	buf_cut(b, max);
	return fault_set(f, PERM, "5.2.0", 0, "%s is too large", name);
}

enum outcome
fds_read_file(int dirfd, const char *name, struct buf *b, struct fault *f)
{
	enum outcome result;
	/* A FIFO that nobody writes to is empty: its writer is not waited for. */
	int fd =
	    openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", name);
	result = fds_read_to_end(fd, name, b, f);
	(void)close(fd);
	return result;
}

int
fds_open_file_beneath(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

int
fds_open_beneath(int dir, const char *path)
{
	return fds_open_file_beneath(dir, path, O_RDONLY | O_DIRECTORY, 0);
}

size_t
fds_raise_limit(size_t wanted)
{
	struct rlimit limit = { 0, 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur =
		    limit.rlim_max < wanted ? limit.rlim_max : wanted;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < wanted ? (size_t)limit.rlim_cur : wanted;
}

bool
fds_take_room(int fd, size_t octets)
{
	int error = posix_fallocate(fd, 0, (off_t)octets);

	errno = error;
	return error == 0;
}

void *
fds_map_given(
    const char *variable, const char *path, size_t octets, bool writes)
{
	uint64_t given;
	struct stat st;
	void *p = MAP_FAILED;
	int fd = -1;

	if (num_from_env(variable, 3, INT32_MAX, &given))
		fd = (int)given;
	else if (path != NULL)
		fd = open(path,
		    (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	/* Touching what is not there would be a SIGBUS. */
	if (fd != -1 && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= octets)
		p = mmap(NULL, octets,
		    writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
		    0);
	fds_close(&fd);
	(void)unsetenv(variable);
	return p == MAP_FAILED ? NULL : p;
}

enum outcome
fds_sync_directory(const char *path, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd != -1 && fsync(fd) == 0 ? 0 : errno;

	fds_close(&fd);
	if (error == 0)
		return OK;
	return fault_set(f, TEMP, "4.3.0", error, "sync %s", path);
}

static struct timeval
timeval_of(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

bool
fds_lock(int fd, int how, uint64_t wait_ms)
{
	uint64_t until = clock_mono_ms() + wait_ms;

	while (flock(fd, how | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || clock_mono_ms() >= until)
			return false;
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return true;
}

void
fds_set_timeouts(int fd, uint64_t receive_ms, uint64_t send_ms)
{
	struct timeval receive = timeval_of(receive_ms);
	struct timeval send = timeval_of(send_ms);

	/* Fails on what is not a socket: that has no deadline of its own. */
	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send));
}

void
fds_set_session(int fd, uint64_t timeout_ms)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_BETWEEN_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES },
	};

	fds_set_timeouts(fd, timeout_ms, timeout_ms);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

void
fds_close(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
fds_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;

	if (flags != -1 && flags != wanted)
		(void)fcntl(fd, F_SETFL, wanted);
}

/* Aligned room for the descriptors of one message. cmsg(3) */
union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(FDS_PER_MSG * sizeof(int))];
};

static void
attach(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->octets;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
}

static ssize_t
send_with(int socket, struct span s, int fd, int flags)
{
	union control control;
	struct iovec iov = { (void *)(uintptr_t)s.p, s.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd != -1)
		attach(&msg, &control, fd);
	return sendmsg(socket, &msg, MSG_NOSIGNAL | flags);
}

ssize_t
fds_send_some(int socket, struct span s, int fd)
{
	return send_with(socket, s, fd, MSG_DONTWAIT);
}

enum outcome
fds_send(int socket, struct span s, int fd, struct fault *f)
{
	ssize_t n;

	if (s.len == 0)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "a descriptor travels with at least one octet");
	do
		n = send_with(socket, s, fd, 0);
	while (n < 0 &&
	    (errno == EINTR ||
	        (errno == EAGAIN && wait_until(socket, POLLOUT))));
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "send");
	/* The descriptor left with the first octet; the rest is plain. */
	return fds_write_all(socket, span_from(s, (size_t)n), f);
}

/* The first descriptor of a message; all others are closed at once. */
static int
descriptor_of(struct msghdr *msg, size_t *others)
{
	int found = -1;

	*others = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(
			    &fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (found == -1) {
				found = fd;
				continue;
			}
			(void)close(fd);
			(*others)++;
		}
	}
	return found;
}

enum outcome
fds_receive(int socket, bool waits, struct buf *b, size_t most, size_t *got,
    int *fd, struct fault *f)
{
	union control control;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t others;
	ssize_t n;

	*got = 0;
	*fd = -1;
	if (!buf_reserve(b, most))
		return fault_set(f, TEMP, "4.3.0", 0, "receive: no room");
	iov = (struct iovec){ b->p + b->len, most };
	do {
		msg.msg_control = control.octets;
		msg.msg_controllen = sizeof(control.octets);
		n = recvmsg(socket, &msg,
		    MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "receive");
	*fd = descriptor_of(&msg, &others);
	if (others > 0 || (msg.msg_flags & MSG_CTRUNC) != 0) {
		fds_close(fd);
		return fault_set(f, TEMP, "4.3.0", 0,
		    "more descriptors came than were asked for");
	}
	*got = (size_t)n;
	buf_extend(b, *got);
	return OK;
}

static enum outcome
unix_socket(const char *path, struct sockaddr_un *a, int *fd, struct fault *f)
{
	*fd = -1;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!span_copy(span_of(path), a->sun_path, sizeof(a->sun_path)))
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s: a socket's path has at most %zu octets; stand in its "
		    "directory and use a relative one",
		    path, sizeof(a->sun_path) - 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *fd == -1 ? fault_set(f, TEMP, "4.3.0", errno, "socket") : OK;
}

/* Whoever listened there is gone, for we hold his lock; never a file. */
static void
remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

static enum outcome
listen_unix(const char *path, mode_t mask, int *fd, struct fault *f)
{
	struct sockaddr_un a;
	mode_t old;
	int error;

	if (unix_socket(path, &a, fd, f) != OK)
		return f->outcome;
	remove_stale(path);
	old = umask(mask); /* from the first instant */
	error = bind(*fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	        listen(*fd, SOMAXCONN) == 0
	    ? 0
	    : errno;
	(void)umask(old);
	if (error == 0)
		return OK;
	fds_close(fd);
	return fault_set(f, TEMP, "4.3.0", error, "listen on %s", path);
}

enum outcome
fds_listen_unix(const char *path, int *fd, struct fault *f)
{
	return listen_unix(path, 0177, fd, f);
}

enum outcome
fds_listen_all(const char *path, int *fd, struct fault *f)
{
	return listen_unix(path, 0111, fd, f);
}

enum outcome
fds_connect_unix(const char *path, int *fd, struct fault *f)
{
	struct sockaddr_un a;
	int error;

	if (unix_socket(path, &a, fd, f) != OK)
		return f->outcome;
	/* A full backlog would hold us for ever: the send deadline counts. */
	fds_set_timeouts(*fd, 0, CONNECT_MS);
	do
		error = connect(*fd, (struct sockaddr *)&a, sizeof(a)) == 0
		    ? 0
		    : errno;
	while (error == EINTR);
	fds_set_timeouts(*fd, 0, 0);
	if (error == 0 || error == EISCONN)
		return OK;
	fds_close(fd);
	return fault_set(f, TEMP, "4.3.0", error, "connect to %s", path);
}

enum outcome
fds_real_path(const char *path, char out[FDS_PATH_MAX], struct fault *f)
{
	char link[40];
	ssize_t n = -1;
	int fd = open(path, O_PATH | O_CLOEXEC), error;

	if (fd != -1) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, out, FDS_PATH_MAX - 1);
	}
	error = errno;
	fds_close(&fd);
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", error, "%s", path);
	out[n] = '\0';
	return OK;
}
