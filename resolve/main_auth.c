/* SPDX-License-Identifier: ISC */
/*
 * auth: name and password to identity. A line service: requests on fd 0,
 * answers on fd 1; its callers are smtpd and pop3d, which may be in
 * an attacker's hands. It reads the secrets of the directory, and writes nothing
 * but the counts of failures.
 */
#include "authority.h"
#include "prog.h"

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "auth",
		.usage = "[-C DIR]",
		.promises = "stdio rpath",
		.summary = "Name and password to identity: a line `auth "
		           "user=bob@example.org password=...` each; `scram` "
		           "and `proof` in place of a password." };
	static const struct sandbox_path paths[] = { { "secrets", "r" },
		{ NULL, NULL } };
	static struct authority a;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) == OK &&
	    authority_begin(&a, &prog.settings, &f) == OK &&
	    answerer_serve(&a.answerer, paths, &f) == OK)
		authority_end(&a);
	prog_exit(&f);
}
