/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h: what maildrop.c needs of the list. maildrop_open(), _order() and
 * _free() are in snapshot.c.
 */
#ifndef POP3D_SNAPSHOT_H
#define POP3D_SNAPSHOT_H

#include "maildrop.h"

/* The order of two struct message, by their bases; for bsearch(). */
int snapshot_compare(const void *, const void *);
/*
 * What Maildir++ puts into a name, whoever delivered it: S= the octets of the
 * file, W= the same with CRLF ends. False when it does not say both.
 */
bool snapshot_sizes(const struct message *, uint64_t *file, uint64_t *octets);

#endif
