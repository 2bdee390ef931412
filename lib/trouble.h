/* SPDX-License-Identifier: ISC */
/*
 * trouble.h: queue/trouble records that a write or an fsync failed. fsync
 * reports an error only once, so the process that sees it creates this file.
 * While it exists, files that a listing finds are read back from the disk before
 * use, and no message is removed for a delivery that is only found in a mailbox.
 * An operator who has looked at the disk removes it (queue tidy). Format:
 * doc/PROTOCOL.md.
 */
#ifndef LIB_TROUBLE_H
#define LIB_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

/* queue: a descriptor of the queue directory. The first error tells the most: a
   later one leaves the file as it is. False: it could not be made. */
bool trouble_set(int queue, const char *program, const char *text);
/* True, too, when that cannot be found out. */
bool trouble_stands(int queue);
/* Its line, in printable characters. False: there is no such file; one that
   cannot be read is an empty text. */
bool trouble_text(int queue, char *out, size_t size);

#endif
