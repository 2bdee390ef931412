/* SPDX-License-Identifier: ISC */
/* look.h: what can be said of the certificates that are set. */
#ifndef TLS_LOOK_H
#define TLS_LOOK_H

#include "fault.h"
#include "settings.h"

#define LOOK_AHEAD_DAYS 21 /* before its end a certificate is told */

/* Print each: label, file, names, issuer, expiry, fingerprint. PERM 5.3.5: one
   of them cannot be read; it is said. */
enum outcome look_show(const struct settings *, struct fault *) MUST_USE;
/*
 * Print what is wrong with each, and what to do: files, key match, chain, expiry,
 * the host's name, owners and modes. PERM 5.3.5: something is.
 */
enum outcome look_check(
    const struct settings *, const char *hostname, struct fault *) MUST_USE;

#endif
