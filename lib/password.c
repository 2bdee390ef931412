/* SPDX-License-Identifier: ISC */
/* password.c: which passwords there can be. */
#include "password.h"

enum outcome
password_check(struct span password, struct fault *f)
{
	if (password.len == 0)
		return fault_set(f, PERM, "5.7.8", 0, "the password is empty");
	if (password.len > PASSWORD_MAX)
		return fault_set(f, PERM, "5.7.8", 0,
		    "the password is over %d octets, which no POP3 client can "
		    "send",
		    PASSWORD_MAX);
	if (span_has_control(password))
		return fault_set(f, PERM, "5.7.8", 0,
		    "the password has a control character (as TAB is), which "
		    "no POP3 client can send");
	if (!utf8_is_valid(password))
		return fault_set(
		    f, PERM, "5.7.8", 0, "the password is not UTF-8 text");
	return OK;
}
