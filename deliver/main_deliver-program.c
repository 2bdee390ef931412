/* SPDX-License-Identifier: ISC */
/*
 * deliver-program: one attempt to deliver a message to a command of the
 * administrator. queue-run connects for each attempt; the wire is
 * lib/wire_attempt.h. A process serves one attempt. The command runs outside of
 * its sandbox, started by one that was forked before that closed (runner.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempts.h"
#include "fds.h"
#include "prog.h"
#include "program.h"
#include "serve.h"

#define SHARE 1000 /* attempts of a worker: so a pool can shrink again */

/* ---- From queue-run ---- */

static enum outcome
serve_attempt(struct program *p, int in, int out, struct fault *f)
{
	static struct attempt a;
	static struct attempt_ans ans[ATTEMPT_RCPT_MAX];
	int content = -1;
	enum outcome got;

	attempt_begin(&a);
	got = attempts_receive(in, &a, &content, f);
	if (got == OK && a.state == ATTEMPT_WHOLE) {
		program_attempt(p, &a, content, in, &ans[0]);
		for (size_t i = 1; i < a.envelope.recipients; i++)
			ans[i] = ans[0];
		got = attempts_answer(out, &a, ans, p->all_nexthop, f);
	}
	fds_close(&content);
	attempt_free(&a);
	return got;
}

static void
session(void *arg, int in, int out, const struct peer *peer)
{
	struct fault f = FAULT_NONE;

	(void)peer;
	if (serve_attempt(arg, in, out, &f) != OK)
		prog_warn("%s", f.text);
}

/* Each process has a runner and a sandbox of its own: it serves one attempt. */
static enum outcome
begin_attempt(void *arg, struct fault *f)
{
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };
	struct program *p = arg;

	if (runner_begin(&p->runner, p->settings, f) != OK)
		return f->outcome;
	return prog_sandbox(prog.about->promises, no_paths, f);
}

static enum outcome
serve(struct program *p, struct fault *f)
{
	static const struct session_service service = {
		.sessions = SHARE, .session = session, .in_child = begin_attempt
	};
	struct stat st;

	if (fstat(FD_IN, &st) == 0 && !S_ISSOCK(st.st_mode))
		return fault_set(f, PERM, "5.3.5", 0,
		    "attempts come over a socket, with a descriptor; -m FILE "
		    "NAME runs a command here");
	/* A worker of a pool forks a child for each. */
	serve_signals();
	if (fds_kind(FD_IN) != FDS_LISTENER && begin_attempt(p, f) != OK)
		return f->outcome;
	return serve_sessions(&service, p, f);
}

/* ---- From a person ---- */

static enum outcome
run_once(struct program *p, int content, char *const operand[], struct fault *f)
{
	static struct attempt a;
	struct attempt_ans ans;

	attempt_begin(&a);
	if (attempts_of_operands(operand, content, &a, f) == OK &&
	    begin_attempt(p, f) == OK) {
		program_attempt(p, &a, content, -1, &ans);
		*f = ans.fault;
		if (f->outcome == OK)
			(void)printf("%s delivered %s\n", f->code, f->text);
	}
	attempt_free(&a);
	return f->outcome;
}

static const char *message;
static const struct prog_option options[] = {
	{ 'm', "message", "FILE", "run the command NAME with this message",
	    &message },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "deliver-program",
	.usage = "[-C DIR] [-c FILE] [-m FILE NAME [RECIPIENT...]]",
	.summary = "Deliver a message to a command of [deliver-program] in "
	           "pneu.conf. Attempts come\nfrom queue-run; -m runs a "
	           "command at once and says how it ended.",
	.options = options,
	.operands = true,
	.promises = "stdio inet recvfd",
	.more = "Example:\n  deliver-program -C DIR -m message archive "
	        "bob@example.org\n",
};

int
main(int argc, char *argv[])
{
	static struct program p;
	struct fault f = FAULT_NONE;
	int content = -1;

	prog_start(&about, argc, argv);
	if (message == NULL && argv[optind] != NULL)
		prog_usage();
	if (message != NULL) {
		content = open(message, O_RDONLY | O_CLOEXEC);
		if (content == -1)
			(void)fault_set(
			    &f, PERM, "5.5.4", errno, "%s", message);
	}
	if (f.outcome != OK || prog_home(&f) != OK)
		prog_exit(&f);
	p = (struct program){ .settings = &prog.settings,
		.runner = { -1, -1, -1 } };
	serve_hangs_up = true;
	if (message != NULL)
		(void)!run_once(&p, content, argv + optind, &f);
	else
		(void)!serve(&p, &f);
	runner_free(&p.runner);
	prog_exit(&f);
}
