/* SPDX-License-Identifier: ISC */
/*
 * output.h: what a command prints. With --json each thing that it tells is an
 * object on a line of its own; without, the text is made of the same object by
 * a phrase (phrase.h), so that both say the same.
 */
#ifndef LIB_OUTPUT_H
#define LIB_OUTPUT_H

#include <jansson.h>

#include "buf.h"

/* Octets from anywhere as a JSON string. What is no UTF-8 JSON cannot say:
   then with '?' for each such octet. NULL: no memory. */
json_t *json_text(struct span);

/* The object, or the words with its values; words NULL: no text. What is
   missing, empty, false or 0 has nothing to say. The object is taken over. */
void output(json_t *, const char *words);

/*
 * Parts of it, where one phrase is not enough; the object stays the caller's.
 * The first is nothing without --json, the others nothing with it.
 */
void output_json(const json_t *);
void output_text(const json_t *, const char *words);
/* The words for each of a list: {#} is its number, from 1; {.} is itself, where
   it is no object. */
void output_each(const json_t *list, const char *words);
/* Headings, sums: what --json has no need of. */
void output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Append the words with the object's values. */
void output_phrase(struct buf *, const json_t *, const char *words);

#endif
