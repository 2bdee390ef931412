/* SPDX-License-Identifier: ISC */
/*
 * route: the only program that speaks DNS. A line service: requests on fd 0,
 * answers on fd 1; its callers talk to the network and may be in an attacker's
 * hands, and what comes from the network is anybody's. It opens no file.
 */
#include <stdio.h>

#include "prog.h"
#include "route.h"
#include "serve.h"

/* Landlock: TCP to the ports of the resolvers, for answers that are long. */
static void
name_ports(struct sandbox_path paths[RESOLVERS_MAX + 2])
{
	static char text[RESOLVERS_MAX + 1][8];
	uint16_t port[RESOLVERS_MAX + 1];
	size_t n = dns_ports(&prog.settings, port);

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(text[i], sizeof(text[i]), ":%u", port[i]);
		paths[i] = (struct sandbox_path){ text[i], "t" };
	}
	paths[n] = (struct sandbox_path){ NULL, NULL };
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "route",
		.usage = "[-C DIR]",
		.summary = "Asks the DNS: where mail goes, a line `route "
		           "domain=example.net`; and block lists, a line "
		           "`block ip=192.0.2.7 zone=bl.example.org`.",
		.promises = "stdio dns",
		.more = "`lists` answers how each list of the configuration "
		        "does.\n" };
	struct sandbox_path paths[RESOLVERS_MAX + 2];
	struct route r = { .dns = NULL };
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	serve_signals(); /* opens /dev/null: before the sandbox */
	if (prog_home(&f) == OK && route_begin(&r, &prog.settings, &f) == OK) {
		name_ports(paths);
		if (prog_sandbox(about.promises, paths, &f) == OK)
			(void)!route_serve(&r, &f);
		route_free(&r);
	}
	prog_exit(&f);
}
