/* SPDX-License-Identifier: ISC */
/* settings.c: one row a setting. The manual page is compared with it. */
#include "settings.h"

#include "config.h"
#include "scram.h"

#define AT(member) offsetof(struct settings, member)
#define KB         1024UL
#define MB         (1024UL * 1024)
#define GB         (1024UL * 1024 * 1024)
#define SECOND     1000UL
#define MINUTE     (60 * SECOND)
#define HOUR       (60 * MINUTE)
#define DAY        (24 * HOUR)
#define POOL_MAX   256 /* prestart jobs of the original: at most 256 */

#define ROW(s, k, type, m, unit, v, lo, hi, choices, h)                        \
	{                                                                      \
		s, k, type, AT(m), unit, v, lo, hi, choices, h, NULL, false    \
	}
#define TEXT(s, k, m, v, h) ROW(s, k, SETTING_TEXT, m, "", v, 0, 4096, NULL, h)
#define LIST(s, k, m, v, h) ROW(s, k, SETTING_LIST, m, "", v, 0, 4096, NULL, h)
#define NUMBER(s, k, m, u, v, lo, hi, h)                                       \
	ROW(s, k, SETTING_NUMBER, m, u, v, lo, hi, NULL, h)
#define SIZE(s, k, m, v, lo, hi, h)                                            \
	ROW(s, k, SETTING_SIZE, m, "octets", v, lo, hi, NULL, h)
#define TIME(s, k, m, v, lo, hi, h)                                            \
	ROW(s, k, SETTING_TIME, m, "time", v, lo, hi, NULL, h)
#define CHOICE(s, k, m, v, c, h) ROW(s, k, SETTING_CHOICE, m, "", v, 0, 0, c, h)

#define REPLACEMENT(s, m)                                                      \
	TEXT(s, "program", m.program, "",                                      \
	    "program run in its place, once per connection on fds 0 and 1")

#define AUTOSTART(s, m)                                                        \
	CHOICE(s, "autostart", m.autostart, "yes", "yes no",                   \
	    "no: it runs only after `pneu start`, and until the next start "   \
	    "of the system")

/* A pool of session workers. */
#define POOL(s, m, start_, min_idle_, add_, max_)                              \
	NUMBER(s, "start", m.start, "workers", start_, 1, POOL_MAX,            \
	    "workers started at first"),                                       \
	    NUMBER(s, "min_idle", m.min_idle, "workers", min_idle_, 1,         \
	        POOL_MAX, "when fewer are idle, more are started"),            \
	    NUMBER(s, "add", m.add, "workers", add_, 1, POOL_MAX,              \
	        "workers started at once when too few are idle"),              \
	    NUMBER(                                                            \
	        s, "max", m.max, "workers", max_, 1, POOL_MAX, "most workers")
/* The prestart job values of the original. */
#define PRESTART(s, m, share)                                                  \
	POOL(s, m, "4", "2", "2", "20"),                                       \
	    NUMBER(s, "sessions", m.sessions, "sessions", "200", 1, 1000000,   \
	        share)

const struct setting_role setting_roles[] = {
	{ "smtpd", "mx", "smtpd", AT(smtpd), AT(smtpd),
	    sizeof(struct smtpd_settings) },
	{ "smtpd", "submission", "smtpd submission", AT(smtpd), AT(submission),
	    sizeof(struct smtpd_settings) },
	{ "smtpd", "local", "smtpd local", AT(smtpd), AT(local),
	    sizeof(struct smtpd_settings) },
	{ "auth", "mx", "auth", AT(access), AT(access),
	    sizeof(struct access_settings) },
	{ "auth", "submission", "auth submission", AT(access),
	    AT(access_submission), sizeof(struct access_settings) },
	{ "limit", "mx", "limit", AT(limit), AT(limit),
	    sizeof(struct limit_settings) },
	{ "limit", "submission", "limit submission", AT(limit),
	    AT(limit_submission), sizeof(struct limit_settings) },
	{ "limit", "local", "limit local", AT(limit), AT(limit_local),
	    sizeof(struct limit_settings) },
	{ NULL, NULL, NULL, 0, 0, 0 },
};

const struct setting_own setting_owns[] = {
	/* RFC 6409 4.3: who submits mail is known. */
	{ "auth submission", "mode", "local+relay" },
	{ NULL, NULL, NULL },
};

const struct setting_row setting_rows[] = {
	CHOICE("pneu", "sandbox", pneu.sandbox, "auto", "auto required off",
	    "with required, refuse to run where the kernel has no seccomp or "
	    "Landlock"),
	CHOICE("pneu", "users", pneu.users, "owner", "owner separate",
	    "with separate, each program has its own user; needs root, and "
	    "the users"),
	TEXT("pneu", "hostname", pneu.hostname, "",
	    "name in banner, trace field and reports; empty: the machine's"),
	TIME("pneu", "patience", pneu.patience_ms, "500ms", 10, HOUR,
	    "all workers of smtpd or pop3d are busy and somebody waits for "
	    "one: how long another client may be silent"),
	NUMBER("pneu", "waiting", pneu.waiting, "clients", "4000", 0, 8000,
	    "so many wait for a worker of a listener; 0: who comes is sent "
	    "away"),
	TIME("pneu", "drain", pneu.drain_ms, "30s", 0, HOUR,
	    "how long each step of a stop waits for sessions and rounds to "
	    "end"),
	TIME("pneu", "restart_min", pneu.restart_min_ms, "200ms", 1, HOUR,
	    "pause before a service that died is started again"),
	TIME("pneu", "restart_max", pneu.restart_max_ms, "1m", 1, DAY,
	    "longest such pause; it doubles at each death"),

	REPLACEMENT("smtpd", smtpd.service),
	AUTOSTART("smtpd", smtpd.service),
	LIST("smtpd", "listen", smtpd.listen, "127.0.0.1:2525",
	    "address:port to accept mail on; [v6]:port; `tls` and a role may "
	    "follow; repeat for more"),
	PRESTART("smtpd", smtpd.service,
	    "a worker's share; 1 is a process for each session"),
	NUMBER("smtpd", "clients_per_address", smtpd.clients_per_address,
	    "sessions", "10", 0, POOL_MAX,
	    "sessions of one client address at once; 0, or max: no limit"),
	TIME("smtpd", "timeout", smtpd.timeout_ms, "5m", SECOND, DAY,
	    "longest wait for a command (RFC 5321 4.5.3.2.7: 5 minutes)"),
	TIME("smtpd", "data_timeout", smtpd.data_timeout_ms, "3m", SECOND, DAY,
	    "longest wait for a piece of content (4.5.3.2.5: 3 minutes)"),
	SIZE("smtpd", "max_size", smtpd.max_size, "50M", 64 * KB, 2 * GB,
	    "largest message; announced with SIZE (RFC 1870)"),
	NUMBER("smtpd", "max_recipients", smtpd.max_recipients, "recipients",
	    "1000", 100, 100000,
	    "recipients of one message (RFC 5321 4.5.3.1.8: at least 100)"),
	SIZE("smtpd", "command_max", smtpd.command_max, "2048", 512, 16 * KB,
	    "longest command line (RFC 5321 4.5.3.1.4: at least 512)"),
	SIZE("smtpd", "text_line_max", smtpd.text_line_max, "1000", 1000,
	    64 * KB, "longest line of content with CRLF (4.5.3.1.6: 1000)"),
	NUMBER("smtpd", "max_errors", smtpd.max_errors, "errors", "20", 1,
	    10000, "wrong commands before the session is ended with 421"),
	NUMBER("smtpd", "max_idle_commands", smtpd.max_idle_commands,
	    "commands", "100", 10, 100000,
	    "commands that bring no mail before the session is ended"),
	CHOICE("smtpd", "bare_lf", smtpd.bare_lf, "reject", "reject accept",
	    "a line feed without carriage return; never an end of data"),
	NUMBER("smtpd", "received_max", smtpd.received_max, "fields", "100",
	    100, 1000, "Received fields before a message is in a loop (6.3)"),
	CHOICE("smtpd", "vrfy", smtpd.vrfy, "vague", "vague off full",
	    "VRFY answers 252 without looking, or 502; with full, who has "
	    "logged in is told whether there is such an address"),
	CHOICE("smtpd", "tls", smtpd.tls, "yes", "no yes only",
	    "STARTTLS; only: no mail without it"),
	TEXT("smtpd", "banner", smtpd.banner, "ESMTP Pneu",
	    "text of the greeting after the host name"),

	CHOICE("connect", "pop_overrides_reject", connect.pop_overrides_reject,
	    "no", "no yes",
	    "who has logged in to POP3 within [relay] pop_window is let in, "
	    "whatever lists/reject says"),
	LIST("connect", "rbl", connect.rbl, "",
	    "zone of a DNS block list; its codes may follow; repeat for more"),
	TIME("connect", "rbl_timeout", connect.rbl_timeout_ms, "3s", 100,
	    MINUTE, "longest time that a greeting waits for block lists"),
	CHOICE("relay", "allow", relay.allow, "none", "none all near list both",
	    "whose mail is relayed without a login: nobody's; everybody's; to "
	    "domains in lists/near; of clients in lists/accept; either"),
	NUMBER("relay", "pop_window", relay.pop_window, "minutes", "0", 0,
	    65535,
	    "a client's address may relay for so long after a POP3 login from "
	    "it; 0: never, else at least 15"),
	LIST("submit", "trusted", submit.trusted, "root",
	    "an account that may send as anybody (sendmail -f); repeat for "
	    "more"),
	TEXT("limit", "client", limit.text[0], "",
	    "what the clients of one network may do: NUMBER KIND/WINDOW, with "
	    "commas between them; kinds are connections, messages, "
	    "recipients, relayed, failures; windows minute, hour"),
	TEXT("limit", "user", limit.text[1], "",
	    "the same of who has logged in, wherever he comes in; or of an "
	    "account of this machine"),
	TEXT("limit", "all", limit.text[2], "",
	    "the same of all clients of a role together"),
	NUMBER("limit", "v4_bits", limit.v4_bits, "bits", "32", 8, 32,
	    "an IPv4 network of so many bits is one client"),
	NUMBER("limit", "v6_bits", limit.v6_bits, "bits", "64", 16, 128,
	    "an IPv6 network of so many bits is one client"),
	NUMBER("limit", "delay_pct", limit.delay_pct, "percent", "100", 1, 100,
	    "from so much of a limit on each step waits for `delay`; 100: "
	    "never"),
	TIME("limit", "delay", limit.delay_ms, "1s", 0, MINUTE,
	    "how long the client then waits for its answer"),

	REPLACEMENT("pop3d", pop3d.service),
	AUTOSTART("pop3d", pop3d.service),
	LIST("pop3d", "listen", pop3d.listen, "127.0.0.1:2110",
	    "address:port for mail programs; [v6]:port; repeat for more"),
	PRESTART("pop3d", pop3d.service,
	    "a worker's share; 1 is a process for each login"),
	NUMBER("pop3d", "clients_per_address", pop3d.clients_per_address,
	    "sessions", "10", 0, POOL_MAX,
	    "logins of one client address at once; 0, or max: no limit"),
	TIME("pop3d", "timeout", pop3d.timeout_ms, "10m", 10 * MINUTE, DAY,
	    "idle time before the session ends (RFC 1939 3: 10 minutes)"),
	TIME("pop3d", "login_timeout", pop3d.login_timeout_ms, "3m", SECOND,
	    DAY, "longest time from the greeting to the login"),
	NUMBER("pop3d", "max_errors", pop3d.max_errors, "errors", "20", 1,
	    10000, "wrong commands before the session is ended"),
	NUMBER("pop3d", "messages_max", pop3d.messages_max, "messages",
	    "1000000", 1000, 10000000,
	    "messages of one maildrop that a session shows"),
	CHOICE("pop3d", "tls", pop3d.tls, "yes", "no yes only",
	    "STLS; only: no login without it"),
	POOL("pop3-session", pop3d.session, "8", "4", "4", "256"),

	REPLACEMENT("passwdd", passwdd.service),
	AUTOSTART("passwdd", passwdd.service),
	LIST("passwdd", "listen", passwdd.listen, "",
	    "address:port where users change their password, name and phone; "
	    "`tls` may follow; repeat for more; none: nowhere"),
	POOL("passwdd", passwdd.service, "1", "1", "1", "8"),
	NUMBER("passwdd", "sessions", passwdd.service.sessions, "sessions",
	    "200", 1, 1000000, "a worker's share"),
	NUMBER("passwdd", "clients_per_address", passwdd.clients_per_address,
	    "sessions", "4", 0, POOL_MAX,
	    "sessions of one client address at once; 0, or max: no limit"),
	TIME("passwdd", "timeout", passwdd.timeout_ms, "3m", SECOND, DAY,
	    "longest time of a session"),
	NUMBER("passwdd", "max_errors", passwdd.max_errors, "errors", "10", 1,
	    10000, "wrong commands before the session is ended"),

	TEXT("queue", "directory", queue.directory, "queue",
	    "where the queue lies; relative to the home"),
	SIZE("queue", "one_file_max", queue.one_file_max, "64K", 0, 64 * KB,
	    "content up to this lies in one file with its envelope"),
	NUMBER("queue", "recipients_max", queue.recipients_max, "recipients",
	    "10000", 100, 100000, "most recipients of one message"),
	NUMBER("queue", "window", queue.window, "messages", "5000", 10, 100000,
	    "messages that queue-run holds in memory at once"),
	TIME("queue", "let_go", queue.let_go_ms, "1s", 10, MINUTE,
	    "longest time from a delivery to the sync that settles it"),
	NUMBER("queue", "let_go_max", queue.let_go_max, "messages", "300", 1,
	    10000, "messages whose deliveries are settled together"),
	TIME("queue", "rescan", queue.rescan_ms, "10m", SECOND, DAY,
	    "queue/in is listed again after this time"),
	NUMBER("queue", "attempts_max", queue.attempts_max, "attempts", "256",
	    1, 10000, "attempts of one transport under way at once"),
	TIME("queue", "retry_min", queue.retry_min_ms, "1m", MINUTE, DAY,
	    "first retry of a deferred message; doubles"),
	TIME("queue", "retry_max", queue.retry_max_ms, "1h", MINUTE, DAY,
	    "longest pause between retries of a deferred message"),
	NUMBER("queue", "poison_deaths", queue.poison_deaths, "deaths", "3", 1,
	    100, "a message that a stage died on so often goes to hold"),
	TIME("queue", "lifetime", queue.lifetime_ms, "5d", SECOND, 365 * DAY,
	    "how long a deferred message is tried before it is returned"),
	TIME("queue", "delay_warning", queue.delay_warning_ms, "4h", 0,
	    365 * DAY,
	    "a message deferred for so long: its sender gets one report; 0: "
	    "never"),
	NUMBER("queue", "transport_attempts", queue.transport_attempts,
	    "attempts", "20", 1, 64,
	    "attempts at once by transports other than mailboxes"),
	NUMBER("queue", "nexthop_attempts", queue.nexthop_attempts, "attempts",
	    "5", 1, 64, "attempts at once to one next hop"),
	REPLACEMENT("queue-add", queue.add),
	REPLACEMENT("queue-run", queue.run),
	AUTOSTART("queue-run", queue.run),

	TEXT("mail", "directory", mail.directory, "mail",
	    "where the mailboxes lie; relative to the home"),
	SIZE("mail", "quota", mail.quota, "0", 0, 1024 * GB,
	    "of a mailbox whose entry has no quota=; 0: none"),
	NUMBER("mail", "quota_messages", mail.quota_messages, "messages", "0",
	    0, 1000000000,
	    "of a mailbox whose entry has no quota-messages=; 0: none"),
	REPLACEMENT("deliver-mailbox", mail.deliver),

	REPLACEMENT("deliver-program", program.service),
	POOL("deliver-program", program.service, "1", "1", "2", "20"),
	LIST("deliver-program", "command", program.command, "",
	    "next hop, absolute path of its program, arguments; repeat for "
	    "more"),
	TIME("deliver-program", "deadline", program.deadline_ms, "10m", SECOND,
	    DAY, "longest time that a command may take for one message"),

	SIZE("storage", "min_free", storage.min_free, "100M", 0, 1024 * GB,
	    "452 4.3.1 when the queue's file system has less free; half of it "
	    "is kept for mail that was let through before, and for reports"),
	NUMBER("storage", "high_pct", storage.high_pct, "percent", "98", 0, 100,
	    "mail for mailboxes is parked from so much use of the file system "
	    "of mail or queue on"),
	NUMBER("storage", "low_pct", storage.low_pct, "percent", "95", 0, 100,
	    "and taken up again below so much"),

	LIST("resolve", "domain", resolve.domain, "",
	    "a local domain; repeat for more; the first is postmaster's"),
	TEXT("resolve", "plus", resolve.plus, "+",
	    "delimiter of plus-addressing (bob+x is bob); empty: off"),
	NUMBER("resolve", "alias_steps", resolve.alias_steps, "steps", "10", 1,
	    100, "aliases that may follow one another"),
	REPLACEMENT("resolve", resolve.resolve),
	REPLACEMENT("auth", resolve.auth),
	CHOICE("auth", "mode", access.mode, "none", "none relay local+relay",
	    "what an SMTP client must have logged in for: nothing, and AUTH is "
	    "not offered; to relay, unless [relay] lets it; for all mail"),
	CHOICE("auth", "verify_id", access.verify_id, "no", "no yes report",
	    "only who is in lists/logins may log in to SMTP; report: others "
	    "may, and the journal tells"),
	CHOICE("auth", "verify_from", access.verify_from, "no",
	    "no all unlisted report",
	    "who has logged in may send from addresses of his own only; "
	    "unlisted: or from those in lists/senders; report: the journal "
	    "tells what that would refuse"),
	NUMBER("auth", "max", resolve.auth.max, "processes", "2", 1, POOL_MAX,
	    "processes that check passwords side by side; of a checkpassword "
	    "program so many run at once"),
	TIME("auth", "cache", resolve.auth_cache_ms, "20m", 0, DAY,
	    "a login repeated within this time costs no password hash"),
	NUMBER("auth", "cache_max", resolve.auth_cache_max, "logins", "10000",
	    0, 1000000, "logins remembered"),
	NUMBER("auth", "hash_ops", resolve.hash_ops, "passes", "2", 1, 100,
	    "Argon2id passes of a new password's hash"),
	SIZE("auth", "hash_memory", resolve.hash_memory, "64M", 8 * KB, 4 * GB,
	    "Argon2id memory of a new password's hash, and of each check"),
	CHOICE("auth", "scram", resolve.scram, "yes", "no yes",
	    "offer SCRAM-SHA-256, and keep keys for it beside a new password's "
	    "hash"),
	NUMBER("auth", "scram_iterations", resolve.scram_iterations,
	    "iterations", "10000", SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX,
	    "PBKDF2 iterations of new keys, which each client computes"),
	CHOICE("auth", "plaintext", resolve.plaintext, "loopback",
	    "no loopback yes",
	    "where passwords and SCRAM are allowed without TLS"),
	TIME("auth", "failed_login", resolve.failed_login_ms, "1s", 0, MINUTE,
	    "pause after a failed login, also for the client's next login; "
	    "doubles in a session"),
	TIME("auth", "failures_window", resolve.failures_window_ms, "15m",
	    SECOND, DAY,
	    "failed logins are counted for so long, and who is locked out "
	    "stays so for as long"),
	NUMBER("auth", "account_failures", resolve.account_failures, "logins",
	    "20", 0, 1000000,
	    "failed logins that lock an account out, for addresses that it "
	    "never logged in from; 0: never"),
	NUMBER("auth", "address_failures", resolve.address_failures, "logins",
	    "50", 0, 1000000,
	    "failed logins that lock an address (IPv6: a /64) out; 0: never"),
	TEXT("auth", "checkpassword", resolve.checkpassword, "",
	    "PROGRAM ARGUMENTS: a checkpassword program that is asked in place "
	    "of the password's hash"),

	CHOICE("auth", "verify_originator", submit.verify, "yes",
	    "no yes report",
	    "mail of this machine's users must come from an address of "
	    "theirs; report: journal only"),
	REPLACEMENT("route", route.service),
	LIST("route", "resolver", route.resolver, "",
	    "address[@port] of a DNS resolver; repeat for more; none: those of "
	    "/etc/resolv.conf"),
	TIME("route", "timeout", route.timeout_ms, "2s", 100, MINUTE,
	    "longest time that a question to the DNS may take"),
	TIME("route", "mail_timeout", route.mail_timeout_ms, "30s", 100,
	    10 * MINUTE,
	    "longest time until it is known where mail for a domain goes"),
	TEXT("route", "mailhub", route.mailhub, "",
	    "domain, [host] or [address] that mail for all other domains goes "
	    "to; :PORT may follow; none: where the DNS says"),
	TEXT("route", "never", route.never,
	    "0.0.0.0/8 127.0.0.0/8 169.254.0.0/16 224.0.0.0/3 ::/127 "
	    "fe80::/10 ff00::/8",
	    "networks that mail is never sent to because the DNS or an "
	    "address in brackets says so; empty: none"),
	LIST("route", "own", route.own, "",
	    "another name or address by which this machine is reached, as "
	    "from outside of a NAT; repeat for more"),
	TIME("route", "self_test", route.self_test_ms, "1h", SECOND, DAY,
	    "each block list is tested anew after this time"),

	REPLACEMENT("tls-keys", tls.keys),
	LIST("tls", "certificate", tls.certificate, "",
	    "label, file of the certificate and its chain, file of the key; "
	    "repeat for more; the first is the default"),
	TIME("tls", "handshake_timeout", tls.handshake_timeout_ms, "30s",
	    SECOND, HOUR, "longest time of a handshake, all of it"),
	TIME("tls", "ticket_time", tls.ticket_time_ms, "1h", 0, 7 * DAY,
	    "a session can be resumed for so long, at most twice; 0: never"),
	CHOICE("tls", "client_certificates", tls.client_certificates, "no",
	    "no ask require", "whether a client has to show a certificate"),
	CHOICE("tls", "ca", tls.ca, "both", "system own both",
	    "whose certificates of clients are believed: the system's roots, "
	    "those of certs import-ca, or both"),

	REPLACEMENT("journal-write", journal.write),
	SIZE("journal", "rotate_size", journal.rotate_size, "64M", 64 * KB,
	    64 * GB, "a new receiver is begun at this size"),
	NUMBER("journal", "keep", journal.keep, "receivers", "100", 1, 100000,
	    "receivers kept; the oldest beyond are removed"),
	TIME("journal", "keep_time", journal.keep_time_ms, "7d", 0, 3650 * DAY,
	    "younger receivers stay, with an alarm, while a tenth of the disk "
	    "is free"),
	TIME("journal", "sync", journal.sync_ms, "1s", 10, HOUR,
	    "longest time until an entry is on disk"),

	{ .section = NULL },
};
