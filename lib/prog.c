/* SPDX-License-Identifier: ISC */
/* prog.c: how every program begins and ends. */
#include "prog.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "fds.h"
#include "hostname.h"
#include "identity.h"
#include "users.h"

#ifndef PNEU_VERSION
#define PNEU_VERSION "unknown"
#endif

#define COMMON      5 /* common_options[] */
#define OPTIONS_MAX 32 /* of one program, the common ones included */
#define LETTER_NONE 0x100 /* and its number: has no short form */

struct prog prog;

static const char *json, *version, *help; /* "": asked for */

static const struct prog_option common_options[] = {
	/* This one if about.json says so. */
	{ 0, "json", NULL, "one JSON object a line", &json },
	{ 'C', "home", "DIR", "the home: queue, mail, directory, run lie there",
	    &prog.home },
	{ 'c', "config", "FILE", "read FILE instead of the home's pneu.conf",
	    &prog.config },
	{ 'V', "version", NULL, "print version, sandbox and promises, exit",
	    &version },
	{ 'h', "help", NULL, "print this, exit", &help },
	{ .name = NULL },
};

/* A closed 0, 1 or 2 would be filled by the next open(), and then written. */
static void
open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			_exit(TEMP);
	}
}

/*
 * The other programs lie beside this one. That may be where the home's owner
 * cannot go, in /root perhaps: root holds the directory open and starts them
 * through the descriptor, which needs no way to it.
 */
static void
find_directory(void)
{
	int fd;
	ssize_t n = readlink(
	    "/proc/self/exe", prog.directory, sizeof(prog.directory) - 1);
	char *slash;

	prog.directory[n < 0 ? 0 : n] = '\0';
	slash = strrchr(prog.directory, '/');
	if (slash != NULL)
		*slash = '\0';
	else
		(void)strcpy(prog.directory, ".");
	if (geteuid() != 0)
		return;
	fd = open(prog.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1)
		(void)snprintf(prog.directory, sizeof(prog.directory),
		    "/proc/self/fd/%d", fd);
}

void
prog_reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* While SIGCHLD is ignored, children vanish without a word to who waits for
   them. signal(7) */
static void
take_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	/* A write says it: EPIPE; EFBIG where a file may not grow. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

void
prog_begin(const struct prog_about *about)
{
	open_standard_fds();
	(void)umask(077);
	take_signals();
	/* strftime() would look for /etc/localtime at its first use, inside
	   the sandbox: it does now. Times are UTC. */
	tzset();
	if (sodium_init() < 0)
		abort(); /* no random octets */
	memset(&prog, 0, sizeof(prog));
	prog.about = about;
	find_directory();
}

/* The program's own, then the common ones; NULL: no more. */
static const struct prog_option *
option_at(size_t n)
{
	const struct prog_option *o = prog.about->options;

	for (; o != NULL && o->name != NULL; o++)
		if (n-- == 0)
			return o;
	o = common_options + (prog.about->json ? n : n + 1);
	return n < COMMON && o->name != NULL ? o : NULL;
}

static void
print_option(const struct prog_option *o)
{
	char left[64], letter[] = "-x, ";

	letter[1] = o->letter;
	(void)snprintf(left, sizeof(left), "%s--%s%s%s",
	    o->letter == 0 ? "    " : letter, o->name,
	    o->argument == NULL ? "" : "=",
	    o->argument == NULL ? "" : o->argument);
	(void)printf("  %-28s %s\n", left, o->help);
}

static void
print_help(void)
{
	const struct prog_about *a = prog.about;

	(void)printf("usage: %s %s\n\n%s\n\n", a->name, a->usage, a->summary);
	for (size_t n = 0; option_at(n) != NULL; n++)
		print_option(option_at(n));
	(void)printf(
	    "\nExit status: 0 done, 100 never (the text says why), 111 try "
	    "again later.\nManual: %.*s(8), beside the source: man -l "
	    "*/%.*s.8\n",
	    (int)strcspn(a->name, " "), a->name, /* pneu for "pneu run" */
	    (int)strcspn(a->name, " "), a->name);
	if (a->more != NULL)
		(void)printf("\n%s", a->more);
}

static void
print_version(void)
{
	const char *promises = prog.about->promises;

	(void)printf("%s (Pneu) %s\nsandbox: %s\npromises: %s\n",
	    prog.about->name, PNEU_VERSION, sandbox_summary(),
	    promises == NULL ? "none, it has no sandbox" : promises);
}

/* What getopt_long() gives for it. */
static int
letter_of(const struct prog_option *o, size_t n)
{
	return o->letter == 0 ? LETTER_NONE + (int)n : o->letter;
}

/* Short and long forms for getopt_long(). */
static void
fill_tables(struct option *longs, char *shorts)
{
	const struct prog_option *o;
	size_t n = 0;

	if (prog.about->verbs)
		*shorts++ = '+';
	for (; (o = option_at(n)) != NULL; n++) {
		int has = o->argument == NULL ? no_argument : required_argument;
		int letter = letter_of(o, n);

		if (n == OPTIONS_MAX)
			abort();
		longs[n] = (struct option){ o->name, has, NULL, letter };
		if (o->letter != 0)
			*shorts++ = o->letter;
		if (o->letter != 0 && has == required_argument)
			*shorts++ = ':';
	}
	longs[n] = (struct option){ NULL, 0, NULL, 0 };
	*shorts = '\0';
}

static void
take_option(int letter)
{
	const struct prog_option *o;
	const char **value;
	size_t n = 0;

	while ((o = option_at(n)) != NULL && letter_of(o, n) != letter)
		n++;
	if (o == NULL)
		prog_usage(); /* getopt said why */
	value = o->value;
	if (o->argument != NULL && strstr(o->argument, "...") != NULL)
		while (*value != NULL)
			value++;
	if (value - o->value == PROG_REPEATS)
		prog_refuse("--%s %s: at most %d at once", o->name, optarg,
		    PROG_REPEATS);
	*value = o->argument == NULL ? "" : optarg;
}

void
prog_options(int argc, char *argv[])
{
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	static char name[64];
	int letter;

	fill_tables(longs, shorts);
	(void)snprintf(name, sizeof(name), "%s", prog.about->name);
	if (argc >
	    0) /* getopt's own messages begin with argv[0]: `pneu status:` */
		argv[0] = name;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		take_option(letter);
	prog.json = json != NULL;
	if (version != NULL)
		print_version();
	else if (help != NULL)
		print_help();
	if (version != NULL || help != NULL)
		exit(OK);
	if (optind < argc && !prog.about->verbs && !prog.about->operands)
		prog_refuse("%s: not expected", argv[optind]);
}

void
prog_start(const struct prog_about *about, int argc, char *argv[])
{
	prog_begin(about);
	prog_options(argc, argv);
}

enum outcome
prog_become(const char *owner_of, struct fault *f)
{
	if (identity_take(owner_of, f) != OK)
		return f->outcome;
	return identity_drop(NULL, f);
}

/* The configuration's path, the cwd being the home. */
const char *
prog_config_path(void)
{
	if (prog.config != NULL)
		return prog.config;
	if ((prog.home == NULL || strcmp(prog.home, PNEU_HOME) == 0) &&
	    access("pneu.conf", F_OK) != 0)
		return PNEU_CONF;
	return "pneu.conf";
}

enum outcome
prog_load(struct fault *f)
{
	struct buf errors = BUF_INIT(65536);
	enum outcome got =
	    config_load(&prog.settings, prog_config_path(), &errors, f);

	if (errors.len > 0)
		(void)fprintf(stderr, "%s", errors.p);
	buf_free(&errors);
	if (got != OK && f->error == ENOENT && prog.config == NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no pneu.conf in %s: `pneu -C DIR init` makes a home",
		    prog.home == NULL ? PNEU_HOME : prog.home);
	if (got != OK && f->error == EACCES && getuid() != 0) {
		(void)fault_context(f, "run it as root, with sudo");
		got = f->outcome = PERM;
	}
	return got;
}

enum outcome
prog_stand(struct fault *f)
{
	static char config[4096];
	const char *home = prog.home == NULL ? PNEU_HOME : prog.home;

	/* -c is relative to the cwd of the caller. Whose cwd is the home may
	   have no right to the directories above it. */
	if (strcmp(home, ".") == 0)
		return OK;
	if (prog.config != NULL && realpath(prog.config, config) == NULL)
		return fault_set(f, PERM, "5.3.5", errno, "%s", prog.config);
	if (prog.config != NULL)
		prog.config = config;
	if (chdir(home) != 0)
		return fault_set(f, PERM, "5.3.5", errno,
		    "home %s (-C DIR names another, `pneu init` makes one)",
		    home);
	return OK;
}

/* The newest copy that a supervisor made of what it runs, or "". */
static void
find_running(char out[64])
{
	static const char before[] = "run/" PROG_RUNNING;
	glob_t found = { .gl_pathc = 0 };
	uint64_t n, newest = 0;

	(void)glob("run/" PROG_RUNNING "*", GLOB_NOSORT, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (num_parse(span_from(span_of(found.gl_pathv[i]),
		                  sizeof(before) - 1),
		        1, UINT64_MAX, &n) &&
		    n > newest)
			newest = n;
	globfree(&found);
	out[0] = '\0';
	if (newest > 0)
		(void)snprintf(
		    out, 64, "%s%llu", before, (unsigned long long)newest);
}

/* The errors were said by then. */
static enum outcome
load_running(struct fault *f)
{
	static char path[64];

	find_running(path);
	if (path[0] == '\0')
		return f->outcome;
	prog_warn("%s; using the running configuration %s", f->text, path);
	config_free(&prog.settings);
	prog.config = path; /* programs started from here read it too */
	return prog_load(f);
}

/* `pneu status` is of pneu. */
static const struct users_row *
own_row(void)
{
	char name[64];

	(void)span_copy(span_head(span_of(prog.about->name),
	                    strcspn(prog.about->name, " ")),
	    name, sizeof(name));
	return users_row_of(name);
}

/*
 * As root: the user of this program, for good. Else it was started as somebody:
 * by the supervisor as the right one.
 */
enum outcome
prog_user(struct fault *f)
{
	const struct users_row *row = own_row();
	struct identity who;
	struct stat st;

	if (prog.settings.pneu.users == USERS_ALL_OWNER || row == NULL ||
	    row->user == NULL)
		return identity_drop(NULL, f);
	if (getuid() != 0 && stat(".", &st) == 0 && st.st_uid == getuid())
		return fault_set(f, PERM, "5.3.5", 0,
		    "[pneu] users = separate: %s runs as " USERS_USER
		    ", which only root can start: use sudo",
		    row->program, row->user);
	if (getuid() != 0)
		return OK;
	return users_find(row->program, &who, f) == OK ? identity_drop(&who, f)
	                                               : f->outcome;
}

enum outcome
prog_enter(struct fault *f)
{
	fds_from_systemd(); /* for each program alike; a no-op without it */
	if (prog_stand(f) != OK || identity_take(".", f) != OK)
		return f->outcome;
	if (prog_load(f) == PERM && prog.config == NULL)
		(void)load_running(f);
	return f->outcome;
}

enum outcome
prog_home(struct fault *f)
{
	return prog_enter(f) == OK ? prog_user(f) : f->outcome;
}

enum outcome
prog_prepare_sandbox(
    const char *promises, const struct sandbox_path *paths, struct fault *f)
{
	enum sandbox_mode mode = (enum sandbox_mode)prog.settings.pneu.sandbox;

	if (sandbox_paths(mode, paths, f) != OK ||
	    sandbox_prepare(mode, promises, f) != OK)
		return f->outcome;
	if (mode == SANDBOX_OFF)
		prog_warn("sandbox = off: going on without");
	else if (sandbox_lacks()[0] != '\0')
		prog_warn("%s: going on without", sandbox_lacks());
	return OK;
}

enum outcome
prog_sandbox(
    const char *promises, const struct sandbox_path *paths, struct fault *f)
{
	if (prog_prepare_sandbox(promises, paths, f) != OK)
		return f->outcome;
	return sandbox_close(f);
}

const char *
prog_hostname(void)
{
	static char name[HOSTNAME_SIZE];
	struct fault f; /* `pneu run` says it */

	if (name[0] == '\0')
		(void)!hostname_find(&prog.settings, name, &f);
	return name;
}

void
prog_warn(const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line) - 1, "%s: ", prog.about->name);
	va_start(ap, format);
	n += vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, ap);
	va_end(ap);
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

void
prog_exit(const struct fault *f)
{
	struct fault full;

	/* First: what was said goes before what went wrong. Who closes a pipe
	   has read enough. */
	if ((fflush(stdout) != 0 || ferror(stdout) != 0) && f->outcome == OK &&
	    errno != EPIPE) {
		(void)fault_set(
		    &full, TEMP, "4.3.0", errno, "write to the output");
		f = &full;
	}
	if (f->outcome != OK)
		prog_warn("%s", f->text);
	exit((int)f->outcome);
}

void
prog_usage(void)
{
	(void)fprintf(stderr, "usage: %s %s\n(%s --help)\n", prog.about->name,
	    prog.about->usage, prog.about->name);
	exit(PERM);
}

void
prog_refuse(const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	struct fault f;
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)fault_set(&f, PERM, "5.5.4", 0, "%s", text); /* printable */
	prog_warn("%s", f.text);
	prog_usage();
}
