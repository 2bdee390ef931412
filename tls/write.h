/* SPDX-License-Identifier: ISC */
/*
 * write.h: certificates and keys to files, so that a reader finds the old one or
 * the new one, each as a whole: written and synced as .NAME.new, then renamed.
 */
#ifndef TLS_WRITE_H
#define TLS_WRITE_H

#include <openssl/x509.h>
#include <sys/types.h>

#include "fault.h"

/*
 * Certificates (NULL: none), then the key (NULL: none), beside `path`. TEMP
 * 4.3.0: the disk; nothing is left there.
 */
enum outcome write_beside(const char *path, mode_t mode, STACK_OF(X509) *,
    EVP_PKEY *key, struct fault *) MUST_USE;
/* Give it its name. TEMP 4.3.0: the disk; not `replaces`, and there is one. */
enum outcome write_take(
    const char *path, bool replaces, struct fault *) MUST_USE;

#endif
