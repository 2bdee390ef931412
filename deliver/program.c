/* SPDX-License-Identifier: ISC */
/*
 * program.c: one attempt: a message to one command. This process reads the
 * message and what the command says; runner.c starts the command.
 */
#include "program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "command.h"
#include "fds.h"
#include "serve.h"

#define CHUNK      (64UL * 1024) /* octets of one read() */
#define REASON_MAX 200 /* octets of a command's first line */
/* What may wait in the pipe when the command has ended. pipe(7) */
#define OUTPUT_LAST_MAX (64UL * 1024)

/* ---- The content, as programs expect it ---- */

/* CRLF becomes LF; a CR alone stays. Octets that are left. */
static size_t
drop_crs(char *p, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++)
		if (p[i] != '\r' || i + 1 == len || p[i + 1] != '\n')
			p[to++] = p[i];
	return to;
}

/* pread(): the descriptor's offset is shared with who sent it. */
static enum outcome
copy_content(int from, int to, uint64_t start, uint64_t size, struct fault *f)
{
	static char chunk[CHUNK];
	struct span out = { chunk, 0 };

	while (size > 0) {
		size_t most = size < CHUNK ? (size_t)size : CHUNK;
		ssize_t n = pread(from, chunk, most, (off_t)start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault_set(f, TEMP, "4.3.0", n < 0 ? errno : 0,
			    "the content is shorter than its size");
		/* Its LF may come with the next chunk, and so does it then. */
		if (n > 1 && (uint64_t)n < size && chunk[n - 1] == '\r')
			n--;
		out.len = drop_crs(chunk, (size_t)n);
		if (fds_write_all(to, out, f) != OK)
			return fault_set(f, TEMP,
			    f->error == ENOSPC ? FAULT_NO_SPACE : "4.3.0",
			    f->error, "copy");
		start += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return OK;
}

/* ---- The job ---- */

static void
add_value(struct buf *job, int i, struct span value)
{
	buf_adds(job, runner_names[i]);
	buf_add(job, value);
	buf_addc(job, '\0');
}

/* A line for each recipient: as the sender gave it, or where an alias leads. */
static void
add_recipients(struct buf *job, int i, const struct attempt *a)
{
	const struct envelope *e = &a->envelope;

	buf_adds(job, runner_names[i]);
	for (size_t n = 0; n < e->recipients; n++) {
		const struct recipient *r = &e->recipient[n];

		if (n > 0)
			buf_addc(job, '\n');
		if (i == RUNNER_RECIPIENT && r->address != NULL)
			buf_adds(job, r->address);
		else
			buf_add(job, path_span(&r->forward_path));
	}
	buf_addc(job, '\0');
}

static enum outcome
start(struct program *p, const struct attempt *a, struct fault *f)
{
	struct buf job = BUF_INIT(RUNNER_JOB_MAX);
	enum outcome got;

	add_value(&job, RUNNER_NEXTHOP, span_of(a->nexthop));
	add_value(&job, RUNNER_SENDER, path_span(&a->envelope.reverse_path));
	add_recipients(&job, RUNNER_RECIPIENT, a);
	add_recipients(&job, RUNNER_ORIGINAL_RECIPIENT, a);
	add_value(&job, RUNNER_QUEUE_ID, qid_span(&a->envelope.qid));
	got = buf_failed(&job)
	    ? fault_set(f, TEMP, "4.3.0", 0, "the job is too large")
	    : fds_write_all(p->runner.socket, buf_span(&job), f);
	buf_free(&job);
	return got;
}

/* ---- What the command says ---- */

/* The octets that came first; in the end, the first line of them. */
struct reason {
	char text[REASON_MAX + 1];
	size_t len;
};

/* What is there now, at most so much. false: nobody holds the other end. */
static bool
read_output(int fd, struct reason *r)
{
	char text[4096];

	for (size_t total = 0; total < OUTPUT_LAST_MAX;) {
		ssize_t n = read(fd, text, sizeof(text));
		struct span room;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		room = span_head(
		    (struct span){ text, (size_t)n }, REASON_MAX - r->len);
		memcpy(r->text + r->len, room.p, room.len);
		r->len += room.len;
		total += (size_t)n;
	}
	return true;
}

/*
 * Until the report of the command's end. SIGTERM gives it ten seconds more; as
 * its handler shuts the peer's socket for reading, poll() does not miss it.
 */
static enum outcome
wait_for_report(struct program *p, int peer, struct reason *reason,
    struct runner_report *report, struct fault *f)
{
	enum { OUTPUT, REPORT, PEER, ALL };
	struct pollfd fds[ALL] = { { p->runner.output, POLLIN, 0 },
		{ p->runner.socket, POLLIN, 0 }, { peer, POLLRDHUP, 0 } };
	bool stopping = false;

	while (fds[REPORT].revents == 0) {
		if (serve_stopping && !stopping)
			runner_stop(&p->runner, SERVE_DRAIN_MS);
		stopping = serve_stopping;
		if (poll(fds, ALL, -1) == -1) {
			if (errno != EINTR)
				return fault_set(
				    f, TEMP, "4.3.0", errno, "poll");
			continue;
		}
		if (fds[OUTPUT].revents != 0 &&
		    !read_output(p->runner.output, reason))
			fds[OUTPUT].fd = -1;
		if (fds[PEER].revents != 0)
			fds[PEER].events = 0;
		if ((fds[PEER].revents & POLLHUP) != 0) {
			runner_stop(&p->runner, 0);
			fds[PEER].fd = -1;
		}
	}
	(void)read_output(p->runner.output, reason);
	reason->text[strcspn(reason->text, "\n")] = '\0';
	return runner_take_report(&p->runner, report, f);
}

/* ---- What it means ---- */

/* sysexits(3), and those of qmail-command(8): 100, 112. All others are TEMP. */
static const char *const perm_codes[UINT8_MAX + 1] = {
	[EX_USAGE] = "5.3.0",
	[EX_DATAERR] = "5.6.0",
	[EX_NOUSER] = "5.1.1",
	[EX_NOHOST] = "5.1.2",
	[EX_SOFTWARE] = "5.3.0",
	[EX_PROTOCOL] = "5.5.0",
	[EX_NOPERM] = "5.7.0",
	[EX_CONFIG] = "5.3.5",
	[100] = "5.3.0",
	[112] = "5.3.0",
};

static enum outcome
outcome_of(const char *name, const struct runner_report *r, const char *reason,
    struct fault *f)
{
	const char *between = reason[0] != '\0' ? ": " : "", *perm;

	if (r->ended)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "%s: not done in time, ended%s%s", name, between, reason);
	if (r->code != CLD_EXITED)
		return fault_set(f, TEMP, "4.3.0", 0, "%s: signal %d%s%s", name,
		    r->status, between, reason);
	if (r->status == 0)
		return fault_set(f, OK, "2.0.0", 0, "%s", reason);
	perm = perm_codes[r->status & UINT8_MAX];
	return fault_set(f, perm == NULL ? TEMP : PERM,
	    perm == NULL ? "4.3.0" : perm, 0, "%s: exit status %d%s%s", name,
	    r->status, between, reason);
}

static enum outcome
attempt(struct program *p, const struct attempt *a, int content, int peer,
    struct fault *f)
{
	const struct envelope *e = &a->envelope;
	struct reason reason = { "", 0 };
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
	/* As a shell says that a command cannot be run, or is not there. */
	p->all_nexthop = report.code == CLD_EXITED &&
	    (report.status == 126 || report.status == 127);
	return outcome_of(command.name, &report, reason.text, f);
}

void
program_attempt(struct program *p, const struct attempt *a, int content,
    int peer, struct attempt_ans *ans)
{
	*ans = (struct attempt_ans){ .fault = FAULT_NONE };
	p->all_nexthop = false;
	(void)!attempt(p, a, content, peer, &ans->fault);
}
