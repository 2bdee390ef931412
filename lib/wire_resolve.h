/* SPDX-License-Identifier: ISC */
/*
 * wire_resolve.h: address to transport and next hop, both ends.
 *
 *	resolve to=bob@example.org [from=ann@example.net]
 *	deliver to=bob@example.org transport=mailbox nexthop=example.org/bob
 *	    [rule=plus]
 *	    [quota=1048576] [quota-messages=1000] [full=1] [room=4096]
 *	deliver to=list@example.org transport=program nexthop=archive
 *	deliver to=sue@example.net transport=smtp nexthop=example.net
 *	perm to=... code=5.1.1 text=...
 *	temp to=... code=4.3.0 text=...
 *
 * An alias whose target lies elsewhere adds address=, the forward-path to use
 * there. `explain` in place of `resolve` asks the same and answers a line for
 * each step before it, for people (pneu explain):
 *
 *	step rule=plus text=the%20part%20from%20'+'%20on%20is%20left%20out
 *
 * An empty rule: the entry of that very address.
 *
 * `to` of the answer is the request's `to`, octet for octet. Answers come in
 * the order of the requests.
 *
 * And who an account of this machine is, by its number or its name:
 *
 *	who id=1000 [from=ann@example.org]
 *	who id=1000 user=bob@example.org [name=Bob%20Smith] [owns=1]
 *	perm id=1000 code=5.7.1 text=...
 *
 * owns: the address `from` is one of its own.
 */
#ifndef LIB_WIRE_RESOLVE_H
#define LIB_WIRE_RESOLVE_H

#include "path.h"
#include "record.h"

#define RESOLVE_PATH_MAX 512 /* octets of a mailbox path, relative to mail/ */

/* Transports, and what a next hop of theirs is. */
#define TRANSPORT_MAILBOX "mailbox" /* a path relative to the mail directory */
#define TRANSPORT_PROGRAM "program" /* the name of a command */
#define TRANSPORT_SMTP    "smtp" /* a domain, A-labels */
#define TRANSPORT_MAX     31 /* octets of a transport's name */
#define PROGRAM_NAME_MAX  64 /* octets; letters, digits, ".", "_", "-" */

/* Of a mailbox. */
struct quota {
	uint64_t octets, messages; /* 0: no limit */
};

struct resolve_req {
	struct span forward_path; /* local@domain, or Postmaster */
	struct span reverse_path; /* or empty */
	bool explain; /* steps come before the answer */
};

struct resolve_ans {
	char transport[TRANSPORT_MAX + 1];
	char nexthop[RESOLVE_PATH_MAX + 1];
	/* not of a mailbox: where an alias leads, else empty */
	char address[PATH_TEXT_MAX + 1];
	char rule[32]; /* which rule answered, or "" */
	/* Of a mailbox with a quota. Neither full nor room: not known. */
	struct quota quota;
	bool full;
	uint64_t room; /* octets that are left; 0: not known, or no limit */
};

#define WHO_ID_MAX   64 /* octets of an account's name or number */
#define WHO_NAME_MAX 255 /* octets of a person's name */

struct resolve_who_req {
	struct span id;
	struct span from; /* a reverse-path, or empty */
};

struct resolve_who {
	char user[PATH_TEXT_MAX + 1]; /* the address of its entry */
	char name[WHO_NAME_MAX + 1]; /* or "" */
	bool owns;
};

enum outcome wire_resolve_put_req(
    struct buf *, const struct resolve_req *, struct fault *) MUST_USE;
/* r keeps the text that the spans of the request borrow. */
enum outcome wire_resolve_get_req(struct span line, struct record *r,
    struct resolve_req *, struct fault *) MUST_USE;
/* outcome OK: *ans; else the fault is the answer. */
enum outcome wire_resolve_put_ans(struct buf *, struct span to, enum outcome,
    const struct resolve_ans *, const struct fault *answer,
    struct fault *) MUST_USE;
/* The outcome of the question; TEMP with EPROTO: no answer to it. */
enum outcome wire_resolve_get_ans(struct span line, struct span to,
    struct resolve_ans *, struct fault *) MUST_USE;

bool wire_resolve_is_who(struct span line);
enum outcome wire_resolve_put_who_req(
    struct buf *, const struct resolve_who_req *, struct fault *) MUST_USE;
enum outcome wire_resolve_get_who_req(struct span line, struct record *r,
    struct resolve_who_req *, struct fault *) MUST_USE;
/* As put_ans and get_ans. */
enum outcome wire_resolve_put_who(struct buf *, struct span id, enum outcome,
    const struct resolve_who *, const struct fault *answer,
    struct fault *) MUST_USE;
enum outcome wire_resolve_get_who(struct span line, struct span id,
    struct resolve_who *, struct fault *) MUST_USE;

/* By its transport's name: does the message stay on this machine? */
bool resolve_is_mailbox(const struct resolve_ans *);
bool resolve_is_remote(const struct resolve_ans *);

/* One step of an explanation; the spans borrow from the record. */
struct resolve_step {
	struct span rule, text;
};
bool wire_resolve_is_step(struct span line);
enum outcome wire_resolve_put_step(
    struct buf *, const struct resolve_step *, struct fault *) MUST_USE;
enum outcome wire_resolve_get_step(struct span line, struct record *,
    struct resolve_step *, struct fault *) MUST_USE;

/*
 * May this be a mailbox path? 1..RESOLVE_PATH_MAX octets; components of
 * 1..255 octets between single '/', none beginning with a dot (so no "." and
 * no ".."), no control octet. Whoever opens it uses RESOLVE_BENEATH besides.
 */
bool resolve_path_is_safe(struct span);
/* Can a command have this name? 1..PROGRAM_NAME_MAX of A-Z a-z 0-9 _ . - */
bool resolve_is_program_name(struct span);

#endif
