/* SPDX-License-Identifier: ISC */
/*
 * passwdd: a user changes his own password, name or phone, on fds 0 and 1 or as
 * a worker on a listening socket. It writes nothing: auth, over its socket, says
 * who it is, and directory-self makes the change for who has auth's ticket.
 */
#include "passwd.h"
#include "prog.h"

static const char *begins_tls;
static const struct prog_option options[] = {
	{ 't', "tls", NULL, "TLS from the first octet", &begins_tls },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "passwdd",
	.usage = "[-C DIR] [-c FILE] [-t]",
	.options = options,
	.summary = "A user changes his own password, name or phone, as with "
	           "poppassd. fd 0 is\none session, or a listening socket.",
	.promises = "stdio inet unix recvfd",
	.more = "Example:\n  printf 'user bob@example.org\\r\\npass OLD\\r\\n"
	        "newpass NEW\\r\\nquit\\r\\n' | passwdd -C DIR\n",
};

int
main(int argc, char *argv[])
{
	static struct passwd passwd;
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };
	const struct settings *s = &prog.settings;
	struct session_service service = {
		.busy_address =
		    "500 too many connections from your address\r\n",
		.session = passwd_session,
	};
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	serve_hangs_up = true;
	serve_signals();
	service.sessions = s->passwdd.service.sessions;
	service.timeout_ms = s->passwdd.timeout_ms;
	service.clients_per_address = (uint32_t)s->passwdd.clients_per_address;
	if (passwd_begin(&passwd, s, begins_tls != NULL, &f) == OK &&
	    serve_lead() && prog_sandbox(about.promises, no_paths, &f) == OK)
		(void)!serve_sessions(&service, &passwd, &f);
	passwd_free(&passwd);
	prog_exit(&f);
}
