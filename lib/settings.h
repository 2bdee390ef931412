/* SPDX-License-Identifier: ISC */
/*
 * settings.h: what can be set, as the programs see it. The rows (default,
 * limits, one line of help) are in settings.c: a new setting is one line there
 * and one here. Times are milliseconds, sizes octets.
 */
#ifndef LIB_SETTINGS_H
#define LIB_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct setting_list {
	char **value;
	size_t n;
};

/* Where in the file a value stands. */
struct setting_place {
	size_t offset; /* of the setting, in struct settings */
	size_t i; /* among the values of a list; SIZE_MAX: emptied */
	unsigned line;
};

/* A pool or a line service: how it is started. */
struct service_settings {
	char *program; /* empty: the built-in one; else a replacement */
	uint64_t start, min_idle, add, max;
	uint64_t sessions; /* a worker's share */
	uint64_t autostart; /* of those that others do not need */
};
enum { AUTOSTART_YES, AUTOSTART_NO };

enum { BARE_REJECT, BARE_ACCEPT };
enum { TLS_NO, TLS_YES, TLS_ONLY };
enum {
	CLIENT_CERTIFICATES_NO,
	CLIENT_CERTIFICATES_ASK,
	CLIENT_CERTIFICATES_REQUIRE
};
enum { CA_SYSTEM, CA_OWN, CA_BOTH };
enum { VRFY_VAGUE, VRFY_OFF, VRFY_FULL };
/* Where passwords may be sent over a connection that is not encrypted. */
enum setting_plaintext { PLAINTEXT_NO, PLAINTEXT_LOOPBACK, PLAINTEXT_YES };

/* [auth] mode: what a client must have logged in for. */
enum auth_mode { AUTH_MODE_NONE, AUTH_MODE_RELAY, AUTH_MODE_ALL };
enum { VERIFY_ID_NO, VERIFY_ID_YES, VERIFY_ID_REPORT };
enum {
	VERIFY_FROM_NO,
	VERIFY_FROM_ALL,
	VERIFY_FROM_UNLISTED,
	VERIFY_FROM_REPORT
};
enum { ORIGINATOR_NO, ORIGINATOR_YES, ORIGINATOR_REPORT };
#define POP_WINDOW_MIN 15U /* minutes, as in the original */
/* [relay] allow */
enum { RELAY_NONE, RELAY_ALL, RELAY_NEAR, RELAY_LIST, RELAY_BOTH };

/* Of [auth], what a listener's role may have otherwise: who must log in there,
   and what of him is verified. */
struct access_settings {
	uint64_t mode; /* enum auth_mode */
	uint64_t verify_id, verify_from;
};

/* [limit]: what clients may do in a minute and an hour; see lib/limit.h. */
struct limit_settings {
	char *text[3]; /* of a client, of a user, of all: enum limit_who */
	uint64_t v4_bits, v6_bits; /* of the network that is one client */
	uint64_t delay_pct; /* of a limit; from there on: */
	uint64_t delay_ms;
};

/* What a listener of smtpd is for; setting_roles[] has the names. */
enum smtpd_role { ROLE_MX, ROLE_SUBMISSION, ROLE_LOCAL };

struct smtpd_settings {
	uint64_t role; /* enum smtpd_role */
	struct service_settings service;
	/* "192.0.2.1:25", "192.0.2.1:587 submission"; of [smtpd] alone */
	struct setting_list listen;
	uint64_t clients_per_address;
	uint64_t timeout_ms, data_timeout_ms;
	uint64_t max_size, max_recipients;
	uint64_t command_max, text_line_max;
	uint64_t max_errors, max_idle_commands;
	uint64_t bare_lf;
	uint64_t received_max;
	uint64_t vrfy;
	uint64_t tls; /* on listeners that do not begin with it */
	char *banner;
};

struct settings {
	struct { /* [pneu] */
		uint64_t sandbox; /* enum sandbox_mode */
		uint64_t users; /* enum users_mode */
		char *hostname; /* empty: the machine's own */
		uint64_t patience_ms, waiting; /* of full pools */
		uint64_t drain_ms;
		uint64_t restart_min_ms, restart_max_ms;
	} pneu;
	struct { /* [connect] */
		uint64_t pop_overrides_reject; /* 0 no, 1 yes */
		struct setting_list rbl; /* "ZONE CODE CODE/BITS" */
		uint64_t rbl_timeout_ms;
	} connect;
	struct smtpd_settings smtpd; /* [smtpd]; of an smtpd, its role's */
	struct smtpd_settings submission; /* [smtpd submission] */
	struct smtpd_settings local; /* [smtpd local]: on run/submit */
	struct access_settings access; /* [auth]; of an smtpd, its role's */
	struct access_settings access_submission; /* [auth submission] */
	struct limit_settings limit; /* [limit]; of an smtpd, its role's */
	struct limit_settings limit_submission; /* [limit submission] */
	struct limit_settings limit_local; /* [limit local] */
	struct { /* [relay] */
		uint64_t allow;
		uint64_t pop_window; /* minutes; 0: off */
	} relay;
	struct { /* [submit] */
		struct setting_list trusted; /* accounts */
		uint64_t verify; /* [auth] verify_originator; ORIGINATOR_... */
	} submit;
	struct { /* [pop3d] */
		struct service_settings service;
		struct setting_list listen;
		uint64_t clients_per_address;
		uint64_t timeout_ms, login_timeout_ms;
		uint64_t max_errors;
		uint64_t messages_max;
		uint64_t tls;
		struct service_settings session;
	} pop3d;
	struct { /* [passwdd] */
		struct service_settings service;
		struct setting_list listen;
		uint64_t clients_per_address;
		uint64_t timeout_ms;
		uint64_t max_errors;
		struct service_settings
		    self; /* of directory-self: no setting */
	} passwdd;
	struct tls_settings { /* [tls] */
		struct service_settings keys;
		/* "LABEL CHAINFILE [KEYFILE]" */
		struct setting_list certificate;
		uint64_t handshake_timeout_ms;
		uint64_t ticket_time_ms; /* 0: no tickets */
		uint64_t client_certificates, ca;
	} tls;
	struct queue_settings { /* [queue] */
		char *directory;
		struct service_settings add, run;
		uint64_t one_file_max; /* octets of content */
		uint64_t recipients_max; /* of a message */
		uint64_t window;
		uint64_t let_go_ms, let_go_max;
		uint64_t rescan_ms;
		uint64_t attempts_max; /* under way at once */
		uint64_t retry_min_ms, retry_max_ms;
		uint64_t poison_deaths;
		uint64_t lifetime_ms, delay_warning_ms; /* 0: none */
		uint64_t transport_attempts, nexthop_attempts; /* at once */
	} queue;
	struct { /* [mail] */
		char *directory;
		uint64_t quota, quota_messages; /* 0: none */
		struct service_settings deliver;
	} mail;
	struct storage_settings { /* [storage] */
		uint64_t min_free;
		uint64_t high_pct, low_pct;
	} storage;
	struct { /* [deliver-program] */
		struct service_settings service;
		struct setting_list command; /* "NAME PATH ARGUMENTS" */
		uint64_t deadline_ms;
	} program;
	struct { /* [resolve] */
		struct service_settings resolve, auth;
		struct setting_list domain; /* local ones */
		char *plus; /* delimiter; empty: off */
		uint64_t alias_steps;
		uint64_t auth_cache_ms, auth_cache_max;
		uint64_t hash_ops, hash_memory; /* Argon2id of new ones */
		uint64_t scram; /* 1: keys for it are kept, it is offered */
		uint64_t scram_iterations; /* of new ones */
		uint64_t plaintext; /* enum setting_plaintext */
		uint64_t failures_window_ms;
		uint64_t account_failures, address_failures; /* 0: no limit */
		uint64_t failed_login_ms; /* what the first one costs */
		char *checkpassword; /* command; empty: none */
	} resolve;
	struct { /* [route] */
		struct service_settings service;
		struct setting_list resolver; /* "192.0.2.53@53" */
		uint64_t timeout_ms, self_test_ms;
		uint64_t mail_timeout_ms;
		char *mailhub; /* hub.h; "" */
		char *never; /* networks, with spaces between them */
		struct setting_list own; /* names and addresses */
	} route;
	struct { /* [journal] */
		struct service_settings write;
		uint64_t rotate_size, keep, keep_time_ms;
		uint64_t sync_ms;
	} journal;
	char *file; /* that they were read from; NULL: none */
	struct setting_place *place; /* of what the file sets, in its order */
	size_t places;
};

#endif
