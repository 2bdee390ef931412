/* SPDX-License-Identifier: ISC */
/* explain_access.c: what each rule of access says of a client; smtpd --explain
   is asked, which runs the rules of a session. */
#include "explain_access.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "output.h"
#include "record.h"
#include "spawn.h"

#define ANSWER_MAX (64UL * 1024) /* octets; smtpd's EXPLAIN_MAX */

static enum outcome
put_question(struct buf *b, const struct access_question *q, struct fault *f)
{
	struct record_out out = record_begin(b, "explain");

	record_puts(out, "client", q->client);
	if (q->tls)
		record_puts(out, "tls", "1");
	if (q->user != NULL)
		record_puts(out, "user", q->user);
	if (q->from != NULL)
		record_puts(out, "from", q->from);
	if (q->to != NULL)
		record_puts(out, "to", q->to);
	return record_end(out, f);
}

/* The question is less than a pipe holds, so nobody waits for the other. */
static enum outcome
ask(const struct access_question *q, struct buf *answer, struct fault *f)
{
	const char *argv[] = { "smtpd", "-C", ".", "-c", prog_config_path(),
		"-r", q->role == NULL ? "mx" : q->role, "--explain", NULL };
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct spawn sp = { .argv = argv, .nofile = 256 };
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, status;
	pid_t pid = 0;

	if (put_question(&b, q, f) != OK)
		goto out;
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
		fault_set(f, TEMP, "4.3.0", errno, "pipe");
		goto out;
	}
	sp.in = to[0];
	sp.out = from[1];
	if (spawn_start(&sp, &pid, f) != OK)
		goto out;
	fds_close(&to[0]);
	fds_close(&from[1]);
	if (fds_write_all(to[1], buf_span(&b), f) == OK) {
		fds_close(&to[1]);
		(void)!fds_read_to_end(from[0], "smtpd", answer, f);
	}
out:
	fds_close(&to[0]);
	fds_close(&to[1]);
	fds_close(&from[0]);
	fds_close(&from[1]);
	if (pid != 0)
		(void)waitpid(pid, &status, 0);
	buf_free(&b);
	return f->outcome;
}

static json_t *
object_of(const struct record *r)
{
	json_t *o = json_object();
	char key[32];

	(void)json_object_set_new(o, "what", json_text(r->word));
	for (size_t i = 0; i < r->fields; i++)
		if (span_copy(r->field[i].key, key, sizeof(key)))
			(void)json_object_set_new(
			    o, key, json_text(r->field[i].value));
	return o;
}

static const char *
words_of(const struct record *r)
{
	if (record_is(r, "step"))
		return "  {point:8} {rule:18} {verdict:7}[ {setting}]"
		       "[ = {value}][ ({place})][ {list}][ {limit|text}]\n";
	if (record_is(r, "accepted"))
		return "  => accepted\n";
	return "  => refused[ at {point}][ by rule {rule}][: {reply}] {code} "
	       "{text|text}\n";
}

enum outcome
explain_access(const struct access_question *q, struct fault *f)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	struct span rest, line;
	static struct record r;
	bool has_verdict = false;

	*f = FAULT_NONE;
	if (ask(q, &answer, f) != OK)
		goto out;
	rest = buf_span(&answer);
	while (span_next(&rest, '\n', &line)) {
		if (record_parse(line, &r, f) != OK)
			goto out;
		has_verdict = !record_is(&r, "step");
		output(object_of(&r), words_of(&r));
		if (record_is(&r, "perm"))
			(void)!record_outcome(&r, f);
	}
	if (!has_verdict)
		fault_set(f, TEMP, "4.3.0", 0, "smtpd gave no answer");
out:
	buf_free(&answer);
	return f->outcome;
}
