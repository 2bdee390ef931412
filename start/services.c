/* SPDX-License-Identifier: ISC */
/* services.c: every service, once. */
#include "services.h"

#include <stddef.h>

#define AT(member) offsetof(struct settings, member)

/* Replacements that run at once where no setting says how many. Chosen. */
#define REPLACED_MAX 256

#define BUSY_SMTP   "421 4.3.2 all workers are busy, try again later\r\n"
#define BUSY_POP3   "-ERR [SYS/TEMP] all workers are busy, try again later\r\n"
#define BUSY_PASSWD "500 all workers are busy, try again later\r\n"
#define BUSY_BOX    "busy\n" /* to pop3d, which then keeps the client */

/* Where it listens, and its settings; of TCP also the program and section. */
#define LOCAL(word, file, member)                                              \
	.name = word, .program = word, .section = word, .path = file,          \
	.settings = AT(member)
#define NET(word, of, title, member)                                           \
	.name = word, .program = of, .section = title, .kind = SERVICE_POOL,   \
	.start = PHASE_POOLS, .settings = AT(member.service),                  \
	.tls = MEMORY_READ, .leads = true, .traced = true, .nofile = 64

const struct service_row service_rows[] = {
	{ LOCAL("journal-write", "run/journal", journal.write),
	    .kind = SERVICE_JOURNAL, .start = PHASE_JOURNAL, .stop = 3,
	    .alone = true, .nofile = 64,
	    .does = "appends what all others say to the journal" },
	{ LOCAL("resolve", "run/resolve", resolve.resolve),
	    .kind = SERVICE_LINES, .start = PHASE_LINES, .stop = 2,
	    .nofile = 1024, .does = "address to destination" },
	{ LOCAL("auth", "run/auth", resolve.auth), .kind = SERVICE_LINES,
	    .start = PHASE_LINES, .stop = 2, .key = true, .cache = true,
	    .nofile = 1024,
	    .does = "name and password to identity and ticket" },
	{ LOCAL("route", "run/route", route.service), .kind = SERVICE_LINES,
	    .start = PHASE_LINES, .stop = 2, .nofile = 2048,
	    .does = "asks the DNS: block lists" },
	{ LOCAL("tls-keys", "run/tls-keys", tls.keys), .kind = SERVICE_LINES,
	    .start = PHASE_LINES, .stop = 2, .tls = MEMORY_WRITE,
	    .nofile = 1200,
	    .does = "holds the private keys of TLS, and signs" },
	{ LOCAL("directory-self", "run/directory-self", passwdd.self),
	    .kind = SERVICE_LINES, .start = PHASE_LINES, .stop = 2,
	    .serves = AT(passwdd.listen), .key = true, .nofile = 1024,
	    .does = "changes an entry for its own user" },
	{ LOCAL("queue-add", "run/queue-add", queue.add), .kind = SERVICE_LINES,
	    .start = PHASE_LINES, .stop = 2, .nofile = 4096,
	    .does = "puts a message on disk, then says ok" },
	{ LOCAL("deliver-mailbox", "run/deliver-mailbox", mail.deliver),
	    .kind = SERVICE_LINES, .start = PHASE_LINES, .stop = 2,
	    .nofile = 4096,
	    .does = "links a message into a mailbox, syncs mailboxes" },
	{ LOCAL("deliver-program", "run/deliver-program", program.service),
	    .kind = SERVICE_POOL, .start = PHASE_LINES,
	    .nofile = 1024, /* the commands', too */
	    .does = "hands a message to a command" },
	{ LOCAL("pop3-session", "run/pop3-session", pop3d.session),
	    .kind = SERVICE_POOL, .start = PHASE_LINES, .key = true,
	    .traced = true, .nofile = 64, .busy = BUSY_BOX,
	    .does = "one POP3 session after login, in one mailbox" },
	{ LOCAL("queue-run", "run/queue-run", queue.run), .kind = SERVICE_LINES,
	    .start = PHASE_QUEUE, .stop = 1, .alone = true, .nofile = 8192,
	    .does = "schedules attempts and retries" },
	{ NET("smtpd", "smtpd", "smtpd", smtpd), .role = "mx",
	    .listen = AT(smtpd.listen), .window = MEMORY_READ, .limits = true,
	    /* The shorter by default; a session arms what it needs else. */
	    .timeout = AT(smtpd.data_timeout_ms), .busy = BUSY_SMTP,
	    .does = "one SMTP session" },
	{ NET("submission", "smtpd", "smtpd submission", submission),
	    .role = "submission", .listen = AT(smtpd.listen),
	    .window = MEMORY_READ, .limits = true,
	    .timeout = AT(submission.data_timeout_ms), .busy = BUSY_SMTP,
	    .does = "the same, from a mail program (role submission)" },
	{ .name = "submit",
	    .program = "smtpd",
	    .role = "local",
	    .section = "smtpd local",
	    .kind = SERVICE_POOL,
	    .start = PHASE_POOLS,
	    .path = "run/submit",
	    .all = true,
	    .settings = AT(local.service),
	    .limits = true,
	    .leads = true,
	    .traced = true,
	    .nofile = 64,
	    .busy = BUSY_SMTP,
	    .does = "the same, for sendmail of this machine's users (role "
	            "local)" },
	{ NET("pop3d", "pop3d", "pop3d", pop3d), .listen = AT(pop3d.listen),
	    .window = MEMORY_WRITE, .timeout = AT(pop3d.login_timeout_ms),
	    .busy = BUSY_POP3, .does = "one POP3 session before login" },
	{ NET("passwdd", "passwdd", "passwdd", passwdd),
	    .listen = AT(passwdd.listen), .timeout = AT(passwdd.timeout_ms),
	    .busy = BUSY_PASSWD,
	    .does = "a user changes his password, name, phone" },
	{ .name = NULL },
};

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

bool
service_is_needed(const struct service_row *row, const struct settings *s)
{
	const struct setting_list *of =
	    (const void *)((const char *)s + row->serves);

	return row->serves == 0 || of->n > 0;
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
