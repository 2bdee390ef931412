/* SPDX-License-Identifier: ISC */
/*
 * password.h: which passwords there can be: those that a POP3 client can send.
 *
 * PASS and its argument are one command line, and spaces are part of the
 * argument (RFC 1939 7). A line has at most 255 octets with its CRLF (RFC 2449
 * 4); pop3d takes UTF-8 without control characters. A password of another form
 * would be set and open nothing, so `directory` refuses it, and auth and pop3d
 * know without a look that it is wrong.
 */
#ifndef LIB_PASSWORD_H
#define LIB_PASSWORD_H

#include "fault.h"
#include "span.h"

#define PASSWORD_MAX 248 /* octets: a line of 255 without "PASS " and CRLF */

/* PERM 5.7.8: none that can be sent; the text says why, and not the password */
enum outcome password_check(struct span, struct fault *) MUST_USE;

#endif
