/* SPDX-License-Identifier: ISC */
/*
 * trouble.h: queue/trouble: a write to the disk failed. The kernel tells an
 * error once, and the program that was told may be dead in the next moment: so
 * whoever is told leaves this file at once. While it stands, what a listing
 * finds is read back from the disk before it is believed, and what is found in
 * a mailbox is not let go. A person who has looked removes it.
 * Source: ours, doc/PROTOCOL.md.
 */
#ifndef LIB_TROUBLE_H
#define LIB_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

/* queue: a descriptor of the queue directory. The first trouble tells the most:
   a later one leaves it as it is. False: it could not be made. */
bool trouble_set(int queue, const char *program, const char *text);
/* True as well when it cannot be told. */
bool trouble_stands(int queue);
/* Its line, for a person: no octet that a terminal obeys. False: there is no
   trouble; one that cannot be read is an empty text. */
bool trouble_text(int queue, char *out, size_t size);

#endif
