/* SPDX-License-Identifier: ISC */
/*
 * fds.h: what the descriptors are, and reading and writing all of something.
 */
#ifndef LIB_FDS_H
#define LIB_FDS_H

#include <sys/types.h>

#include "buf.h"

#define FD_IN      0
#define FD_OUT     1
#define FD_ERR     2
#define FD_SYSTEMD 3 /* first of systemd's sockets. sd_listen_fds(3) */

#define FDS_PATH_MAX 4096

/* What fd 0 is, the old inetd `nowait` and `wait`. */
enum fds_kind { FDS_SESSION, FDS_LISTENER, FDS_CLOSED };
enum fds_kind fds_kind(int fd);

/* systemd's one socket (LISTEN_FDS=1, LISTEN_PID) becomes fd 0 (and 1). */
void fds_from_systemd(void);

/*
 * Every octet, or TEMP (error ETIMEDOUT: the socket's deadline passed).
 * Interrupted and short calls go on.
 */
enum outcome fds_write_all(int fd, struct span, struct fault *) MUST_USE;
/* Append what one read() gives. OK with *got 0 is the end of input. */
enum outcome fds_read_some(
    int fd, struct buf *, size_t most, size_t *got, struct fault *) MUST_USE;
/* All that comes, at most b's max. PERM 5.2.0: it is more. name: for a person */
enum outcome fds_read_to_end(
    int fd, const char *name, struct buf *, struct fault *) MUST_USE;
/* The same of a file below dirfd. */
enum outcome fds_read_file(
    int dirfd, const char *name, struct buf *, struct fault *) MUST_USE;

/* A directory beneath dir, through no symbolic link; -1 and errno. */
int fds_open_beneath(int dir, const char *path);
/* The same with flags of open(2); mode, with O_CREAT, else 0. */
int fds_open_file_beneath(int dir, const char *path, int flags, mode_t mode);
/* As many descriptors as the limits allow, up to that; how many there may be. */
size_t fds_raise_limit(size_t wanted);

/* Room on disk for all of a file: a store to a part of its memory that has none
   is a SIGBUS when the disk is full. It grows to that size. False: errno. */
bool fds_take_room(int fd, size_t octets);
/*
 * Memory that processes share: of the descriptor that the environment variable
 * gives, which is closed, or else of the file (NULL: of none). NULL: there is
 * none of this size. Unmap it.
 */
void *fds_map_given(
    const char *variable, const char *path, size_t octets, bool writes);

/* The names in a directory, on disk. */
enum outcome fds_sync_directory(const char *path, struct fault *) MUST_USE;

/*
 * realpath(3) that asks the kernel, so that it answers even where a directory
 * on the way may not be entered. Before the sandbox: it reads /proc.
 */
enum outcome fds_real_path(
    const char *path, char out[FDS_PATH_MAX], struct fault *) MUST_USE;

/*
 * flock() that waits at most wait_ms: it has no deadline of its own, and a
 * signal would be everybody's. false: errno says why, EWOULDBLOCK: in vain.
 */
bool fds_lock(int fd, int how, uint64_t wait_ms);

/* Deadlines of a socket for its blocking calls, in milliseconds; 0: none. */
void fds_set_timeouts(int fd, uint64_t receive_ms, uint64_t send_ms);
/*
 * All that a session's socket needs, or its listener, from which connections
 * inherit it: deadlines, no waiting for more to send, and the end of a client
 * that vanished (a mailbox is locked for that long) after about two minutes.
 */
void fds_set_session(int fd, uint64_t timeout_ms);
void fds_set_nonblock(int fd, bool on);
void fds_close(int *fd); /* and set to -1; -1 already: nothing */

/* One message with at most one descriptor (SCM_RIGHTS); fd -1: none. */
enum outcome fds_send(int socket, struct span, int fd, struct fault *) MUST_USE;
/* One sendmsg() that does not wait; octets sent, or -1 and errno. */
ssize_t fds_send_some(int socket, struct span, int fd);
/* Append what one recvmsg() gives; *fd is -1 or a new descriptor (CLOEXEC).
   TEMP with error EAGAIN: nothing is there, and it does not wait. */
enum outcome fds_receive(int socket, bool waits, struct buf *, size_t most,
    size_t *got, int *fd, struct fault *) MUST_USE;

/* A Unix stream socket at path, relative to the home. Listens; mode 0600, or of
   all users of this machine 0666. */
enum outcome fds_listen_unix(
    const char *path, int *fd, struct fault *) MUST_USE;
enum outcome fds_listen_all(const char *path, int *fd, struct fault *) MUST_USE;
enum outcome fds_connect_unix(
    const char *path, int *fd, struct fault *) MUST_USE;

#endif
