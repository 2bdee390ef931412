/* SPDX-License-Identifier: ISC */
/*
 * phrase.h: words with values in them, for people.
 *
 *	{key}	the value of key, so that it cannot be taken for several words
 *		or for the end of its place: buf_add_value()
 *	{key|text}	it is a sentence, and its words stand as they are, as
 *		far as they may be shown. For the end of a line
 *	{key|ms}	milliseconds: "3d 4h", "2m 5s"
 *	{key|s}	seconds, in one unit: "3d", "2m"
 *	{key|size}	octets: "12.3 GB"
 *	{key:9}	filled up with spaces to 9 octets; a form may stand before it
 *	{key:>9}	the same, with the spaces before it
 *	{@60}	spaces, up to octet 60 of the phrase
 *	[...]	left out when a {key} of it has nothing to say
 *	\x	x itself
 */
#ifndef LIB_PHRASE_H
#define LIB_PHRASE_H

#include "record.h"

/* Append the value of key to b, as it is. False: nothing to say. */
typedef bool phrase_value(const void *arg, struct span key, struct buf *b);

void phrase_put(
    struct buf *, const char *words, phrase_value *, const void *arg);
/* A phrase_value: the fields of the record that arg points to. */
bool phrase_field(const void *record, struct span key, struct buf *);

#endif
