/* SPDX-License-Identifier: ISC */
/*
 * pop3d: a POP3 conversation until the login, on fds 0 and 1 or as a worker on
 * a listening socket. Names and passwords go to auth over its socket; a client
 * who is known goes, ticket, descriptor and all, to pop3-session.
 */
#include "login.h"
#include "prog.h"

static const char *begins_tls;
static const struct prog_option options[] = {
	{ 't', "tls", NULL, "TLS from the first octet, without STLS",
	    &begins_tls },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "pop3d",
	.usage = "[-C DIR] [-c FILE] [-t]",
	.options = options,
	.summary = "Serve POP3 (RFC 1939) until the login, then hand over to "
	           "pop3-session. fd 0\nis one session, or a listening "
	           "socket.",
	.promises = "stdio inet unix sendfd recvfd",
	.more = "Example:\n  printf 'USER bob@example.org\\r\\nPASS ...\\r\\n"
	        "STAT\\r\\nQUIT\\r\\n' | pop3d -C DIR\n",
};

int
main(int argc, char *argv[])
{
	static struct login login;
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };
	const struct settings *s = &prog.settings;
	struct session_service service = {
		.busy_address = "-ERR [SYS/TEMP] too many connections from "
		                "your address\r\n",
		.session = login_session,
	};
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	serve_hangs_up = true;
	serve_signals();
	service.sessions = s->pop3d.service.sessions;
	service.timeout_ms = s->pop3d.login_timeout_ms;
	service.clients_per_address = (uint32_t)s->pop3d.clients_per_address;
	if (login_begin(&login, s, begins_tls != NULL, &f) == OK &&
	    serve_lead() && prog_sandbox(about.promises, no_paths, &f) == OK)
		(void)!serve_sessions(&service, &login, &f);
	login_free(&login);
	prog_exit(&f);
}
