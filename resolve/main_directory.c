/* SPDX-License-Identifier: ISC */
/*
 * directory: the operator's verbs on the directory's text files, and their
 * compilation. Reads fd 0 only for --password-stdin and import; it trusts the
 * operator and the files, and checks both.
 */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "maker.h"
#include "prog.h"
#include "usage.h"
#include "verbs.h"

static struct request request;

/* In the order of enum option. */
static const struct prog_option options[] = {
	{ 0, "store", "STORE", "mailbox or distribution",
	    &request.option[OPTION_STORE] },
	{ 0, "path", "PATH", "of the mailbox, in the mail directory",
	    &request.option[OPTION_PATH] },
	{ 0, "preferred", "WHICH", "smtp or userid",
	    &request.option[OPTION_PREFERRED] },
	{ 0, "userid", "\"ID ADDRESS\"",
	    "System i user id and address, 8 + 8; '' takes it away",
	    &request.option[OPTION_USERID] },
	{ 0, "program", "NAME",
	    "its mail goes to this command of [deliver-program]",
	    &request.option[OPTION_PROGRAM] },
	{ 0, "login", "NAME,...", "names to log in with beside the address",
	    &request.option[OPTION_LOGIN] },
	{ 0, "account", "NAME,...",
	    "accounts of this machine whose mail it is; * the others",
	    &request.option[OPTION_ACCOUNT] },
	{ 0, "name", "NAME", "of the person", &request.option[OPTION_NAME] },
	{ 0, "given", "NAME", "given name", &request.option[OPTION_GIVEN] },
	{ 0, "surname", "NAME", "surname", &request.option[OPTION_SURNAME] },
	{ 0, "department", "TEXT", "department",
	    &request.option[OPTION_DEPARTMENT] },
	{ 0, "company", "TEXT", "company", &request.option[OPTION_COMPANY] },
	{ 0, "phone", "TEXT", "telephone", &request.option[OPTION_PHONE] },
	{ 0, "quota", "SIZE", "octets its mailbox may have, like 64M; 0: any",
	    &request.option[OPTION_QUOTA] },
	{ 0, "quota-messages", "NUMBER",
	    "messages its mailbox may have; 0: any",
	    &request.option[OPTION_QUOTA_MESSAGES] },
	{ 0, "password-stdin", NULL,
	    "the password is the first line of the standard input",
	    &request.option[OPTION_PASSWORD] },
	{ 0, "alias", "ADDRESS...", "one more address of it", request.alias },
	{ 0, "catch-all", NULL,
	    "yes, this alias takes all mail for addresses that do not exist",
	    &request.option[OPTION_CATCH_ALL] },
	{ 0, "replace", NULL,
	    "alias add: in place of the user or alias of that address",
	    &request.option[OPTION_REPLACE] },
	{ 0, "purge", NULL, "remove: also what is left of a removed user",
	    &request.option[OPTION_PURGE] },
	{ 0, "move", NULL, "rename: the mailbox too",
	    &request.option[OPTION_MOVE] },
	{ 0, "keep", NULL, "rename: the old address stays, as an alias",
	    &request.option[OPTION_KEEP] },
	{ 0, "autoconfig", NULL,
	    "clientinfo: the file that Thunderbird asks for",
	    &request.option[OPTION_AUTOCONFIG] },
	{ 0, "at-start", NULL, "compile: do not wait for another command",
	    &request.option[OPTION_AT_START] },
	{ 0, "force", NULL,
	    "compile: also texts that lack what their databases have",
	    &request.option[OPTION_FORCE] },
	{ 0, "usage", NULL,
	    "list: what is used of each quota, the fullest first",
	    &request.option[OPTION_USAGE] },
	{ .name = NULL },
};

/* The verb of these words; the operands begin behind it. */
static const struct verb *
find_verb(int argc, char **argv[])
{
	bool named = false;

	for (size_t i = 0; i < VERBS; i++) {
		struct span words = span_of(verbs[i].name), word;
		bool same = true;
		int n;

		for (n = 0; same && span_next(&words, ' ', &word); n++)
			same = n < argc && span_eq(word, (*argv)[n]);
		named = named || same || n > 1;
		if (!same || argc - n != (int)verbs[i].operands)
			continue;
		*argv += n;
		return &verbs[i];
	}
	if (named)
		prog_refuse("%s: wrong number of addresses; --help has each "
		            "verb with what it takes",
		    (*argv)[0]);
	prog_refuse("say add, change, remove, restore, rename, passwd, find, "
	            "show, list, clientinfo, alias add, alias remove, import, "
	            "check or compile");
}

/* An option without effect must not pass in silence. */
static void
refuse_options(const struct verb *verb)
{
	for (size_t i = 0; options[i].name != NULL; i++)
		if (*options[i].value != NULL &&
		    (verb->options & TAKES(i)) == 0)
			prog_refuse(
			    "%s has no --%s", verb->name, options[i].name);
}

/* ---- a terminal */

static struct termios terminal, quiet; /* as it was, and without echo */

/* The second time, raised within, a signal does what it always does. */
static void
on_signals(void (*handler)(int))
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGTSTP };
	struct sigaction act = { .sa_handler = handler,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &act, NULL);
}

/* Restore echo before the signal acts; after a stop, disable it again. */
static void
give_back(int number)
{
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	(void)raise(number);
	on_signals(give_back);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
}

static enum outcome
ask_once(struct request *r, const char *prompt, struct fault *f)
{
	enum outcome got;

	(void)!write(STDERR_FILENO, prompt, strlen(prompt));
	got = request_read_password(r, f);
	(void)!write(STDERR_FILENO, "\n", 1);
	return got;
}

static enum outcome
ask_twice(struct request *r, struct fault *f)
{
	size_t len;

	if (ask_once(r, "New password: ", f) != OK)
		return f->outcome;
	len = r->password.len;
	if (ask_once(r, "The same again: ", f) != OK)
		return f->outcome;
	if (!span_same(span_head(buf_span(&r->password), len),
	        span_from(buf_span(&r->password), len)))
		return fault_set(
		    f, PERM, "5.3.5", 0, "they are not the same twice");
	buf_cut(&r->password, len);
	return OK;
}

/*
 * At a terminal the password is asked for before the sandbox, which has no
 * ioctl: the operator is at the other end.
 */
static enum outcome
ask_password(struct request *r, struct fault *f)
{
	enum outcome got;

	if (tcgetattr(STDIN_FILENO, &terminal) != 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no password: give it with --password-stdin");
	quiet = terminal;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	on_signals(give_back);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	got = ask_twice(r, f);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal);
	on_signals(SIG_DFL);
	return got;
}

static enum outcome
enter_sandbox(struct fault *f)
{
	const struct sandbox_path paths[] = { { "directory", "rwc" },
		{ "secrets", "rwc" }, { prog.settings.mail.directory, "rcl" },
		{ ACCOUNTS_FILE, "r" }, { USAGE_DIRECTORY, "r" },
		{ NULL, NULL } };

	return prog_sandbox(prog.about->promises, paths, f);
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "directory",
		.usage = "[-C DIR] VERB [OPTION...] [ADDRESS...]",
		.operands = true,
		.json = true,
		.summary = "The users and aliases of the local domains.",
		.options = options,
		.promises = "stdio rpath wpath cpath sync flock",
		.more =
		    "Verbs:\n"
		    "  add ADDRESS              a user and a mailbox\n"
		    "  change ADDRESS           fields, as --name=, or the "
		    "password\n"
		    "  remove ADDRESS           a user, who can still fetch "
		    "the mail that is there\n"
		    "  restore ADDRESS          a removed user\n"
		    "  rename OLD NEW           a user's address\n"
		    "  find TEXT                in addresses, names, "
		    "departments, logins\n"
		    "  passwd ADDRESS           a new password\n"
		    "  show ADDRESS, list       what there is\n"
		    "  clientinfo ADDRESS       what to type into a mail "
		    "program\n"
		    "  alias add ALIAS ADDRESS, alias remove ALIAS\n"
		    "  import                   many, from the standard "
		    "input\n"
		    "  check                    all that is wrong, as "
		    "file:line\n"
		    "  compile                  the databases anew, after an "
		    "editor\n" };
	struct request *r = &request;
	struct fault f = FAULT_NONE;
	const struct verb *verb;

	request_begin(r);
	prog_start(&about, argc, argv);
	argc -= optind;
	argv += optind;
	verb = find_verb(argc, &argv);
	refuse_options(verb);
	r->operand = argv;
	/* It would open /dev/urandom by itself, which the sandbox hides. */
	json_object_seed((size_t)randombytes_random() | 1);
	if (verb->asks && r->option[OPTION_PASSWORD] == NULL &&
	    ask_password(r, &f) != OK)
		prog_exit(&f);
	(void)umask(027); /* all that it makes has a mode of its own */
	if (prog_enter(&f) == OK && maker_begin(&f) == OK &&
	    prog_user(&f) == OK && enter_sandbox(&f) == OK)
		f.outcome = verb_run(verb, r, &f);
	request_free(r);
	prog_exit(&f);
}
