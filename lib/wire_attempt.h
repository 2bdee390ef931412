/* SPDX-License-Identifier: ISC */
/*
 * wire_attempt.h: one message to one next hop, both ends: queue-run asks, a
 * transport (deliver-program, deliver-smtp) answers. One attempt at a time on a
 * connection.
 *
 *	attempt qid=... time=... start= size= skip= [dots=0] nexthop=...
 *	    from=<...> [body=] [smtputf8=1] [ret=] [envid=]
 *	to n=1 path=<...> [address=<...>] [notify=] [orcpt=]
 *	to n=3 path=<...>
 *	end
 *
 * The descriptor of the content's file travels with these octets (SCM_RIGHTS).
 * The message is the `size` octets from `start` on; its first `skip` octets are
 * the Return-Path: and Delivered-To: that final delivery shows and a relay
 * leaves out. `address` is where an alias leads, in place of path, which stays
 * what the sender asked for. dots=0: no line begins with a dot. The answer has a
 * line for each recipient in the order asked, each sent as soon as it is known,
 * then `end`:
 *
 *	begin qid=...
 *	ok n=1 [host=] [reply=250] [dsn=1] [tls= verified=] [code=2.0.0] [text=]
 *	temp n=3 [host=] [reply=451] [tls= verified=] code=4.3.0 text=
 *	end qid=... [scope=nexthop]
 *
 * Before `begin` nothing of the message has been said to anybody. A transport
 * that keeps its connections says it first of all, or says no `ok`; so an
 * attempt whose connection ended before any answer was not begun, and may be
 * repeated at once.
 *
 * scope=nexthop: no other message for this next hop would fare better now (the
 * host does not answer, the command is missing), so queue-run waits before it
 * tries the next one there.
 */
#ifndef LIB_WIRE_ATTEMPT_H
#define LIB_WIRE_ATTEMPT_H

#include "envelope.h"
#include "record.h"

/*
 * Recipients of one attempt: what every SMTP server takes (RFC 5321
 * 4.5.3.1.8); and as lines of one variable they pass into an environment,
 * whose strings have at most 128 KiB (execve(2), MAX_ARG_STRLEN).
 */
#define ATTEMPT_RCPT_MAX    100
#define ATTEMPT_NEXTHOP_MAX 512 /* octets: as much as a mailbox path */
#define ATTEMPT_HOST_MAX                                                       \
	(DOMAIN_MAX + 64) /* octets of "mx.example.net[2001:db8::1]:25" */
#define ATTEMPT_TLS_MAX 15 /* octets of "TLSv1.3" */

enum attempt_state {
	ATTEMPT_NONE, /* empty */
	ATTEMPT_OPEN, /* its end is still to come */
	ATTEMPT_WHOLE,
};

struct attempt {
	enum attempt_state state;
	/* qid, time_ms, start, size, skip, dots, reverse_path, the parameters
	   of MAIL; recipients with n, forward_path, notify, orcpt, address */
	struct envelope envelope;
	char nexthop[ATTEMPT_NEXTHOP_MAX + 1];
};

void attempt_begin(struct attempt *);
void attempt_reset(struct attempt *); /* empty, keeps its memory */
void attempt_free(struct attempt *); /* empty, usable again */

/* ---- queue-run's side. ---- */

/* The first line, a `to` for each recipient (address NULL: none), `end`. */
enum outcome wire_attempt_put(struct buf *, const struct envelope *,
    const char *nexthop, struct fault *) MUST_USE;
enum outcome wire_attempt_put_to(struct buf *, const struct recipient *,
    const char *address, struct fault *) MUST_USE;
void wire_attempt_put_end(struct buf *);

/* How it ended for one recipient. */
struct attempt_ans {
	struct fault fault; /* OK has a code and perhaps a text, too */
	/* Who said so, or whom we tried to ask: "mx.example.net",
	   "mx.example.net[192.0.2.1]:25"; "": nobody */
	char host[ATTEMPT_HOST_MAX + 1];
	/* The code of his SMTP reply, whose text the fault has; 0: the fault is
	   in our own words. RFC 3464 2.3.6 wants to know. */
	uint64_t reply;
	/* He announced DSN and was told what the sender wants to know: reports
	   of success are his to make. RFC 3461 5.2.1 */
	bool dsn;
	char tls[ATTEMPT_TLS_MAX + 1]; /* "TLSv1.3"; "": it was not encrypted */
	char verified[ATTEMPT_TLS_MAX + 1]; /* "none", "cert", "dane"; "" */
};
/* Is it the `begin` of this attempt? It comes once, before all answers. */
bool wire_attempt_is_begin(struct span line, const struct qid *);
/*
 * The answer for recipient n.
 * OK	*ans is set (and may say temp or perm)
 * TEMP	EPROTO: it is no answer, or one for another recipient
 */
enum outcome wire_attempt_get_ans(struct span line, uint32_t n,
    struct attempt_ans *, struct fault *) MUST_USE;
/* After the last recipient's. TEMP with EPROTO: not the end of this attempt. */
enum outcome wire_attempt_get_end(struct span line, const struct qid *,
    bool *all_nexthop, struct fault *) MUST_USE;

/* ---- The transport's side. ---- */

/*
 * The next line of an attempt; a->state says what there is. A line after a
 * whole attempt begins a new one.
 * TEMP	malformed or out of turn: the connection has lost step, end it
 */
enum outcome wire_attempt_get(
    struct span line, struct attempt *, struct fault *) MUST_USE;

enum outcome wire_attempt_put_begin(
    struct buf *, const struct qid *, struct fault *) MUST_USE;
enum outcome wire_attempt_put_ans(struct buf *, uint32_t n,
    const struct attempt_ans *, struct fault *) MUST_USE;
enum outcome wire_attempt_put_ans_end(struct buf *, const struct qid *,
    bool all_nexthop, struct fault *) MUST_USE;

#endif
