/* SPDX-License-Identifier: ISC */
/*
 * parameters.h: what follows the path in MAIL and RCPT. RFC 5321 4.1.1.11.
 *
 * SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531). RET, ENVID, NOTIFY and
 * ORCPT (RFC 3461) are not offered yet but read and kept when they come, for
 * the envelope has room for them and a report that nobody wants is not sent.
 */
#ifndef SMTPD_PARAMETERS_H
#define SMTPD_PARAMETERS_H

#include "rule.h"
#include "span.h"

enum parameter {
	PARAM_SIZE,
	PARAM_BODY,
	PARAM_SMTPUTF8,
	PARAM_RET,
	PARAM_ENVID,
	PARAM_AUTH, /* not offered: only a wrong value is told apart */
	PARAM_NOTIFY, /* this and the next are of RCPT, the others of MAIL */
	PARAM_ORCPT,
	PARAMETERS
};

/* Borrowed values. Empty: not given; that of SMTPUTF8 is its keyword. */
struct parameters {
	struct span value[PARAMETERS];
};

/*
 * in: what follows '>'. The values borrow from it.
 * RULE_NONE	*p is set
 * else		the rule it breaks, and the fault says how
 */
enum rule parameters_take(
    struct span in, bool of_rcpt, struct parameters *p, struct fault *);
/* What SIZE says; 0 without it. */
uint64_t parameters_size(const struct parameters *);

#endif
