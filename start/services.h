/* SPDX-License-Identifier: ISC */
/*
 * services.h: the one table that starts everything. A service is a name, a
 * program and its role, a user, a socket and limits; the table prints itself.
 */
#ifndef START_SERVICES_H
#define START_SERVICES_H

#include "buf.h"
#include "settings.h"

enum service_kind {
	SERVICE_JOURNAL, /* one process that reads the FIFO */
	SERVICE_LINES, /* records from many clients, in rounds */
	SERVICE_POOL, /* a pool of workers, one session at a time in each */
};

/* What a service is started after, and (from below) stopped after. */
enum service_phase {
	PHASE_JOURNAL,
	PHASE_TIDY, /* no service: `queue tidy`, `directory compile` */
	PHASE_LINES,
	PHASE_QUEUE,
	PHASE_POOLS,
	PHASE_READY, /* no service: all of them answer */
};

/* What it may do with a memory that services share. */
enum service_memory { MEMORY_NONE, MEMORY_READ, MEMORY_WRITE };

struct service_row {
	const char *name;
	const char *program; /* of another name: the service is a role of it */
	const char *role; /* of the program's listener; NULL: it has none */
	const char *section; /* of its settings */
	enum service_kind kind;
	size_t serves; /* LINES: offset of the struct setting_list, `listen`, of
	                  those that need it: without any it does not run */
	enum service_phase start;
	unsigned stop; /* 0 is stopped first */
	const char *path; /* Unix socket or FIFO; NULL: TCP */
	bool all; /* every user of this machine may connect there */
	size_t settings; /* offset of its struct service_settings */
	size_t listen; /* TCP: offset of a struct setting_list, of all roles */
	size_t timeout; /* TCP: offset of the socket's deadline, ms */
	bool key; /* gets the key of tickets */
	bool cache; /* and the memories of logins and failures that its
	               processes share */
	/* The memory of lib/wire_tls.h: to read, or to write it. */
	enum service_memory tls;
	enum service_memory window; /* of addresses with a POP3 login */
	bool limits; /* and counts what clients do, in lib/limit.h's memory */
	bool leads; /* a first process forks the others (leader.h) */
	bool traced; /* can tell its dialogue (lib/trace.h) */
	bool alone; /* the old one must have ended before the new one starts */
	uint64_t nofile; /* RLIMIT_NOFILE */
	const char *busy; /* said when all workers are busy; NULL: who comes
			     waits in the backlog */
	const char *does; /* one line for people */
};

extern const struct service_row service_rows[]; /* ends with a NULL name */

const struct service_settings *service_settings_of(
    const struct service_row *, const struct settings *s);
/* What runs in its place; NULL: nothing. */
const char *service_replacement(
    const struct service_row *, const struct settings *);
/* false: nobody of this configuration could ask it. */
bool service_is_needed(const struct service_row *, const struct settings *);
/* How many processes at most. */
uint64_t service_max(const struct service_row *, const struct settings *);
const char *service_kind_name(enum service_kind);

/* `pneu services`. */
void services_print(const struct settings *);

#endif
