/* SPDX-License-Identifier: ISC */
/*
 * smtpd: one SMTP session on fds 0 and 1, or session after session from a
 * listening socket on fd 0. Recipients go to resolve, messages to queue-add;
 * it trusts their answers and nothing that a client says.
 */
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "config.h"
#include "prog.h"
#include "serve.h"
#include "session.h"

static const struct prog_option options[] = {
	{ 'r', "role", "ROLE", "mx (the default) or submission" },
	{ 0, NULL, NULL, NULL },
};

static const struct prog_about about = {
	.name = "smtpd",
	.usage = "[-C DIR] [-c FILE] [-r ROLE]",
	.options = options,
	.summary = "Take mail from an SMTP client on descriptors 0 and 1, or "
	           "from those that come to a listening socket on 0.",
	.promises = "stdio inet unix recvfd sync",
	.more = "Try it without any server:\n"
	        "  printf 'EHLO me\\r\\nQUIT\\r\\n' | smtpd -C DIR\n",
};

/* Said by lib/serve before a session begins: no room for this address. */
#define BUSY_ADDRESS                                                           \
	"421 4.7.0 too many connections from your address, try again "         \
	"later\r\n"

static enum outcome
open_services(struct server *server, struct fault *f)
{
	const struct settings *set = &prog.settings;
	int queue_fd =
	    open(set->queue.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Missing or unreadable: then queue-add says that it is full. */
	server_begin(server, set, prog_hostname(), queue_fd);
	service_begin(&server->resolve, "resolve", SERVICE_TIMEOUT_MS);
	submit_begin(&server->submit);
	journal_open(&server->journal, about.name);
	if (service_open(&server->resolve, f) != OK)
		return f->outcome;
	return service_open(&server->submit.add, f);
}

static void
close_services(struct server *server)
{
	submit_free(&server->submit);
	service_free(&server->resolve);
	journal_close(&server->journal);
	if (server->queue_fd != -1)
		(void)close(server->queue_fd);
	server_free(server);
}

static enum outcome
run(struct server *server, struct fault *f)
{
	static const struct sandbox_path paths[] = { { NULL, NULL } };
	const struct settings *set = &prog.settings;
	const struct session_service service = {
		.sessions = set->smtpd.service.sessions,
		.timeout_ms = set->smtpd.data_timeout_ms,
		.clients_per_address = (uint32_t)set->smtpd.clients_per_address,
		.busy_address = BUSY_ADDRESS,
		.session = session_serve,
	};

	serve_signals(); /* opens /dev/null: before the sandbox */
	if (prog_sandbox(about.promises, paths, f) != OK)
		return f->outcome;
	return serve_sessions(&service, server, f);
}

static const struct setting_role *
take_role(const char *name)
{
	const struct setting_role *role =
	    config_find_role(span_of(about.name), span_of(name));
	struct fault f;

	if (role == NULL) {
		fault_set(&f, PERM, "5.5.4", 0,
		    "-r %s: a role is mx or submission", name);
		prog_usage(&f);
	}
	return role;
}

int
main(int argc, char *argv[])
{
	const struct setting_role *role;
	const char *value, *role_name = "mx";
	struct server server;
	struct fault f = FAULT_NONE;
	int letter;

	prog_begin(&about);
	while ((letter = prog_option(argc, argv, &value)) != -1)
		if (letter == 'r')
			role_name = value;
	role = take_role(role_name);
	if (sodium_init() < 0)
		(void)fault_set(&f, TEMP, "4.3.0", 0, "libsodium");
	if (f.outcome == OK && prog_home(&f) == OK) {
		/* From here on [smtpd] is what it says to this role, and
		   smtpd.role is the role. */
		config_take_role(&prog.settings, role);
		if (open_services(&server, &f) == OK) {
			f = FAULT_NONE; /* no socket in run/ is no fault */
			(void)run(&server, &f);
		}
		close_services(&server);
	}
	prog_exit(&f);
}
