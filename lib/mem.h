/* SPDX-License-Identifier: ISC */
/*
 * mem.h: memory that is there. Lack of it ends the process with a line on fd 2
 * and exit status 111: whoever asked hears "try again later", and what is on
 * disk is as after a kill.
 */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stddef.h>

/* n members of `size` octets, zeroed. The caller frees with free(). */
void *mem_new(size_t n, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));
/* p, of which the caller lets go, with room for n members; what is new in it is
   not zeroed. */
void *mem_grow(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));
/* A copy of text; of n octets, with a closing 0. */
char *mem_text(const char *text)
    __attribute__((returns_nonnull, warn_unused_result));
char *mem_copy(const char *p, size_t n)
    __attribute__((returns_nonnull, warn_unused_result));

#endif
