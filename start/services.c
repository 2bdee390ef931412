/* SPDX-License-Identifier: ISC */
/* services.c: every service, once. */
#include "services.h"

#include <stddef.h>

#define AT(member) offsetof(struct settings, member)

/* Replacements that run at once where no setting says how many. Ours. */
#define REPLACED_MAX 256

#define BUSY_SMTP "421 4.3.2 all workers are busy, try again later\r\n"
#define BUSY_POP3 "-ERR [SYS/TEMP] all workers are busy, try again later\r\n"
#define BUSY_BOX  "busy\n" /* to pop3d, which then keeps the client */

const struct service_row service_rows[] = {
	{ .name = "journal-write",
	    .user = "journal",
	    .kind = SERVICE_JOURNAL,
	    .start = PHASE_JOURNAL,
	    .stop = 3,
	    .path = "run/journal",
	    .settings = AT(journal.write),
	    .alone = true,
	    .nofile = 64,
	    .does = "appends what all others say to the journal" },
	{ .name = "resolve",
	    .user = "look",
	    .kind = SERVICE_LINES,
	    .start = PHASE_LINES,
	    .stop = 2,
	    .path = "run/resolve",
	    .settings = AT(resolve.resolve),
	    .nofile = 1024,
	    .does = "address to destination" },
	{ .name = "auth",
	    .user = "secret",
	    .kind = SERVICE_LINES,
	    .start = PHASE_LINES,
	    .stop = 2,
	    .path = "run/auth",
	    .settings = AT(resolve.auth),
	    .key = true,
	    .cache = true,
	    .nofile = 1024,
	    .does = "name and password to identity and ticket" },
	{ .name = "queue-add",
	    .user = "store",
	    .kind = SERVICE_LINES,
	    .start = PHASE_LINES,
	    .stop = 2,
	    .path = "run/queue-add",
	    .settings = AT(queue.add),
	    .nofile = 4096,
	    .does = "puts a message on disk, then says ok" },
	{ .name = "deliver-mailbox",
	    .user = "store",
	    .kind = SERVICE_LINES,
	    .start = PHASE_LINES,
	    .stop = 2,
	    .path = "run/deliver-mailbox",
	    .settings = AT(mail.deliver),
	    .nofile = 4096,
	    .does = "links a message into a mailbox, syncs mailboxes" },
	{ .name = "deliver-program",
	    .user = "program",
	    .kind = SERVICE_POOL,
	    .start = PHASE_LINES,
	    .path = "run/deliver-program",
	    .settings = AT(program.service),
	    .nofile = 1024, /* the commands', too */
	    .does = "hands a message to a command" },
	{ .name = "pop3-session",
	    .user = "store",
	    .kind = SERVICE_POOL,
	    .start = PHASE_LINES,
	    .path = "run/pop3-session",
	    .settings = AT(pop3d.session),
	    .key = true,
	    .nofile = 64,
	    .busy = BUSY_BOX,
	    .does = "one POP3 session after login, in one mailbox" },
	{ .name = "queue-run",
	    .user = "store",
	    .kind = SERVICE_LINES,
	    .start = PHASE_QUEUE,
	    .stop = 1,
	    .path = "run/queue-run",
	    .settings = AT(queue.run),
	    .alone = true,
	    .nofile = 8192,
	    .does = "schedules attempts and retries" },
	{ .name = "smtpd",
	    .role = "mx",
	    .user = "net",
	    .kind = SERVICE_POOL,
	    .start = PHASE_POOLS,
	    .settings = AT(smtpd.service),
	    .listen = AT(smtpd.listen),
	    /* The shorter by default; a session arms what it needs else. */
	    .timeout = AT(smtpd.data_timeout_ms),
	    .nofile = 64,
	    .busy = BUSY_SMTP,
	    .does = "one SMTP session" },
	{ .name = "submission",
	    .program = "smtpd",
	    .role = "submission",
	    .section = "smtpd submission",
	    .user = "net",
	    .kind = SERVICE_POOL,
	    .start = PHASE_POOLS,
	    .settings = AT(submission.service),
	    .listen = AT(smtpd.listen),
	    .timeout = AT(submission.data_timeout_ms),
	    .nofile = 64,
	    .busy = BUSY_SMTP,
	    .does = "the same, from a mail program (role submission)" },
	{ .name = "pop3d",
	    .user = "net",
	    .kind = SERVICE_POOL,
	    .start = PHASE_POOLS,
	    .settings = AT(pop3d.service),
	    .listen = AT(pop3d.listen),
	    .timeout = AT(pop3d.login_timeout_ms),
	    .nofile = 64,
	    .busy = BUSY_POP3,
	    .does = "one POP3 session before login" },
	{ .name = NULL },
};

const char *
service_program(const struct service_row *row)
{
	return row->program == NULL ? row->name : row->program;
}

const char *
service_section(const struct service_row *row)
{
	return row->section == NULL ? row->name : row->section;
}

const struct service_settings *
service_settings_of(const struct service_row *row, const struct settings *s)
{
	return (const void *)((const char *)s + row->settings);
}

const char *
service_replacement(const struct service_row *row, const struct settings *s)
{
	const char *program = service_settings_of(row, s)->program;

	/* NULL: there is no such setting, as of pop3-session */
	return program == NULL || program[0] == '\0' ? NULL : program;
}

uint64_t
service_max(const struct service_row *row, const struct settings *s)
{
	uint64_t max = service_settings_of(row, s)->max;

	if (max > 0)
		return max;
	return service_replacement(row, s) != NULL ? REPLACED_MAX : 1;
}

const char *
service_kind_name(enum service_kind kind)
{
	static const char *const name[] = { [SERVICE_JOURNAL] = "journal",
		[SERVICE_LINES] = "lines",
		[SERVICE_POOL] = "pool" };

	return name[kind];
}
