/* SPDX-License-Identifier: ISC */
/* service_verb.c: `pneu start`, `stop` and `restart` of services. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "control.h"
#include "fds.h"
#include "identity.h"
#include "verbs.h"
#include "wanted.h"

#define LOOK_MS  50 /* between two looks at how far it is */
#define START_MS 60000 /* until it serves; a start of queue-run lists a queue */
#define EXTRA_MS 20000 /* beyond the drains: what SIGKILL takes */

static const char *now;

const struct prog_option service_options[] = {
	{ 0, "now", NULL, "end sessions and rounds, do not wait for them",
	    &now },
	{ .name = NULL },
};

struct order {
	enum wanted_what what;
	bool chosen[WANTED_SERVICES];
	pid_t pid; /* of the supervisor; 0: none runs */
	uint64_t until_ms;
};

/* ---- what is asked ---- */

static void
choose(struct order *o, int n, char *word[])
{
	for (int i = 0; i < n; i++)
		if (!wanted_choose(word[i], o->chosen))
			prog_refuse("%s: not a service (`pneu services` lists "
			            "them), nor smtp, pop, framework, all",
			    word[i]);
}

/* The supervisor writes there itself, and its pipe is short. */
static enum outcome
spare_journal(struct order *o, bool asked_for, struct fault *f)
{
	for (const struct service_row *r = service_rows; r->name; r++) {
		if (r->kind != SERVICE_JOURNAL || !o->chosen[r - service_rows])
			continue;
		if (asked_for)
			return fault_set(f, PERM, "5.5.4", 0,
			    "%s runs as long as anything does: stop the "
			    "system (`pneu stop`), or restart it",
			    r->name);
		o->chosen[r - service_rows] = false;
	}
	return OK;
}

/* Who would fail without it, and is not stopped with it; NULL: nobody. */
static const struct service_row *
find_user(const struct order *o, const struct wanted *w,
    const struct service_row *row)
{
	for (const struct service_row *r = service_rows; r->name; r++)
		if (wanted_needs(r, row) && !o->chosen[r - service_rows] &&
		    w->one[r - service_rows].what != WANTED_STOPPED)
			return r;
	return NULL;
}

static enum outcome
check_users(const struct order *o, const struct wanted *w, struct fault *f)
{
	for (const struct service_row *r = service_rows; r->name; r++) {
		const struct service_row *user =
		    o->chosen[r - service_rows] ? find_user(o, w, r) : NULL;

		if (user != NULL)
			return fault_set(f, PERM, "5.5.4", 0,
			    "%s is not stopped while %s runs, which needs it: "
			    "stop that too, or restart %s",
			    r->name, user->name, r->name);
	}
	return OK;
}

static void
put_order(const struct order *o, struct wanted *w)
{
	char at[CLOCK_TEXT_MAX];

	clock_text_ms(clock_wall_ms(), at);
	for (size_t i = 0; i < WANTED_SERVICES; i++) {
		struct wanted_one *one = &w->one[i];

		/* Who stopped it first, and when, stays. */
		if (!o->chosen[i] ||
		    (o->what == WANTED_STOPPED && one->what == WANTED_STOPPED &&
		        now == NULL))
			continue;
		one->what = o->what;
		one->now = now != NULL;
		(void)span_copy(span_of(at), one->time, sizeof(one->time));
		(void)span_copy(
		    span_of(operator_name()), one->by, sizeof(one->by));
	}
}

/* ---- until it is so ---- */

static bool
is_chosen(const struct order *o, const struct record *r)
{
	for (const struct service_row *row = service_rows; row->name; row++)
		if (span_eq(record_value(r, "name"), row->name))
			return o->chosen[row - service_rows];
	return false;
}

/* One that ends has processes; one that begins is not ready. */
static bool
is_waited_for(const struct order *o, const struct record *r)
{
	struct span state = record_value(r, "state");

	if (!record_is(r, "service") || !is_chosen(o, r))
		return false;
	if (o->what == WANTED_STOPPED)
		return record_value(r, "pids").len > 0;
	return !span_is_word(state, "ready full retires off");
}

/* *waits: something is not as it shall be yet. */
static enum outcome
look(const struct order *o, uint64_t *orders, bool *waits, struct fault *f)
{
	struct buf answer = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	struct record r;

	*waits = false;
	(void)!ask_status(&answer, o->until_ms, f);
	rest = buf_span(&answer);
	while (f->outcome == OK && span_next(&rest, '\n', &line)) {
		if (record_parse(line, &r, f) != OK)
			break;
		if (record_is(&r, "pneu") &&
		    (!record_take_num(&r, "orders", 0, UINT64_MAX, orders) ||
		        span_eq(record_value(&r, "state"), "stopping")))
			fault_set(
			    f, TEMP, "4.3.0", 0, "the supervisor is stopping");
		else if (record_is(&r, "pneu") &&
		    !span_eq(record_value(&r, "ordered"), "ok"))
			fault_set(f, PERM, "5.3.5", 0, SPAN_FMT,
			    SPAN_ARG(record_value(&r, "order-text")));
		*waits |= is_waited_for(o, &r);
	}
	buf_free(&answer);
	return f->outcome;
}

/* Of a fault *refused: the supervisor could not do it. */
static enum outcome
have_it_done(const struct order *o, bool *refused, struct fault *f)
{
	uint64_t before = 0, orders = 0;
	bool waits, said = false;

	*refused = false;
	if (look(o, &before, &waits, f) == TEMP)
		return f->outcome;
	*f = FAULT_NONE; /* of an order before */
	if (ask_signal(o->pid, SIGUSR1, f) != OK)
		return f->outcome;
	for (;;) {
		uint64_t now_ms = clock_mono_ms();

		if (look(o, &orders, &waits, f) != OK) {
			*refused = orders > before && f->outcome == PERM;
			if (*refused || f->outcome == TEMP)
				return f->outcome;
			*f = FAULT_NONE;
		}
		if (orders > before && !waits)
			return OK;
		if (now_ms > o->until_ms)
			return fault_set(f, TEMP, "4.3.0", 0,
			    "not done yet: `pneu status` shows how far it is");
		if (!said && orders > before && o->what == WANTED_STOPPED)
			prog_warn("waiting for sessions and rounds to end "
			          "(--now does not)");
		said = true;
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static void
say(const struct order *o)
{
	static const char *const word[] = { [WANTED_STOPPED] = "stopped",
		[WANTED_STARTED] = "started",
		[WANTED_AGAIN] = "started anew" };
	const char *when = o->pid != 0 ? ""
	    : o->what == WANTED_STOPPED
	    ? "; pneu does not run, and its next start leaves it so"
	    : "; pneu does not run: `pneu run` starts what has autostart";

	for (const struct service_row *r = service_rows; r->name; r++)
		if (o->chosen[r - service_rows])
			(void)printf(
			    "%s: %s%s\n", r->name, word[o->what], when);
}

static enum outcome
carry_out(struct order *o, struct fault *f)
{
	struct wanted w, was;
	struct fault second = FAULT_NONE;
	bool refused = false;

	if (wanted_read(&w, f) == TEMP || lock_holder(&o->pid, f) == TEMP)
		return f->outcome;
	*f = FAULT_NONE; /* a line that is none goes now */
	was = w;
	if (o->what == WANTED_STOPPED && check_users(o, &w, f) != OK)
		return f->outcome;
	put_order(o, &w);
	if (wanted_write(&w, f) != OK ||
	    (o->pid != 0 && have_it_done(o, &refused, f) != OK)) {
		if (f->outcome == PERM && refused &&
		    (wanted_write(&was, &second) != OK ||
		        ask_signal(o->pid, SIGUSR1, &second) != OK))
			prog_warn("%s", second.text);
		return f->outcome;
	}
	say(o);
	return OK;
}

enum outcome
service_order(enum wanted_what what, int n, char *word[], struct fault *f)
{
	struct order o = { .what = what };
	int lock = -1;

	choose(&o, n, word);
	if (what == WANTED_STOPPED &&
	    spare_journal(&o, n == 1 && strcmp(word[0], "all") != 0, f) != OK)
		return f->outcome;
	(void)operator_name(); /* while we are who called us */
	if (prog_stand(f) != OK || identity_take(".", f) != OK)
		return f->outcome;
	/* Only how long it waits is taken from there. */
	if (prog_load(f) != OK)
		prog_warn("%s; it is done all the same", f->text);
	*f = FAULT_NONE;
	o.until_ms = clock_mono_ms() +
	    (what == WANTED_STOPPED ? 3 * prog.settings.pneu.drain_ms + EXTRA_MS
	                            : START_MS);
	if (wanted_lock(&lock, f) == OK)
		(void)!carry_out(&o, f);
	fds_close(&lock);
	return f->outcome;
}

bool
service_is_now(void)
{
	return now != NULL;
}

enum outcome
verb_start(int argc, char *argv[], struct fault *f)
{
	prog_options(argc, argv);
	if (optind == argc)
		prog_refuse("which service? One of `pneu services`, smtp, pop, "
		            "framework, all; the system itself: `pneu run`");
	return service_order(WANTED_STARTED, argc - optind, argv + optind, f);
}

enum outcome
verb_restart(int argc, char *argv[], struct fault *f)
{
	prog_options(argc, argv);
	if (optind == argc)
		prog_refuse("which service? One of `pneu services`, smtp, pop, "
		            "framework, all");
	return service_order(WANTED_AGAIN, argc - optind, argv + optind, f);
}
