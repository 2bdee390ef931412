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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "prog.h"
#include "program.h"
#include "serve.h"

#define SHARE       1000 /* attempts of a worker: so a pool can shrink again */
#define REQUEST_MS  10000 /* from the first octet of an attempt to its last */
#define REQUEST_MAX ((ATTEMPT_RCPT_MAX + 2) * (RECORD_MAX + 1UL))

/* ---- From queue-run ---- */

/* All whole lines of b that are not read yet. */
static enum outcome
take_lines(struct buf *b, struct attempt *a, struct fault *f)
{
	struct span rest = span_whole_lines(buf_span(b)), line;
	size_t used = rest.len;

	while (span_next(&rest, '\n', &line))
		if (wire_attempt_get(line, a, f) != OK)
			return f->outcome;
	buf_drop(b, used);
	return OK;
}

/* A whole attempt, and the descriptor that came with it. An empty one: the end
   of input. */
static enum outcome
receive_attempt(int in, struct attempt *a, int *content, struct fault *f)
{
	struct buf b = BUF_INIT(REQUEST_MAX);
	size_t got = 1;
	int fd;

	fds_set_timeouts(in, REQUEST_MS, REQUEST_MS);
	while (a->state != ATTEMPT_WHOLE && got > 0) {
		if (fds_receive(in, true, &b, RECORD_MAX, &got, &fd, f) != OK)
			break;
		if (fd != -1)
			fds_close(content);
		if (fd != -1)
			*content = fd;
		if (take_lines(&b, a, f) != OK)
			break;
	}
	if (f->outcome == OK && a->state == ATTEMPT_OPEN)
		(void)fault_set(f, TEMP, "4.3.0", 0, "attempt: broken off");
	if (f->outcome == OK && a->state == ATTEMPT_WHOLE && *content == -1)
		(void)fault_set(f, TEMP, "4.3.0", 0, "attempt: no content");
	buf_free(&b);
	return f->outcome;
}

static enum outcome
answer(int out, const struct attempt *a, const struct attempt_ans *ans,
    bool all_nexthop, struct fault *f)
{
	const struct envelope *e = &a->envelope;
	struct buf b = BUF_INIT(REQUEST_MAX);
	enum outcome got = OK;

	for (size_t i = 0; got == OK && i < e->recipients; i++)
		got = wire_attempt_put_ans(&b, e->recipient[i].n, ans, f);
	if (got == OK)
		got = wire_attempt_put_ans_end(&b, &e->qid, all_nexthop, f);
	if (got == OK)
		got = fds_write_all(out, buf_span(&b), f);
	buf_free(&b);
	return got;
}

static enum outcome
serve_attempt(struct program *p, int in, int out, struct fault *f)
{
	static struct attempt a;
	struct attempt_ans ans;
	int content = -1;
	enum outcome got;

	attempt_begin(&a);
	got = receive_attempt(in, &a, &content, f);
	if (got == OK && a.state == ATTEMPT_WHOLE) {
		program_attempt(p, &a, content, in, &ans);
		got = answer(out, &a, &ans, p->all_nexthop, f);
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

/* NAME [RECIPIENT...]; the null reverse-path, and a qid of zeros. */
static enum outcome
attempt_of_operands(struct attempt *a, char *const operand[], struct fault *f)
{
	struct path path;

	attempt_begin(a);
	memset(a->envelope.qid.text, '0', QID_LEN);
	if (operand[0] == NULL ||
	    !span_copy(span_of(operand[0]), a->nexthop, sizeof(a->nexthop)))
		return fault_set(f, PERM, "5.5.4", 0, "-m FILE NAME");
	for (size_t i = 1; operand[i] != NULL; i++) {
		if (i > ATTEMPT_RCPT_MAX)
			return fault_set(f, PERM, FAULT_TOO_MANY, 0,
			    "more than %d recipients", ATTEMPT_RCPT_MAX);
		if (path_parse_bare(span_of(operand[i]), &path, f) != OK ||
		    envelope_add_recipient(
		        &a->envelope, &path, SPAN_EMPTY, SPAN_EMPTY, f) != OK)
			return fault_context(f, "%s", operand[i]);
	}
	return OK;
}

static enum outcome
run_once(struct program *p, int content, char *const operand[], struct fault *f)
{
	static struct attempt a;
	struct attempt_ans ans;
	struct stat st;

	if (fstat(content, &st) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "message");
	if (attempt_of_operands(&a, operand, f) == OK &&
	    begin_attempt(p, f) == OK) {
		a.envelope.size = (uint64_t)st.st_size;
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
