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
/* A copy that lives as long as the maildrop. NULL: no memory. */
const char *snapshot_keep_name(struct maildrop *, const char *name);

#endif
