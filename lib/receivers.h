/* SPDX-License-Identifier: ISC */
/*
 * receivers.h: names of the journal's files, oldest first.
 */
#ifndef LIB_RECEIVERS_H
#define LIB_RECEIVERS_H

#include "span.h"

#define RECEIVER_DIRECTORY  "journal"
#define RECEIVER_NAME_MAX   24
#define RECEIVER_NUMBER_MAX 999999999999ULL

void receiver_name(uint64_t number, char out[RECEIVER_NAME_MAX]);
/* Sorted numbers of all receivers; caller frees *numbers with free(). */
enum outcome receivers_list(
    int dir, uint64_t **numbers, size_t *count, struct fault *) MUST_USE;

#endif
