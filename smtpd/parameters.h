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

struct parameters {
	uint64_t size; /* 0: not said */
	bool smtputf8;
	struct span body, ret, envid; /* of MAIL */
	struct span notify, orcpt; /* of RCPT */
};

/*
 * in: what follows '>'. The spans borrow from it.
 * RULE_NONE	*p is set
 * else		the rule it breaks, and the fault says how
 */
enum rule parameters_mail(struct span in, struct parameters *p, struct fault *);
enum rule parameters_rcpt(struct span in, struct parameters *p, struct fault *);

#endif
