/* SPDX-License-Identifier: ISC */
/*
 * codes.h: the journal's codes as constants, CODE_ALARM and so on, and as a
 * table. The rows are in codes.def; pages list them, and a test compares.
 */
#ifndef LIB_CODES_H
#define LIB_CODES_H

#include "span.h"

#define CODE(constant, code, name, english, trace)                             \
	static const char CODE_##constant[] __attribute__((unused)) = code;
#include "codes.def"
#undef CODE

struct code {
	const char *code, *name, *english, *trace; /* as codes.def says */
};

extern const struct code codes[]; /* ends with a NULL code */
/* By its two characters, or NULL. */
const struct code *code_find(struct span code);

#endif
