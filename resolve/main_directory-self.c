/* SPDX-License-Identifier: ISC */
/*
 * directory-self: changes an entry for its own user: password, name, phone. A
 * line service: requests on fd 0, answers on fd 1; its caller is passwdd, which
 * may be in an attacker's hands. It writes the directory, and can connect to
 * nobody.
 */
#include <sys/stat.h>

#include "accounts.h"
#include "prog.h"
#include "self.h"

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "directory-self",
		.usage = "[-C DIR]",
		.promises = "stdio rpath wpath cpath sync flock",
		.summary = "A user's own change of his entry: a line `change "
		           "user=bob@example.org\nticket=... field=password "
		           "value=...` each." };
	static const struct sandbox_path paths[] = { { "directory", "rwc" },
		{ "secrets", "rwc" }, { ACCOUNTS_FILE, "r" }, { NULL, NULL } };
	static struct self s;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	(void)umask(027); /* as of `directory`: files have modes of their own */
	if (prog_home(&f) == OK && self_begin(&s, &prog.settings, &f) == OK)
		f.outcome = answerer_serve(&s.answerer, paths, &f);
	prog_exit(&f);
}
