/* SPDX-License-Identifier: ISC */
/*
 * program.c: one attempt: a message to one command. This process reads the
 * message and what the command says; runner.c starts the command.
 */
#include "program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "fds.h"
#include "serve.h"

#define CHUNK      (64UL * 1024) /* octets of one read() */
#define REASON_MAX 200 /* octets of a command's first line */
/* What may wait in the pipe when the command has ended. pipe(7) */
#define OUTPUT_LAST_MAX (64UL * 1024)

/* ---- The content, as programs expect it ---- */

struct copy {
	int to;
	bool cr; /* the last octet was one, and is held back */
	struct buf out;
};

static enum outcome
write_out(struct copy *c, struct fault *f)
{
	if (buf_failed(&c->out))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "copy");
	if (fds_write_all(c->to, buf_span(&c->out), f) != OK)
		return f->error == ENOSPC
		    ? fault_set(f, TEMP, FAULT_NO_SPACE, ENOSPC, "copy")
		    : TEMP;
	buf_reset(&c->out);
	return OK;
}

/* CRLF becomes LF; a CR alone stays. */
static void
convert(struct copy *c, struct span in)
{
	struct span part;
	size_t cr;

	while (in.len > 0) {
		if (c->cr && in.p[0] != '\n')
			buf_addc(&c->out, '\r');
		cr = span_find(in, '\r');
		c->cr = cr < in.len;
		part = span_head(in, cr);
		buf_add(&c->out, part);
		in = span_from(in, cr + (c->cr ? 1 : 0));
	}
}

/* pread(): the descriptor's offset is shared with who sent it. */
static enum outcome
copy_content(int from, int to, uint64_t start, uint64_t size, struct fault *f)
{
	static char in[CHUNK];
	struct copy c = { to, false, BUF_INIT(2 * CHUNK) };
	enum outcome got = OK;

	while (size > 0 && got == OK) {
		size_t most = size < CHUNK ? (size_t)size : CHUNK;
		ssize_t n = pread(from, in, most, (off_t)start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			got = fault_set(f, TEMP, "4.3.0", n < 0 ? errno : 0,
			    "the content is shorter than its size");
			break;
		}
		convert(&c, (struct span){ in, (size_t)n });
		start += (uint64_t)n;
		size -= (uint64_t)n;
		if (size == 0 && c.cr)
			buf_addc(&c.out, '\r');
		got = write_out(&c, f);
	}
	buf_free(&c.out);
	return got;
}

/* ---- The job ---- */

/* A line for each recipient; `address`: where an alias leads, if it does. */
static void
add_recipients(struct buf *job, const struct attempt *a, bool address)
{
	const struct envelope *e = &a->envelope;

	for (size_t i = 0; i < e->recipients; i++) {
		const struct recipient *r = &e->recipient[i];

		if (i > 0)
			buf_addc(job, '\n');
		if (address && r->address != NULL)
			buf_adds(job, r->address);
		else
			buf_add(job, path_span(&r->forward_path));
	}
	buf_addc(job, '\0');
}

/* In the order of the values in runner.h. */
static enum outcome
start(struct program *p, const struct attempt *a, struct fault *f)
{
	const struct envelope *e = &a->envelope;
	struct buf job = BUF_INIT(RUNNER_JOB_MAX);
	enum outcome got;

	buf_add(&job, (struct span){ a->nexthop, strlen(a->nexthop) + 1 });
	buf_add(&job, path_span(&e->reverse_path));
	buf_addc(&job, '\0');
	add_recipients(&job, a, true);
	add_recipients(&job, a, false);
	buf_add(&job, qid_span(&e->qid));
	buf_addc(&job, '\0');
	got = buf_failed(&job) ? fault_set(f, TEMP, "4.3.0", ENOMEM, "job")
	                       : runner_start(&p->runner, buf_span(&job), f);
	buf_free(&job);
	return got;
}

/* ---- What the command says ---- */

struct reason {
	char line[REASON_MAX + 1];
	size_t len;
	bool whole; /* its LF came, or it is as long as it may be */
};

static void
add_to_reason(struct reason *r, struct span in)
{
	size_t room = REASON_MAX - r->len, lf = span_find(in, '\n');

	if (r->whole)
		return;
	r->whole = lf < in.len || lf >= room;
	in = span_head(in, lf < room ? lf : room);
	memcpy(r->line + r->len, in.p, in.len);
	r->len += in.len;
	r->line[r->len] = '\0';
}

/* What is there now, at most so much. false: nobody holds the other end. */
static bool
read_output(int fd, struct reason *r, size_t most)
{
	char text[4096];

	for (size_t total = 0; total < most;) {
		ssize_t n = read(fd, text, sizeof(text));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		add_to_reason(r, (struct span){ text, (size_t)n });
		total += (size_t)n;
	}
	return true;
}

/* 10 seconds from SIGTERM on, then the command is ended. -1: it never came. */
static int
drain_left_ms(uint64_t *until_ms)
{
	uint64_t now_ms = clock_mono_ms();

	if (!serve_stopping)
		return -1;
	if (*until_ms == 0)
		*until_ms = now_ms + SERVE_DRAIN_MS;
	return now_ms < *until_ms ? (int)(*until_ms - now_ms) : 0;
}

/* Until the report of the command's end. */
static enum outcome
wait_for_report(struct program *p, int peer, struct reason *reason,
    struct runner_report *report, struct fault *f)
{
	enum { OUTPUT, REPORT, PEER, ALL };
	struct pollfd fds[ALL] = { { p->runner.output, POLLIN, 0 },
		{ p->runner.socket, POLLIN, 0 }, { peer, 0, 0 } };
	uint64_t drain_until_ms = 0;
	bool stopped = false;
	int n, left_ms;

	do {
		left_ms = stopped ? -1 : drain_left_ms(&drain_until_ms);
		n = poll(fds, ALL, left_ms);
		if (n == -1 && errno != EINTR)
			return fault_set(f, TEMP, "4.3.0", errno, "poll");
		if (n == -1)
			continue;
		if (fds[OUTPUT].revents != 0 &&
		    !read_output(p->runner.output, reason, OUTPUT_LAST_MAX))
			fds[OUTPUT].fd = -1;
		if (fds[PEER].revents != 0 || left_ms == 0) {
			runner_stop(&p->runner);
			fds[PEER].fd = -1;
			stopped = true;
		}
	} while (n == -1 || fds[REPORT].revents == 0);
	(void)read_output(p->runner.output, reason, OUTPUT_LAST_MAX);
	return runner_take_report(&p->runner, report, f);
}

/* ---- What it means ---- */

/* sysexits(3), and those of qmail-command(8): 100, 111, 112. */
enum outcome
program_exit_outcome(int status, const char **code)
{
	static const struct {
		int status;
		const char *code;
	} perm[] = {
		{ EX_USAGE, "5.3.0" },
		{ EX_DATAERR, "5.6.0" },
		{ EX_NOUSER, "5.1.1" },
		{ EX_NOHOST, "5.1.2" },
		{ EX_SOFTWARE, "5.3.0" },
		{ EX_PROTOCOL, "5.5.0" },
		{ EX_NOPERM, "5.7.0" },
		{ EX_CONFIG, "5.3.5" },
		{ 100, "5.3.0" },
		{ 112, "5.3.0" },
	};

	*code = status == 0 ? "2.0.0" : "4.3.0";
	if (status == 0)
		return OK;
	for (size_t i = 0; i < sizeof(perm) / sizeof(perm[0]); i++)
		if (perm[i].status == status) {
			*code = perm[i].code;
			return PERM;
		}
	return TEMP;
}

/* As a shell says that a command cannot be run, or is not there. */
static bool
is_not_run(const struct runner_report *r)
{
	return r->code == CLD_EXITED && (r->status == 126 || r->status == 127);
}

static enum outcome
outcome_of(const char *name, const struct runner_report *r,
    const struct reason *reason, struct fault *f)
{
	const char *between = reason->len > 0 ? ": " : "", *code;
	enum outcome outcome;

	if (r->ended)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "%s: not done in time, ended%s%s", name, between,
		    reason->line);
	if (r->code != CLD_EXITED)
		return fault_set(f, TEMP, "4.3.0", 0, "%s: signal %d%s%s", name,
		    r->status, between, reason->line);
	outcome = program_exit_outcome(r->status, &code);
	if (outcome == OK)
		return fault_set(f, OK, code, 0, "%s", reason->line);
	return fault_set(f, outcome, code, 0, "%s: exit status %d%s%s", name,
	    r->status, between, reason->line);
}

static enum outcome
attempt(struct program *p, const struct attempt *a, int content, int peer,
    struct fault *f)
{
	const struct envelope *e = &a->envelope;
	struct reason reason = { "", 0, false };
	struct runner_report report;
	struct command command;

	if (!command_find(
	        &p->settings->program.command, span_of(a->nexthop), &command)) {
		p->all_nexthop = true;
		return fault_set(f, TEMP, "4.3.5", 0,
		    "[deliver-program] has no command %s", a->nexthop);
	}
	if (copy_content(content, p->runner.content, e->start, e->size, f) !=
	        OK ||
	    start(p, a, f) != OK ||
	    wait_for_report(p, peer, &reason, &report, f) != OK)
		return f->outcome;
	p->all_nexthop = is_not_run(&report);
	return outcome_of(command.name, &report, &reason, f);
}

enum outcome
program_attempt(struct program *p, const struct attempt *a, int content,
    int peer, struct attempt_ans *ans)
{
	*ans = (struct attempt_ans){ .fault = FAULT_NONE };
	p->all_nexthop = false;
	return attempt(p, a, content, peer, &ans->fault);
}
