/* SPDX-License-Identifier: ISC */
/*
 * wire_attempt.h: one message to one next hop, both ends: queue-run asks, a
 * transport (deliver-program) answers. One attempt at a time on a connection.
 *
 *	attempt qid=... time=... start= size= skip= nexthop=... from=<...>
 *	    [body=] [smtputf8=1] [ret=] [envid=]
 *	to n=1 path=<...> [address=<...>] [notify=] [orcpt=]
 *	to n=3 path=<...>
 *	end
 *
 * The descriptor of the content's file travels with these octets (SCM_RIGHTS).
 * The message is the `size` octets from `start` on; its first `skip` octets are
 * the Return-Path: and Delivered-To: that final delivery shows and a relay
 * leaves out. `address` is where an alias leads, in place of path, which stays
 * what the sender asked for. The answer has a line for each recipient in the
 * order asked, each sent as soon as it is known, then `end`:
 *
 *	ok n=1 [host=] [code=2.0.0] [text=]
 *	temp n=3 [host=] code=4.3.0 text=
 *	end qid=... [scope=nexthop]
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

enum attempt_state {
	ATTEMPT_NONE, /* empty */
	ATTEMPT_OPEN, /* its end is still to come */
	ATTEMPT_WHOLE,
};

struct attempt {
	enum attempt_state state;
	/* qid, time_ms, start, size, skip, reverse_path, the parameters of
	   MAIL; recipients with n, forward_path, notify, orcpt, address */
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
	char host[DOMAIN_MAX + 1]; /* who said so, or "" */
};
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

enum outcome wire_attempt_put_ans(struct buf *, uint32_t n,
    const struct attempt_ans *, struct fault *) MUST_USE;
enum outcome wire_attempt_put_ans_end(struct buf *, const struct qid *,
    bool all_nexthop, struct fault *) MUST_USE;

#endif
