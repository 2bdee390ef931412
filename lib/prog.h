/* SPDX-License-Identifier: ISC */
/*
 * prog.h: how every program begins and ends.
 *
 * Fixed order: begin, options, home, open what is needed, sandbox, loop, exit
 * by fault. Nothing untrusted is read before the sandbox.
 */
#ifndef LIB_PROG_H
#define LIB_PROG_H

#include "fault.h"
#include "sandbox.h"
#include "settings.h"

struct prog_option {
	char letter; /* 0: no short form */
	const char *name; /* long form; NULL ends the table */
	const char *argument; /* NULL: takes none. "X...": may be repeated */
	const char *help;
	/* Where its argument goes, or "" when it takes none; of one that may be
	   repeated an array of PROG_REPEATS + 1, with NULL after the last. */
	const char **value;
};
#define PROG_REPEATS 64

struct prog_about {
	const char *name;
	const char *usage; /* after the name: "[-C DIR] [-f PATH] [RCPT...]" */
	const char *summary; /* one sentence */
	const struct prog_option *options; /* besides the common ones */
	const char *more; /* further paragraphs of --help, or NULL */
	/* What follows the first operand belongs to another program; else
	   options may stand anywhere. */
	bool verbs;
	bool json; /* it has --json, which sets prog.json */
	bool operands; /* it looks at them itself; else there may be none */
	/* What its sandbox leaves it (sandbox.h): main enters with these words,
	   and -V prints them. NULL: it has no sandbox. */
	const char *promises;
};

/* One for each process; set by prog_begin() and read by all. */
struct prog {
	const struct prog_about *about;
	const char *home; /* as given by -C, or the built-in one */
	const char *config; /* -c: relative to where we were started */
	char directory[4096]; /* where this program lies: its fellows do too */
	struct settings settings;
	bool json; /* --json, where the program has it */
};
extern struct prog prog;

#ifndef PNEU_HOME
#define PNEU_HOME "/var/spool/pneu"
#endif
#ifndef PNEU_CONF
#define PNEU_CONF "/etc/pneu/pneu.conf"
#endif

/* The checked copy number N is run/pneu.conf.N. */
#define PROG_RUNNING "pneu.conf."

/* umask 077, SIGPIPE and SIGXFSZ ignored, SIGCHLD not, no signal blocked,
   descriptors 0 to 2 open, names, libsodium. */
void prog_begin(const struct prog_about *);
/* All dispositions default, none blocked: before an exec, which keeps what the
   starter ignored. signal(7) */
void prog_reset_signals(void);
/*
 * All options, and optind is then the first operand. -C -c -V -h --help are done
 * here; a wrong option, or an operand of who takes none, prints the usage and
 * exits 100.
 */
void prog_options(int argc, char *argv[]);
/* Both of them. */
void prog_start(const struct prog_about *, int argc, char *argv[]);
/*
 * chdir to the home, load the configuration; while that has errors, the checked
 * copy of it that runs, if one does. When we are root, become the home's owner,
 * or with `[pneu] users = separate` this program's user (PERM when the owner is
 * root, or there is no such user). All paths are relative to the home from here.
 */
enum outcome prog_home(struct fault *) MUST_USE;
/* Both halves of it: until the second root, if we had it, can be got back. */
enum outcome prog_enter(struct fault *) MUST_USE;
enum outcome prog_user(struct fault *) MUST_USE;
/* Close the sandbox (sandbox.h) as [pneu] sandbox says, and tell on fd 2
   what of it cannot be; or all of that up to sandbox_close(). */
enum outcome prog_prepare_sandbox(
    const char *promises, const struct sandbox_path *, struct fault *) MUST_USE;
enum outcome prog_sandbox(
    const char *promises, const struct sandbox_path *, struct fault *) MUST_USE;
/* Its parts, for the supervisor and those that make a home: chdir to it; the
   configuration's path, once there; load it into prog.settings. */
enum outcome prog_stand(struct fault *) MUST_USE;
const char *prog_config_path(void);
enum outcome prog_load(struct fault *) MUST_USE;
/* Become the owner of a path for good when we are root. */
enum outcome prog_become(const char *owner_of, struct fault *) MUST_USE;
/* The name of this system: hostname_find(). */
const char *prog_hostname(void);

/* "name: text" on fd 2 when the fault is not OK, and exit by its outcome. What was
   printed and cannot be written is a fault, too. */
void prog_exit(const struct fault *) __attribute__((noreturn));
/* The usage on fd 2, after "name: ..." if something is wrong with this call, and
   exit 100. */
void prog_usage(void) __attribute__((noreturn));
void prog_refuse(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
/* "name: ..." on fd 2 for a person. */
void prog_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
