/* SPDX-License-Identifier: ISC */
/* ready.c: journal, tidying, line services, queue-run, pools, `ready`. */
#include "supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codes.h"
#include "fds.h"
#include "prog.h"
#include "spawn.h"
#include "users.h"

void
ready_event(struct pool *p)
{
	char octet;
	ssize_t n = read(p->ready_fd, &octet, 1);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && p->live > 0)
		p->ready = true;
	fds_close(&p->ready_fd);
	fds_close(&p->ready_end);
}

/* What is done while nothing runs, one after the other. */
static const struct chore {
	const char *program, *verb, *option;
	int out; /* -1: only its errors are for the log */
} chores[] = {
	/* Waits for the processes of a dead supervisor, that still end. */
	{ "queue", "tidy", "--wait", STDERR_FILENO },
	/* A change of the directory may have been cut short. Is another at
	   work, or a text lost, the databases that are there do. */
	{ "directory", "compile", "--at-start", -1 },
};
#define CHORES (sizeof(chores) / sizeof(chores[0]))

static enum outcome
start_chore(struct supervisor *s, struct fault *f)
{
	const struct chore *c = &chores[s->chore];
	char config[POOL_CONFIG_MAX];
	const char *argv[] = { c->program, "-C", ".", "-c",
		pool_config(s->generation, config), c->verb, c->option, NULL };
	struct spawn sp = {
		.argv = argv, .in = -1, .out = c->out, .nofile = 4096
	};
	struct identity who;

	if (s->settings.pneu.users == USERS_SEPARATE) {
		if (users_find(c->program, &who, f) != OK)
			return f->outcome;
		sp.who = &who;
	}
	return spawn_start(&sp, &s->tidy, f);
}

/* why: NULL when it ended well. */
static void
chore_ended(struct supervisor *s, const char *why)
{
	const struct chore *c = &chores[s->chore++];
	struct journal *j = &s->ground.journal;
	char text[FAULT_TEXT_MAX];

	if (why != NULL) {
		struct record_out out = journal_begin(j, CODE_ALARM, NULL);

		(void)snprintf(
		    text, sizeof(text), "%s %s %s", c->program, c->verb, why);
		prog_warn("%s; going on without", text);
		record_puts(out, "service", c->program);
		record_puts(out, "text", text);
		journal_end(j, out);
		journal_flush(j);
	}
	if (s->chore < CHORES)
		return;
	s->phase++;
	reload_clean(s);
	reload_open_rest(s);
}

bool
ready_buried(struct supervisor *s, pid_t pid, int status)
{
	bool was_killed = WIFSIGNALED(status);
	char why[64];

	if (pid != s->tidy)
		return false;
	s->tidy = 0;
	(void)snprintf(why, sizeof(why), "%s %d",
	    was_killed ? "killed by signal" : "ended with",
	    was_killed ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!s->stopping)
		chore_ended(s, status == 0 ? NULL : why);
	return true;
}

static bool
is_phase_done(const struct supervisor *s)
{
	for (size_t i = 0; i < s->pools; i++)
		if (s->pool[i]->row->start == s->phase &&
		    !s->pool[i]->retires && !s->pool[i]->ready)
			return false;
	return true;
}

static void
say_ready(struct supervisor *s)
{
	struct journal *j = &s->ground.journal;
	struct record_out out = journal_begin(j, CODE_STARTED, NULL);

	record_puts(out, "service", "pneu");
	record_put_num(out, "generation", s->generation);
	record_puts(out, "sandbox",
	    s->settings.pneu.sandbox == SANDBOX_OFF ? "off"
	                                            : sandbox_summary());
	journal_end(j, out);
	if (s->settings.relay.allow == RELAY_ALL) {
		out = journal_begin(j, CODE_ALARM, NULL);
		record_puts(out, "service", "smtpd");
		record_puts(out, "text", "[relay] allow = all: an open relay");
		journal_end(j, out);
	}
	journal_flush(j);
	(void)!write(STDOUT_FILENO, "ready\n", 6);
}

void
ready_advance(struct supervisor *s)
{
	struct fault f;

	while (s->phase != PHASE_TIDY && s->phase != PHASE_READY &&
	    is_phase_done(s))
		if (++s->phase == PHASE_READY)
			say_ready(s);
	while (
	    s->phase == PHASE_TIDY && s->tidy == 0 && start_chore(s, &f) != OK)
		chore_ended(s, f.text);
}
