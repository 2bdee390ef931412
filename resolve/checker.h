/* SPDX-License-Identifier: ISC */
/*
 * checker.h: a program of the checkpassword interface, asked in place of hashes.
 *
 * It is given `name 0 password 0 time 0` on descriptor 3, and what it does with
 * its arguments is its own affair: it is to end with 0 (right), 1 (wrong) or
 * anything else (not now). Each question is a process of its own, started without
 * a shell by one that was forked before the sandbox and reads nothing but names
 * and passwords. Source: cr.yp.to/checkpwd/interface.html.
 */
#ifndef RESOLVE_CHECKER_H
#define RESOLVE_CHECKER_H

#include "fault.h"
#include "span.h"

#define CHECKER_OCTETS_MAX 512 /* on descriptor 3. Source: the interface */
#define CHECKER_MS         10000 /* then it is killed. Ours */

struct checker {
	int socket; /* to the process that starts them; -1: none */
};

/*
 * command: the path and its arguments, spaces between, no quoting.
 * PERM	5.3.5 it begins with no absolute path
 * TEMP	4.3.0 no process
 */
enum outcome checker_begin(
    struct checker *, const char *command, struct fault *) MUST_USE;
void checker_end(struct checker *);
/*
 * OK	right
 * PERM	5.7.8 wrong, or too long to be asked
 * TEMP	4.3.0 it says so, failed, was killed, or could not be started; where the
 *	process that starts them is gone, this one is told to stop as well
 */
enum outcome checker_ask(struct checker *, struct span name,
    struct span password, struct fault *) MUST_USE;

#endif
