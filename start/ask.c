/* SPDX-License-Identifier: ISC */
/* ask.c: what verbs want of the supervisor. */
#include "ask.h"

#include <errno.h>
#include <signal.h>

#include "clock.h"
#include "control.h"
#include "identity.h"

#define RELOAD_MS 60000 /* the supervisor takes a signal at once */

enum outcome
ask_signal(pid_t pid, int number, struct fault *f)
{
	uid_t was = identity_raise();
	int got = kill(pid, number);

	identity_lower(was);
	if (got != 0)
		return fault_set(f, PERM, "5.3.5", errno,
		    "signal the supervisor, pid %ld", (long)pid);
	return OK;
}

enum outcome
ask_status(struct buf *answer, uint64_t until_ms, struct fault *f)
{
	do {
		*f = FAULT_NONE;
		buf_reset(answer);
	} while (control_ask(answer, f) == TEMP && f->error == ETIMEDOUT &&
	    clock_mono_ms() < until_ms);
	return f->outcome;
}

/* What the supervisor says of itself; *done: how many reloads it has done. */
static enum outcome
ask_reloads(
    struct record *r, uint64_t *done, uint64_t until_ms, struct fault *f)
{
	struct buf answer = BUF_INIT(CONTROL_MAX);
	struct span line, rest;

	(void)!ask_status(&answer, until_ms, f);
	rest = buf_span(&answer);
	(void)span_next(&rest, '\n', &line);
	if (f->outcome == OK && record_parse(line, r, f) == OK &&
	    !record_take_num(r, "reloads", 0, UINT64_MAX, done))
		fault_set(f, TEMP, "4.3.0", 0,
		    "the supervisor's answer is malformed");
	buf_free(&answer);
	return f->outcome;
}

enum outcome
ask_reload(pid_t pid, uint64_t *generation, bool *refused, struct fault *f)
{
	uint64_t until_ms = clock_mono_ms() + RELOAD_MS, before, done = 0;
	struct span ended, text;
	struct record r;

	*refused = false;
	*generation = 0;
	if (ask_reloads(&r, &before, until_ms, f) != OK ||
	    ask_signal(pid, SIGHUP, f) != OK)
		return f->outcome;
	do
		if (ask_reloads(&r, &done, until_ms, f) != OK)
			return f->outcome;
	while (done == before && clock_mono_ms() < until_ms &&
	    !span_eq(record_value(&r, "state"), "stopping"));
	if (done == before)
		return fault_set(f, TEMP, "4.3.0", 0, "%s",
		    clock_mono_ms() < until_ms
		        ? "the supervisor is stopping"
		        : "the supervisor has not looked at it yet");
	(void)num_parse(
	    record_value(&r, "generation"), 0, UINT64_MAX, generation);
	ended = record_value(&r, "outcome");
	text = record_value(&r, "text");
	*refused = !span_eq(ended, "ok");
	if (*refused)
		return fault_set(f, span_eq(ended, "perm") ? PERM : TEMP,
		    "4.3.0", 0,
		    "not taken, configuration %llu stays: " SPAN_FMT,
		    (unsigned long long)*generation, SPAN_ARG(text));
	return OK;
}
