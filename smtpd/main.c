/* SPDX-License-Identifier: ISC */
/*
 * smtpd: one SMTP session on fds 0 and 1, or session after session from a
 * listening socket on fd 0. Recipients go to resolve, messages to queue-add;
 * it trusts their answers and nothing that a client says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "config.h"
#include "explain.h"
#include "prog.h"
#include "serve.h"
#include "session.h"

static const char *role_name = "mx";
static const char *rules, *explains;
static const char *begins_tls;
static const struct prog_option options[] = {
	{ 0, "rules", NULL, "print the rules of access, in their order",
	    &rules },
	{ 0, "explain", NULL,
	    "read lines `explain client=...` and tell what each rule says",
	    &explains },
	{ 'r', "role", "ROLE", "mx (the default), submission or local",
	    &role_name },
	{ 't', "tls", NULL, "TLS from the first octet, without STARTTLS",
	    &begins_tls },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "smtpd",
	.usage = "[-C DIR] [-c FILE] [-r ROLE] [-t] [--rules | --explain]",
	.options = options,
	.summary = "Take mail from an SMTP client on descriptors 0 and 1, or "
	           "from those that come to a listening socket on 0.",
	.promises = "stdio inet unix recvfd sync",
	.more = "Try it without any server:\n"
	        "  printf 'EHLO me\\r\\nQUIT\\r\\n' | smtpd -C DIR\n",
};

#define LISTS_ERRORS_OCTETS 65536 /* of what is told of wrong entries. Chosen */
#define PATH_MAX_RUNNING    64 /* octets of run/lists.N */

/* Said by lib/serve before a session begins: no room for this address. */
#define BUSY_ADDRESS                                                           \
	"421 4.7.0 too many connections from your address, try again "         \
	"later\r\n"

/* Those of the configuration that the supervisor gave us; alone, the texts as
   they are. */
static enum outcome
open_lists(struct lists *lists, struct fault *f)
{
	static const char running[] = "run/" PROG_RUNNING;
	struct buf errors = BUF_INIT(LISTS_ERRORS_OCTETS);
	char path[PATH_MAX_RUNNING];
	enum outcome got;

	if (span_has_prefix(span_of(prog_config_path()), running)) {
		(void)snprintf(path, sizeof(path), LISTS_RUNNING "%s",
		    prog_config_path() + sizeof(running) - 1);
		if (lists_map(lists, path, f) == OK || f->error != ENOENT)
			return f->outcome;
	}
	*f = FAULT_NONE;
	got = lists_compile(lists, &errors, f);
	(void)!write(STDERR_FILENO, errors.p, errors.len);
	buf_free(&errors);
	return got;
}

/* What all workers of a pool have in common. */
static enum outcome
begin(struct server *server, struct fault *f)
{
	const struct settings *set = &prog.settings;
	/* To ask what is free there; nothing of it can be read. */
	int queue_fd =
	    open(set->queue.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* Missing or unreadable: then queue-add says that it is full. */
	server_begin(server, set, prog_hostname(), queue_fd);
	if (set->smtpd.role == ROLE_LOCAL)
		local_trust(server, &set->submit.trusted);
	service_begin(&server->resolve, "resolve", SERVICE_TIMEOUT_MS);
	blocks_begin(&server->blocks, set);
	service_begin(&server->auth, "auth", SERVICE_TIMEOUT_MS);
	submit_begin(&server->submit);
	journal_open(&server->journal, about.name);
	trace_open(&server->trace, about.name);
	server->begins_tls = begins_tls != NULL;
	if (tls_server_begin(&server->tls_server, set, role_name,
	        server->begins_tls ||
	            (set->smtpd.tls != TLS_NO && set->smtpd.role != ROLE_LOCAL),
	        f) != OK)
		return f->outcome;
	pop_window_open(&server->window, false);
	limits_open(&server->limits, explains == NULL);
	for (size_t i = 0; i < LIMIT_WHOS; i++)
		if (limit_parse(span_of(set->limit.text[i]), &server->rates[i],
		        f) != OK)
			return fault_context(f, "[limit]");
	return open_lists(&server->lists, f);
}

static enum outcome
open_services(struct server *server, struct fault *f)
{
	const struct settings *set = &prog.settings;

	/* Only where it is asked; who listens there may come later. */
	if (server->blocks.lists > 0 && set->smtpd.role == ROLE_MX &&
	    service_open(&server->blocks.route, f) != OK)
		return f->outcome;
	return service_open(&server->resolve, f) == OK &&
	        service_open(&server->submit.add, f) == OK &&
	        (set->access.mode == AUTH_MODE_NONE ||
	            set->smtpd.role == ROLE_LOCAL ||
	            service_open(&server->auth, f) == OK)
	    ? OK
	    : f->outcome;
}

static void
close_services(struct server *server)
{
	submit_free(&server->submit);
	blocks_free(&server->blocks);
	service_free(&server->resolve);
	tls_server_free(&server->tls_server);
	service_free(&server->auth);
	journal_close(&server->journal);
	server_free(server);
}

static void
serve(struct fault *f)
{
	static const struct sandbox_path no_paths[] = { { NULL, NULL } };
	const struct smtpd_settings *set = &prog.settings.smtpd;
	struct session_service service = {
		.busy_address = BUSY_ADDRESS,
		.session = session_serve,
		.wants_user = set->role == ROLE_LOCAL,
	};
	struct server server;

	service.sessions = set->service.sessions;
	service.timeout_ms = set->data_timeout_ms;
	service.clients_per_address = (uint32_t)set->clients_per_address;
	serve_signals(); /* opens /dev/null: before the sandbox */
	if (begin(&server, f) == OK && serve_lead() &&
	    open_services(&server, f) == OK &&
	    prog_sandbox(about.promises, no_paths, f) == OK)
		(void)!(explains != NULL
		        ? explain_serve(&server.policy, f)
		        : serve_sessions(&service, &server, f));
	close_services(&server);
}

int
main(int argc, char *argv[])
{
	const struct setting_role *role;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	role = config_find_role(span_of(about.name), span_of(role_name));
	if (role == NULL)
		prog_refuse(
		    "-r %s: a role is mx, submission or local", role_name);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	/* From here on [smtpd] is what it says to this role. */
	config_take_role(&prog.settings, role);
	if (prog.settings.smtpd.role == ROLE_LOCAL)
		prog.settings.smtpd.tls = TLS_NO; /* it leaves no machine */
	if (rules != NULL)
		policy_print(&prog.settings);
	else
		serve(&f);
	prog_exit(&f);
}
