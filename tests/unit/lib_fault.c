/* SPDX-License-Identifier: ISC */
#include "fault.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

int
main(void)
{
	struct fault f = FAULT_NONE, second = FAULT_NONE;
	char big[1000];

	tap_ok(fault_set(&f, TEMP, "4.3.1", ENOSPC, "write %s", "x") == TEMP &&
	        f.error == ENOSPC &&
	        strcmp(f.text, "write x: No space left on device") == 0,
	    "a fault says what and why");
	tap_ok(fault_context(&f, "accept") == TEMP &&
	        strcmp(f.text, "accept: write x: No space left on device") == 0,
	    "context stands before it");
	(void)fault_set(&second, PERM, "5.0.0", 0, "aside");
	fault_append(&f, &second);
	tap_ok(f.outcome == TEMP && strstr(f.text, "; aside") != NULL,
	    "a second fault does not change the outcome");
	(void)fault_set(&f, PERM, "5.1.3", 0, "a\r\nb\t\x80\xC3\xA4");
	tap_ok(strcmp(f.text, "a??b??\xC3\xA4") == 0,
	    "control octets and broken UTF-8 become '?'");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)fault_set(&f, PERM, "5.1.3", 0, "%s", big);
	(void)fault_context(&f, "%s", big);
	tap_ok(strlen(f.text) == FAULT_TEXT_MAX - 1, "a long text is cut");
	tap_ok(strcmp(outcome_word(OK), "ok") == 0 &&
	        strcmp(outcome_word(PERM), "perm") == 0 &&
	        strcmp(outcome_word((enum outcome)7), "temp") == 0,
	    "what is unknown is temp");
	return tap_done();
}
