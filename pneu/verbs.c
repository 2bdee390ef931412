/* SPDX-License-Identifier: ISC */
/* verbs.c: the table of verbs, and those that take a few lines. */
#include "verbs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "check.h"
#include "clock.h"
#include "config.h"
#include "control.h"
#include "identity.h"
#include "mem.h"
#include "spawn.h"
#include "status.h"
#include "users.h"

#define STOP_EXTRA_S 20 /* beyond the drains: what SIGKILL takes */

/*
 * The supervisor keeps root, if it has it, for ports under 1024; from the first
 * look at the home on it works as the home's owner.
 */
static enum outcome
verb_run(int argc, char *argv[], struct fault *f)
{
	prog_options(argc, argv);
	if (prog_stand(f) != OK || identity_take(".", f) != OK)
		return f->outcome;
	return supervise(f);
}

static enum outcome
find_supervisor(pid_t *pid, struct fault *f)
{
	if (prog_stand(f) != OK || identity_take(".", f) != OK ||
	    lock_holder(pid, f) != OK)
		return f->outcome;
	if (*pid == 0)
		return fault_set(f, PERM, "5.3.5", 0, "pneu does not run here");
	return OK;
}

static enum outcome
verb_stop(int argc, char *argv[], struct fault *f)
{
	pid_t pid;

	prog_options(argc, argv);
	if (optind < argc)
		return service_order(
		    WANTED_STOPPED, argc - optind, argv + optind, f);
	if (find_supervisor(&pid, f) != OK ||
	    ask_signal(pid, service_is_now() ? SIGQUIT : SIGTERM, f) != OK)
		return f->outcome;
	/* What runs has a copy that was right; of this one only drain counts. */
	if (prog_load(f) != OK)
		prog_warn("%s; it stops all the same", f->text);
	*f = FAULT_NONE;
	return lock_wait(pid,
	    STOP_STAGES * (unsigned)(prog.settings.pneu.drain_ms / 1000) +
	        STOP_EXTRA_S,
	    f);
}

static enum outcome
verb_reload(int argc, char *argv[], struct fault *f)
{
	uint64_t generation;
	bool refused;
	pid_t pid;

	prog_options(argc, argv);
	/* Checked here too, so that the errors are seen where one asks. */
	if (find_supervisor(&pid, f) != OK ||
	    check_config_aloud(&prog.settings, prog_config_path(), f) != OK ||
	    ask_reload(pid, &generation, &refused, f) != OK)
		return f->outcome;
	(void)printf(
	    "configuration %llu is in force\n", (unsigned long long)generation);
	return OK;
}

/* The file itself, which the next start reads, not the copy that runs. */
static void
status_config(struct status *s)
{
	static const char copy[] = "run/" PROG_RUNNING;
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	bool runs_copy = prog.config != NULL &&
	    strncmp(prog.config, copy, sizeof(copy) - 1) == 0;
	struct settings file = { .file = NULL };
	struct fault f;
	bool right = !runs_copy &&
	    check_config(&file, prog_config_path(), &errors, &warnings, &f) ==
	        OK;

	status_put(s,
	    json_pack("{s:s, s:b, s:s*}", "what", "config", "well", (int)right,
	        "advice", right ? NULL : "see: pneu config check"),
	    right ? "" : "pneu.conf has errors: no start, no reload");
	config_free(&file);
	buf_free(&errors);
	buf_free(&warnings);
}

/* Each user looks at what is his. */
static bool
look_as_owner(void *status)
{
	status_config(status);
	status_services(status);
	status_lockouts(status);
	if (prog.settings.connect.rbl.n > 0 &&
	    prog.settings.route.service.program[0] == '\0')
		status_lists(status);
	status_limits(status, &prog.settings);
	if (prog.settings.relay.allow == RELAY_ALL)
		status_put(status,
		    json_pack("{s:s, s:b}", "what", "open-relay", "well", 0),
		    "relay.allow = all: an open relay, for everybody who can "
		    "connect");
	return ((struct status *)status)->well;
}

static bool
look_as_store(void *status)
{
	status_queue(status, prog.settings.queue.directory);
	status_disk(status, "queue", prog.settings.queue.directory);
	status_disk(status, "mail", prog.settings.mail.directory);
	status_quota(status);
	return ((struct status *)status)->well;
}

static bool
look_as_journal(void *status)
{
	status_journal(status);
	status_disk(status, "journal", "journal");
	return ((struct status *)status)->well;
}

static enum outcome
verb_status(int argc, char *argv[], struct fault *f)
{
	static const struct {
		const char *user; /* lib/users.h */
		bool (*look)(void *);
	} parts[] = { { NULL, look_as_owner }, { "store", look_as_store },
		{ "journal", look_as_journal } };
	struct status s = { .well = true };

	prog_options(argc, argv);
	if (prog_enter(f) != OK ||
	    (prog.settings.pneu.users == USERS_ALL_OWNER && prog_user(f) != OK))
		return f->outcome;
	s.now_ms = clock_wall_ms();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		s.well &= spawn_part(parts[i].user, parts[i].look, &s);
	if (prog_user(f) != OK)
		return f->outcome;
	output(json_pack("{s:s, s:b}", "what", "verdict", "well", (int)s.well),
	    NULL);
	if (!s.well)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "problems found: see the lines marked !");
	return OK;
}

static enum outcome
verb_services(int argc, char *argv[], struct fault *f)
{
	enum outcome got;

	prog_options(argc, argv);
	/* Without a home the defaults are shown. */
	if (prog.home == NULL && access(PNEU_HOME, F_OK) != 0)
		got = config_load(&prog.settings, NULL, NULL, f);
	else
		got = prog_home(f);
	if (got == OK)
		services_print(&prog.settings);
	return got;
}

/* queue, directory, journal: the program of that name does it all. */
static enum outcome
verb_fellow(int argc, char *argv[], struct fault *f)
{
	char program[SPAWN_PATH_MAX];
	const char **args = mem_new((size_t)argc + 5, sizeof(*args));
	size_t n = 0;

	args[n++] = argv[0];
	if (prog.home != NULL) {
		args[n++] = "-C";
		args[n++] = prog.home;
	}
	if (prog.config != NULL) {
		args[n++] = "-c";
		args[n++] = prog.config;
	}
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	(void)execv(
	    spawn_fellow(argv[0], program), (char *const *)(uintptr_t)args);
	free(args);
	return fault_set(f, PERM, "5.3.5", errno, "%s", program);
}

#define VERB(word, function, arguments, does)                                  \
	.name = word, .run = function, .about.name = "pneu " word,             \
	.about.usage = arguments, .about.summary = does

const struct verb verbs[] = {
	{ VERB("init", verb_init, "[-C DIR] [--domain DOMAIN]... [--user USER]",
	      "make a home, or what is missing of one"),
	    .about.options = init_options },
	{ VERB("run", verb_run, "[-C DIR] [-c FILE]",
	      "supervise in the foreground; prints `ready`"),
	    .about.more = "SIGTERM stops cleanly, SIGHUP reads the "
	                  "configuration again.\n" },
	{ VERB("start", verb_start,
	      "[-C DIR] SERVICE...|smtp|pop|framework|all",
	      "start services that were stopped"),
	    .about.operands = true },
	{ VERB("stop", verb_stop,
	      "[-C DIR] [--now] [SERVICE...|smtp|pop|framework|all]",
	      "stop the system, or services of it, and wait until they have"),
	    .about.operands = true, .about.options = service_options,
	    .about.more = "A stopped service stays stopped, also after a new "
	                  "start, until `pneu start`.\n" },
	{ VERB("restart", verb_restart,
	      "[-C DIR] [--now] SERVICE...|smtp|pop|framework|all",
	      "start services anew; sessions go on in the old processes"),
	    .about.operands = true, .about.options = service_options },
	{ VERB("reload", verb_reload, "[-C DIR]",
	    "check the configuration and put it in force") },
	{ VERB("status", verb_status, "[-C DIR] [--json]",
	      "one screen: services, queue, disks, alarms"),
	    .about.json = true,
	    .about.more = "Exit status 111: something is not well; its line "
	                  "begins with `!`.\n" },
	{ VERB("setup", verb_setup,
	      "[-C DIR] [--json] [--check] [--domains ...] [--dns ...] "
	      "[--firewall none] [--router none] [--listen ...] "
	      "[--pop yes|no]",
	      "six questions, and the settings that answer them"),
	    .about.json = true, .about.options = setup_options,
	    .about.more = "Without an option each question is asked; an empty "
	                  "line leaves what is set.\n" },
	{ VERB("check", verb_check, "[-C DIR] [--json]",
	      "all that is wrong with this system and its machine, and what "
	      "to do"),
	    .about.json = true,
	    .about.more = "Each line: error, risk or note; the check; what is "
	                  "wrong. Exit status 100: an error or a risk.\n" },
	{ VERB("unlock", verb_unlock, "[-C DIR] [--json] ADDRESS | IP",
	      "let an account or address log in again after failures"),
	    .about.json = true, .about.operands = true },
	{ VERB("trace", verb_trace,
	      "[-C DIR] [--json] [--ip NETWORK] [--port PORT] "
	      "[--user NAME] [--recipient ADDRESS] [--for TIME] "
	      "smtpd|pop3d|passwdd",
	      "the dialogue of sessions that begin from now on"),
	    .about.json = true, .about.operands = true,
	    .about.options = trace_options,
	    .about.more = "Passwords, answers of AUTH and content are not "
	                  "shown.\n" },
	{ VERB("services", verb_services, "[-C DIR] [--json]",
	      "the table that starts everything"),
	    .about.json = true },
	{ VERB("units", verb_units,
	      "[-C DIR] [OPTION...] sysusers | tmpfiles | service | socket | "
	      "slice | inetd",
	      "print what an installation gives to the system"),
	    .about.operands = true, .about.options = units_options },
	{ VERB("config", verb_config,
	      "[-C DIR] [--json] check | show [--explain] | "
	      "set [--add] SECTION.KEY VALUE... | unset SECTION.KEY "
	      "[VALUE...]",
	      "check the configuration, show or change settings"),
	    .about.json = true, .about.operands = true,
	    .about.options = config_options },
	{ VERB("list", verb_list,
	      "[-C DIR] [--json] add TYPE ENTRY... | remove TYPE ENTRY... | "
	      "show TYPE [ENTRY]",
	      "entries of accept, reject, near, senders, logins, domain, "
	      "server-bind"),
	    .about.json = true, .about.operands = true,
	    .about.options = list_options },
	{ VERB("explain", verb_explain,
	      "[-C DIR] [--json] ADDRESS... | --client IP [--user ADDRESS] "
	      "[--tls] [--role ROLE] [--from ADDRESS] [--to ADDRESS]",
	      "where mail for an address goes, step by step; what the rules "
	      "of access say of a client"),
	    .about.json = true, .about.operands = true,
	    .about.options = explain_options },
	{ VERB("queue", verb_fellow, "VERB ...",
	    "list, show, hold, release, delete, expire, flush, stats, "
	    "tidy") },
	{ VERB("directory", verb_fellow, "VERB ...",
	    "add, change, remove, list, show addresses") },
	{ VERB("certs", verb_fellow, "VERB ...",
	    "certificates of TLS; see certs --help") },
	{ VERB("journal", verb_fellow, "VERB ...",
	    "show, trace, verify, rotate") },
	{ .name = NULL },
};
