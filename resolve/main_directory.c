/* SPDX-License-Identifier: ISC */
/*
 * directory: the operator's verbs on the directory's text files, and their
 * compilation. Reads fd 0 only for --password-stdin and import; it trusts the
 * operator and the files, and checks both.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "prog.h"
#include "verbs.h"

enum {
	OPT_JSON = 256,
	OPT_PASSWORD_STDIN,
	OPT_STORE,
	OPT_PATH,
	OPT_USERID,
	OPT_PREFERRED,
	OPT_ALIAS,
	OPT_CATCH_ALL
};

static const struct prog_option options[] = {
	{ OPT_PASSWORD_STDIN, "password-stdin", NULL,
	    "the password is the first line of the standard input" },
	{ OPT_STORE, "store", "STORE", "mailbox or distribution" },
	{ OPT_PATH, "path", "PATH", "of the mailbox, in the mail directory" },
	{ OPT_USERID, "userid", "\"ID ADDRESS\"",
	    "System i user id and address, 8 + 8; '' takes it away" },
	{ OPT_PREFERRED, "preferred", "WHICH", "smtp or userid" },
	{ OPT_ALIAS, "alias", "ADDRESS",
	    "one more address of it; repeat for more" },
	{ OPT_CATCH_ALL, "catch-all", NULL,
	    "yes, this alias shall take all that nobody else does" },
	{ OPT_JSON, "json", NULL, "answer with JSON, an object a line" },
	{ 0, NULL, NULL, NULL },
};

static const struct {
	const char *name, *second; /* `alias add` has two words */
	size_t operands, operands_max;
	bool takes_password; /* asked for at a terminal */
	enum outcome (*run)(struct request *, struct fault *);
} verbs[] = {
	{ "add", NULL, 1, 1, false, verb_add },
	{ "change", NULL, 1, 1, false, verb_change },
	{ "remove", NULL, 1, 1, false, verb_remove },
	{ "list", NULL, 0, 0, false, verb_list },
	{ "show", NULL, 1, 1, false, verb_show },
	{ "alias", "add", 2, 2, false, verb_alias_add },
	{ "alias", "remove", 1, 1, false, verb_alias_remove },
	{ "passwd", NULL, 1, 1, true, verb_passwd },
	{ "import", NULL, 0, 0, false, verb_import },
	{ "compile", NULL, 0, 0, false, verb_compile },
	{ "check", NULL, 0, 0, false, verb_check },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
take_option(struct request *r, int option, const char *value)
{
	switch (option) {
	case OPT_JSON:
		prog.json = true;
		break;
	case OPT_PASSWORD_STDIN:
		r->password_stdin = true;
		break;
	case OPT_STORE:
		r->store = value;
		break;
	case OPT_PATH:
		r->path = value;
		break;
	case OPT_USERID:
		r->userid = value;
		break;
	case OPT_PREFERRED:
		r->preferred = value;
		break;
	case OPT_ALIAS:
		if (r->aliases < REQUEST_ALIASES_MAX)
			r->alias[r->aliases] = value;
		r->aliases++;
		break;
	case OPT_CATCH_ALL:
		r->catch_all = true;
		break;
	default:
		break;
	}
}

/* The verb of these operands, or VERBS; they then begin behind it. */
static size_t
find_verb(int *argc, char **argv[])
{
	for (size_t i = 0; i < VERBS; i++) {
		int words = verbs[i].second == NULL ? 1 : 2;
		size_t left;

		if (*argc < words || strcmp((*argv)[0], verbs[i].name) != 0 ||
		    (words == 2 && strcmp((*argv)[1], verbs[i].second) != 0))
			continue;
		left = (size_t)(*argc - words);
		if (left < verbs[i].operands || left > verbs[i].operands_max)
			return VERBS;
		*argc -= words;
		*argv += words;
		return i;
	}
	return VERBS;
}

static void
refuse_call(int argc, char *argv[], struct fault *f)
{
	for (size_t i = 0; argc > 0 && i < VERBS; i++) {
		if (strcmp(argv[0], verbs[i].name) != 0)
			continue;
		(void)fault_set(f, PERM, "5.5.4", 0,
		    "%s: wrong number of addresses; --help has each verb with "
		    "what it takes",
		    verbs[i].name);
		return;
	}
	(void)fault_set(f, PERM, "5.5.4", 0,
	    "say add, change, remove, passwd, show, list, alias add, alias "
	    "remove, import, check or compile");
}

/*
 * At a terminal the password is asked for before the sandbox, which has no
 * ioctl: the operator is at the other end.
 */
static enum outcome
ask_password(struct request *r, struct fault *f)
{
	struct termios was, quiet;
	enum outcome got;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no password: give it with --password-stdin");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	(void)!write(STDERR_FILENO, "New password: ", 14);
	got = request_read_password(r, f);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	(void)!write(STDERR_FILENO, "\n", 1);
	return got;
}

static enum outcome
enter_sandbox(struct fault *f)
{
	const struct sandbox_path paths[] = { { "directory", "rwc" },
		{ "secrets", "rwc" }, { prog.settings.mail.directory, "rc" },
		{ NULL, NULL } };
	const char *sandbox;

	return sandbox_enter((enum sandbox_mode)prog.settings.pneu.sandbox,
	    prog.about->promises, paths, &sandbox, f);
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "directory",
		.usage = "[-C DIR] VERB [OPTION...] [ADDRESS...]",
		.summary = "The users and aliases of the local domains.",
		.options = options,
		.promises = "stdio rpath wpath cpath sync flock",
		.more =
		    "Verbs:\n"
		    "  add ADDRESS              a user and a mailbox\n"
		    "  change ADDRESS           store, path, userid, "
		    "preferred, password\n"
		    "  remove ADDRESS           a user; the mailbox stays\n"
		    "  passwd ADDRESS           a new password\n"
		    "  show ADDRESS, list       what there is\n"
		    "  alias add ALIAS ADDRESS, alias remove ALIAS\n"
		    "  import                   many, from the standard "
		    "input\n"
		    "  check                    all that is wrong, as "
		    "file:line\n"
		    "  compile                  the databases anew, after an "
		    "editor\n" };
	struct request r = { .aliases = 0 };
	struct fault f = FAULT_NONE;
	const char *value;
	size_t verb;
	int option;

	prog_begin(&about, argv[0]);
	while ((option = prog_option(argc, argv, &value)) != -1)
		take_option(&r, option, value);
	argc -= optind;
	argv += optind;
	verb = find_verb(&argc, &argv);
	if (verb == VERBS) {
		refuse_call(argc, argv, &f);
		prog_usage(&f);
	}
	r.operand = argv;
	if (sodium_init() < 0)
		abort();
	verbs_begin();
	if (verbs[verb].takes_password && !r.password_stdin &&
	    ask_password(&r, &f) != OK)
		prog_exit(&f);
	if (prog_home(&f) == OK && enter_sandbox(&f) == OK)
		f.outcome = verbs[verb].run(&r, &f);
	if (f.outcome == OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
		(void)fault_set(
		    &f, TEMP, "4.3.0", errno, "write to the output");
	request_free(&r);
	prog_exit(&f);
}
