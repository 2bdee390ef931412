/* SPDX-License-Identifier: ISC */
/* check_verb.c: `pneu check`: the table of checks, those of settings and of other programs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "checkup.h"
#include "config.h"
#include "fds.h"
#include "listen.h"
#include "lists.h"
#include "output.h"
#include "spawn.h"
#include "verbs.h"

/* Networks that strangers are in: more than a provider gives to one site. Chosen. */
#define WIDE_BITS_V4 8
#define WIDE_BITS_V6 16

/* ---- settings ---- */

static void
look_config(const struct checkup_row *row)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	struct settings file = { .file = NULL };
	struct fault f = FAULT_NONE;

	if (check_config(&file, prog_config_path(), &errors, &warnings, &f) ==
	    TEMP)
		checkup_say(row, CHECK_UNKNOWN, "%s", f.text);
	checkup_lines(row, CHECK_ERROR, &errors);
	checkup_lines(row, CHECK_RISK, &warnings);
	config_free(&file);
}

/* An address list with half of the world in it: an open relay by another name. */
static void
look_accept(const struct checkup_row *row)
{
	struct buf text = BUF_INIT(LIST_FILE_MAX);
	struct span rest, line, entry;
	struct fault f = FAULT_NONE;
	unsigned n = 0;
	uint64_t bits;

	if (prog.settings.relay.allow != RELAY_LIST &&
	    prog.settings.relay.allow != RELAY_BOTH)
		return;
	if (fds_read_file(AT_FDCWD, "lists/accept", &text, &f) != OK &&
	    f.error != ENOENT)
		checkup_say(row, CHECK_UNKNOWN, "%s", f.text);
	rest = buf_span(&text);
	while (span_next(&rest, '\n', &line)) {
		const char *slash;

		n++;
		if (!list_entry(line, &entry) ||
		    (slash = memchr(entry.p, '/', entry.len)) == NULL ||
		    !num_parse(span_from(entry, (size_t)(slash + 1 - entry.p)),
		        0, 128, &bits))
			continue;
		if (bits < (memchr(entry.p, ':', entry.len) != NULL
		                   ? WIDE_BITS_V6
		                   : WIDE_BITS_V4))
			checkup_say(row, row->severity,
			    "lists/accept:%u: " SPAN_FMT ": so many addresses "
			    "may relay that this is an open relay; name your "
			    "own networks",
			    n, SPAN_ARG(entry));
	}
	buf_free(&text);
}

static void
look_strangers(const struct checkup_row *row)
{
	struct listen_line line[LISTEN_LINES_MAX];
	size_t n = listen_list(&prog.settings, line, NULL);

	for (size_t i = 0; i < n; i++)
		if (prog.settings.access.mode == AUTH_MODE_ALL &&
		    line[i].row->role != NULL &&
		    strcmp(line[i].row->role, "mx") == 0)
			checkup_say(row, row->severity,
			    "[auth] mode = local+relay: at %s NO OTHER SYSTEM "
			    "CAN DELIVER MAIL to your users, for it cannot log "
			    "in; write mode = relay, and leave local+relay to "
			    "[auth submission]",
			    line[i].text);
}

/* ---- what other programs say ---- */

static enum severity
severity_of(const struct checkup_row *row, const json_t *o)
{
	const char *level = json_string_value(json_object_get(o, "level"));
	const json_t *wrong = json_object_get(o, "wrong");

	if (level == NULL)
		return wrong == NULL || json_is_true(wrong) ? row->severity
		                                            : CHECK_NOTE;
	return strcmp(level, "error") == 0 ? CHECK_ERROR
	    : strcmp(level, "note") == 0   ? CHECK_NOTE
	                                   : CHECK_RISK;
}

static void
say_finding(const struct checkup_row *row, const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "text"));
	const char *file = json_string_value(json_object_get(o, "file"));
	json_int_t line = json_integer_value(json_object_get(o, "line"));

	if (file == NULL)
		file = json_string_value(json_object_get(o, "label"));
	if (text == NULL)
		return;
	if (line > 0)
		checkup_say(row, severity_of(row, o), "%s:%lld: %s", file,
		    (long long)line, text);
	else
		checkup_say(row, severity_of(row, o), "%s%s%s",
		    file == NULL ? "" : file,
		    file == NULL || file[0] == '\0' ? "" : ": ", text);
}

static void
say_catch_all(const struct checkup_row *row, const json_t *o)
{
	const char *smtp = json_string_value(json_object_get(o, "smtp"));

	if (smtp != NULL && strncmp(smtp, "*@", 2) == 0)
		checkup_say(row, row->severity,
		    "%s takes mail for all addresses that do not exist, and "
		    "floods of it: `pneu directory alias remove '%s'`",
		    smtp, smtp);
}

/* A program of ours with --json: each object that it prints. It becomes the user
   that can look by itself. */
static void
ask_fellow(const struct checkup_row *row, const char *program, const char *word,
    void (*say)(const struct checkup_row *, const json_t *))
{
	const char *argv[] = { program, "-C", ".", "-c", prog_config_path(),
		"--json", word, NULL };
	struct spawn sp = {
		.argv = argv, .in = -1, .nofile = UINT64_MAX, .keeps_root = true
	};
	int ends[2] = { -1, -1 }, status = 0;
	struct fault f = FAULT_NONE;
	FILE *in = NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	pid_t pid = 0;

	if (pipe2(ends, O_CLOEXEC) == 0)
		in = fdopen(ends[0], "r");
	sp.out = ends[1];
	if (in == NULL || spawn_start(&sp, &pid, &f) != OK) {
		checkup_say(
		    row, CHECK_UNKNOWN, "%s cannot be started", program);
		fds_close(&ends[1]);
		goto out;
	}
	fds_close(&ends[1]);
	while ((n = getline(&line, &room, in)) > 0) {
		json_t *o = json_loadb(line, (size_t)n, 0, NULL);

		say(row, o);
		json_decref(o);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == TEMP)
		checkup_say(row, CHECK_UNKNOWN,
		    "`pneu %s %s` could not look at all of it", program, word);
out:
	free(line);
	if (in != NULL)
		(void)fclose(in);
}

static void
look_catch_all(const struct checkup_row *row)
{
	ask_fellow(row, "directory", "list", say_catch_all);
}

static void
look_directory(const struct checkup_row *row)
{
	ask_fellow(row, "directory", "check", say_finding);
}

static void
look_certificates(const struct checkup_row *row)
{
	ask_fellow(row, "certs", "check", say_finding);
}

/* ---- the table ---- */

static const struct checkup_row rows[] = {
	/* With an open relay, and files' owners (layout.h). */
	{ "config", CHECK_ERROR, NULL, look_config },
	{ "relay", CHECK_ERROR, NULL, look_accept },
	{ "strangers", CHECK_ERROR, NULL, look_strangers },
	{ "ports", CHECK_ERROR, NULL, checkup_ports },
	{ "name", CHECK_ERROR, NULL, checkup_hostname },
	{ "dns", CHECK_RISK, NULL, checkup_dns },
	{ "addresses", CHECK_RISK, NULL, checkup_addresses },
	{ "certificates", CHECK_ERROR, NULL, look_certificates },
	{ "directory", CHECK_RISK, NULL, look_directory },
	{ "catch-all", CHECK_RISK, NULL, look_catch_all },
	{ "storage", CHECK_RISK, "store", checkup_storage },
	{ "uncollected", CHECK_RISK, "store", checkup_uncollected },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool
look_at(void *row)
{
	((const struct checkup_row *)row)->look(row);
	return true;
}

enum outcome
verb_check(int argc, char *argv[], struct fault *f)
{
	unsigned *found, bad;

	prog_options(argc, argv);
	found = checkup_begin(f);
	if (found == NULL)
		return f->outcome;
	/* As the home's owner, who can become root again: to see who has a port,
	   and to start programs that become their users. */
	if (prog_enter(f) != OK)
		return f->outcome;
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].user == NULL)
			rows[i].look(&rows[i]);
		else if (!spawn_part(rows[i].user, look_at,
		             (void *)(uintptr_t)&rows[i]))
			found[CHECK_UNKNOWN]++;
	bad = found[CHECK_ERROR] + found[CHECK_RISK];
	output(
	    json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "check", "verdict",
	        "checks", (int)ROWS, "errors", (int)found[CHECK_ERROR], "risks",
	        (int)found[CHECK_RISK], "notes", (int)found[CHECK_NOTE],
	        "unknown", (int)found[CHECK_UNKNOWN]),
	    NULL);
	if (bad > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%u errors, %u risks: see the lines above",
		    found[CHECK_ERROR], found[CHECK_RISK]);
	if (found[CHECK_UNKNOWN] > 0)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "not all could be looked at: run it as root");
	output_note("%zu checks: OK\n", ROWS);
	return OK;
}
