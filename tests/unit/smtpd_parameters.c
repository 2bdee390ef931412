/* SPDX-License-Identifier: ISC */
/* parameters.c: each parameter, right and wrong. */
#include "../../smtpd/parameters.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *in;
	enum rule want;
} of_mail[] = {
	{ "", RULE_NONE },
	{ "  ", RULE_NONE },
	{ " SIZE=0", RULE_NONE },
	{ " size=1000 BODY=8bitmime SMTPUTF8", RULE_NONE },
	{ "SIZE=1", RULE_PARAMETER },
	{ " SIZE", RULE_PARAMETER },
	{ " SIZE=", RULE_PARAMETER },
	{ " SIZE=-1", RULE_PARAMETER },
	{ " SIZE=1x", RULE_PARAMETER },
	{ " SIZE=99999999999999999999", RULE_NONE },
	{ " SIZE=999999999999999999999", RULE_PARAMETER },
	{ " SIZE=1 SIZE=1", RULE_PARAMETER },
	{ " SIZE=1 size=2", RULE_PARAMETER },
	{ " BODY=BINARYMIME", RULE_PARAMETER },
	{ " BODY=7BIT", RULE_NONE },
	{ " SMTPUTF8=1", RULE_PARAMETER },
	{ " RET=FULL ENVID=a+2Bb", RULE_NONE },
	{ " RET=FROP", RULE_PARAMETER },
	{ " RET=FULL RET=HDRS", RULE_PARAMETER },
	{ " ENVID=a+G1", RULE_PARAMETER },
	{ " ENVID=a+3d", RULE_PARAMETER },
	{ " ENVID=a+0Ab", RULE_PARAMETER },
	{ " ENVID=a+00", RULE_PARAMETER },
	{ " ENVID=a+2", RULE_PARAMETER },
	{ " AUTH=+ZZ", RULE_PARAMETER },
	{ " AUTH=a+0Ab", RULE_PARAMETER },
	{ " AUTH=<>", RULE_NONE },
	{ " XYZZY", RULE_PARAMETER_UNKNOWN },
	{ " MT-PRIORITY=99", RULE_PARAMETER_UNKNOWN },
	{ " NOTIFY=NEVER", RULE_PARAMETER_UNKNOWN },
	{ " =1", RULE_PARAMETER },
	{ " A==1", RULE_PARAMETER },
	{ " A=\"=\"", RULE_PARAMETER },
};

static const struct {
	const char *in;
	enum rule want;
} of_rcpt[] = {
	{ "", RULE_NONE },
	{ " NOTIFY=NEVER", RULE_NONE },
	{ " NOTIFY=success,Failure,DELAY", RULE_NONE },
	{ " NOTIFY=NEVER,FAILURE", RULE_PARAMETER },
	{ " NOTIFY=FAILURE,FAILURE", RULE_PARAMETER },
	{ " NOTIFY=FAILURE,", RULE_PARAMETER },
	{ " NOTIFY=,FAILURE", RULE_PARAMETER },
	{ " NOTIFY=", RULE_PARAMETER },
	{ " NOTIFY", RULE_PARAMETER },
	{ " ORCPT=rfc822;a+2Bb@x.test", RULE_NONE },
	{ " ORCPT=a@x.test", RULE_PARAMETER },
	{ " ORCPT=rfc822;", RULE_PARAMETER },
	{ " ORCPT=rfc822;a+0Ab", RULE_PARAMETER },
	{ " ORCPT=rfc822;a ORCPT=rfc822;b", RULE_PARAMETER },
	{ " SIZE=1", RULE_PARAMETER_UNKNOWN },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int
main(void)
{
	struct parameters p;
	struct fault f = FAULT_NONE;
	size_t wrong = 0;

	for (size_t i = 0; i < COUNT(of_mail); i++)
		tap_ok(parameters_take(span_of(of_mail[i].in), false, &p, &f) ==
		        of_mail[i].want,
		    "MAIL with \"%s\"", of_mail[i].in);
	for (size_t i = 0; i < COUNT(of_rcpt); i++)
		tap_ok(parameters_take(span_of(of_rcpt[i].in), true, &p, &f) ==
		        of_rcpt[i].want,
		    "RCPT with \"%s\"", of_rcpt[i].in);

	(void)parameters_take(
	    SPAN_LIT(" SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e"), false,
	    &p, &f);
	tap_ok(parameters_size(&p) == 77 && p.value[PARAM_SMTPUTF8].len > 0 &&
	        span_eq(p.value[PARAM_BODY], "8BITMIME") &&
	        span_eq(p.value[PARAM_RET], "HDRS") &&
	        span_eq(p.value[PARAM_ENVID], "e"),
	    "what was given is kept");
	(void)parameters_take(
	    SPAN_LIT(" SIZE=99999999999999999999"), false, &p, &f);
	tap_ok(parameters_size(&p) == UINT64_MAX,
	    "a size of more than 64 bits is the largest");
	(void)parameters_take(SPAN_LIT(""), false, &p, &f);
	tap_ok(parameters_size(&p) == 0 && p.value[PARAM_SMTPUTF8].len == 0,
	    "and nothing where nothing was given");
	for (size_t n = 0; n < COUNT(of_mail); n++) {
		struct span in = span_of(of_mail[n].in);

		/* no beginning is read past its end, none gives an echo */
		for (size_t i = 0; i <= in.len; i++)
			if (parameters_take(span_head(in, i), false, &p, &f) !=
			        RULE_NONE &&
			    strlen(f.text) > 60)
				wrong++;
	}
	tap_ok(wrong == 0, "every beginning has an answer, and a short one");
	return tap_done();
}
