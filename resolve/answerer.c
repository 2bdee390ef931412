/* SPDX-License-Identifier: ISC */
/* answerer.c: a line service whose answers come from a compiled database. */
#include "answerer.h"

#include <sodium.h>

#include "clock.h"
#include "codes.h"
#include "prog.h"
#include "serve.h"

#define CLIENTS_MAX 1024 /* connections: each smtpd and pop3d keeps one */

void
answerer_alarm(struct answerer *a, const char *what, const char *text)
{
	struct record_out out = journal_begin(&a->journal, CODE_ALARM, NULL);

	record_puts(out, "what", what);
	record_puts(out, "text", text);
	journal_end(&a->journal, out);
	prog_warn("%s", text);
}

void
answerer_alarm_seldom(struct answerer *a, const char *what, const char *text)
{
	uint64_t now_ms = clock_mono_ms();

	if (a->alarm_ms != 0 && now_ms - a->alarm_ms < ANSWERER_ALARM_MS)
		return;
	a->alarm_ms = now_ms;
	answerer_alarm(a, what, text);
}

/* Once a round, or before each slow answer: a user who was just added is known,
   a changed password counts at once. */
static void
look(struct answerer *a)
{
	struct fault f;

	if (a->database != NULL && !a->looked &&
	    compiled_look(a->database, &f) != OK)
		answerer_alarm(a, "directory", f.text);
	a->looked = !a->is_slow;
}

/*
 * The answers of a round leave together: a client whose answer is ready must
 * not wait for the hashes of the others. What the socket does not take at once
 * stays for the end of the round.
 */
static void
send_now(struct client *client)
{
	ssize_t n;

	if (!client->is_socket)
		return;
	n = send(client->out, client->outbuf.p, client->outbuf.len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_drop(&client->outbuf, (size_t)n);
}

static enum outcome
answer_line(void *arg, struct client *client, struct span line, struct fault *f)
{
	struct answerer *a = arg;
	enum outcome got;

	look(a);
	got = a->answer(a, line, &client->outbuf, f);
	/* It lies in the client's own buffer: no password stays. */
	if (a->is_slow)
		sodium_memzero((char *)(uintptr_t)line.p, line.len);
	if (got != OK)
		a->looked = false; /* it may be a round of nothing */
	else if (a->is_slow)
		send_now(client);
	return got;
}

static void
after(void *arg)
{
	struct answerer *a = arg;

	a->looked = false;
	journal_flush(&a->journal);
}

enum outcome
answerer_serve(
    struct answerer *a, const struct sandbox_path *paths, struct fault *f)
{
	const struct line_service service = { .line = answer_line,
		.after = after,
		.shared = a->is_slow,
		.clients_max = CLIENTS_MAX };
	enum outcome got;

	journal_open(&a->journal, prog.about->name);
	/* Without a database it answers temp, and looks again. */
	look(a);
	a->looked = false; /* the first round looks again */
	serve_signals();
	got = prog_sandbox(prog.about->promises, paths, f);
	if (got == OK)
		got = serve_lines(&service, a, f);
	journal_close(&a->journal);
	return got;
}
