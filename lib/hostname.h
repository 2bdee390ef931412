/* SPDX-License-Identifier: ISC */
/*
 * hostname.h: the one name by which this system calls itself, in banner, EHLO,
 * trace field and reports. It is always a domain of RFC 5321 4.1.2.
 */
#ifndef LIB_HOSTNAME_H
#define LIB_HOSTNAME_H

#include "path.h"
#include "settings.h"

#define HOSTNAME_SIZE (DOMAIN_MAX + 1)

/*
 * [pneu] hostname, else the machine's own name where it is fully qualified,
 * else that name in the first local domain that is ASCII. A resolver is never
 * asked, a start must not wait for it.
 *
 * PERM	the machine's own name cannot stand there (`(none)`, `my_host`), the
 *	text says so. out has localhost in that domain: mail goes on.
 */
enum outcome hostname_find(
    const struct settings *, char out[HOSTNAME_SIZE], struct fault *) MUST_USE;

#endif
