/* SPDX-License-Identifier: ISC */
/*
 * sandbox.h: promises and paths, in the manner of pledge(2) and unveil(2),
 * over seccomp (libseccomp) and Landlock. Each main names its own, so that a
 * program's rights are read where the program is read.
 *
 * Underneath: no_new_privs, Landlock with every right that the kernel knows
 * handled, seccomp whose default is to kill the process, RLIMIT_CORE 0. What
 * the kernel lacks ends the program with `sandbox = required` alone; with
 * `sandbox = off` (a debugger) nothing is done.
 */
#ifndef LIB_SANDBOX_H
#define LIB_SANDBOX_H

#include "span.h"

/*
 * Promises, separated by spaces; each is a set of system calls:
 *
 *	stdio	memory, time, signals and children of oneself, exit, and all that
 *		one does to what is open: read write poll accept close; deadlines
 *		of sockets
 *	inet	options of TCP connections that are open. No other promise but dns
 *		makes a TCP socket, and Landlock lets none bind or connect
 *	unix	socket(AF_UNIX), connect
 *	dns	sockets of UDP and TCP, over IPv4 and IPv6, bind, connect. Landlock
 *		lets TCP connect to named ports only, and bind none. Neither it nor
 *		seccomp can see where a datagram goes
 *	sendfd recvfd	sendmsg, recvmsg: the only calls that pass descriptors
 *	rpath	open for reading, stat, getdents
 *	wpath	open for writing, truncate, fallocate
 *	cpath	create, rename, unlink, mkdir. Nothing changes modes: Landlock
 *		knows no right for it, so it could not be kept to a path
 *	link	linkat
 *	sync	fsync, fdatasync, syncfs, sync_file_range
 *	flock
 *	memfd	memfd_create
 *	unveil	sandbox_paths() once more
 *	proc	fork, kill
 *	exec	execve (and the right x on the program and its libraries)
 *
 * What has been promised is kept: any other call kills the process with SIGSYS.
 * `strace -f` shows it as the last one.
 */
struct sandbox_path {
	/* Relative to the home, or absolute; ":53" is a port of TCP. */
	const char *path;
	/*
	 * r read, w write, c create and remove, l link and rename across
	 * directories (REFER), x run; t, of a port: connect to it; all of them for what lies beneath. Where
	 * link() goes from one path to another both need the same letters. A path that
	 * does not exist is passed over unless it begins with '!'.
	 */
	const char *rights;
};

enum sandbox_mode { SANDBOX_AUTO, SANDBOX_REQUIRED, SANDBOX_OFF };

/*
 * In this order: paths (the last one is NULL), then what is promised, which
 * close puts in force. Making a filter takes 0.5 ms, and a child that is forked
 * has it. With promise unveil, sandbox_paths() may come once more: fewer paths
 * than before, for life. TEMP 4.3.0: mode is required and something is missing,
 * or a promise or path is wrong.
 */
enum outcome sandbox_paths(
    enum sandbox_mode, const struct sandbox_path *, struct fault *) MUST_USE;
enum outcome sandbox_prepare(
    enum sandbox_mode, const char *promises, struct fault *) MUST_USE;
enum outcome sandbox_close(struct fault *) MUST_USE;
/* Promises are in force: no program can be started any more. */
bool sandbox_is_closed(void);
/* What this kernel lacked of it, in words: "this kernel has no landlock". */
const char *sandbox_lacks(void);
/* What this kernel offers: "seccomp landlock-7", "none". Static text. */
const char *sandbox_summary(void);

#endif
