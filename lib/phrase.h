/* SPDX-License-Identifier: ISC */
/*
 * phrase.h: words with values in them, for a person.
 *
 *	{key}	the value of key
 *	{key:9}	the same, filled up with spaces to 9 octets
 *	[...]	left out when a {key} of it has nothing to say
 *	\x	x itself
 */
#ifndef LIB_PHRASE_H
#define LIB_PHRASE_H

#include "record.h"

/* Append the value of key to b, as it may be shown. False: nothing to say. */
typedef bool phrase_value(const void *arg, struct span key, struct buf *b);

void phrase_put(
    struct buf *, const char *words, phrase_value *, const void *arg);
/* A phrase_value: the fields of the record that arg points to. */
bool phrase_field(const void *record, struct span key, struct buf *);

#endif
