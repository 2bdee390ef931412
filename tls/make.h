/* SPDX-License-Identifier: ISC */
/* make.h: certificates of one's own, for development and for a closed network. */
#ifndef TLS_MAKE_H
#define TLS_MAKE_H

#include "fault.h"
#include "settings.h"

#define MAKE_DIRECTORY "tls" /* of the home */
#define MAKE_CA        MAKE_DIRECTORY "/ca.pem"
#define MAKE_CA_KEY    MAKE_DIRECTORY "/ca.key"
#define MAKE_SERVER    MAKE_DIRECTORY "/server.pem"
#define MAKE_KEY       MAKE_DIRECTORY "/server.key"

/*
 * An authority, unless there is one, and a certificate of it (P-256) for this
 * host's name, localhost, the local domains, 127.0.0.1 and ::1. The cwd is the
 * home. PERM: there is one already, and not `again`. TEMP: the disk.
 */
enum outcome make_certificates(const struct settings *, const char *hostname,
    bool again, struct fault *) MUST_USE;

#endif
