/* SPDX-License-Identifier: ISC */
/*
 * buf.h: owned octets with a hard maximum.
 *
 * Adding never fails half: what does not fit into the maximum is not added at
 * all, and the buffer counts it as missed until buf_reset() or buf_undo(). So a writer adds what it has and asks buf_failed() once, at the
 * end, before anything leaves the program. p is never NULL and p[len] is always 0.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdarg.h>

#include "span.h"

struct buf {
	char *p;
	size_t len, cap, max;
	size_t missed; /* octets that were not added */
};

extern char buf_nothing[1]; /* what an empty buffer points to */
#define BUF_INIT(maximum) ((struct buf){ buf_nothing, 0, 0, (maximum), 0 })

void buf_add(struct buf *, struct span);
void buf_adds(struct buf *, const char *);
void buf_addc(struct buf *, char);
/* What may be shown of it, and '?' for each octet of the rest. */
void buf_add_printable(struct buf *, struct span);
/*
 * A value from anywhere, so that it cannot be taken for more than one. ASCII
 * graphics without '"', '\' and '=' stand as they are; any other value is put
 * into double quotes, with \" and \\ in it, and \xHH for each octet that may not
 * be shown. A '=' after a space is \x3D too: ` ip=` is never part of a value.
 */
void buf_add_value(struct buf *, struct span);
void buf_addf(struct buf *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *, const char *format, va_list)
    __attribute__((format(printf, 2, 0)));
/* Room for n more octets at p + len, or false: over the maximum. */
bool buf_reserve(struct buf *, size_t n);
void buf_extend(struct buf *, size_t n); /* by what was put there */
void buf_drop(struct buf *, size_t n); /* the first n octets go */
/*
 * Room for a read behind what waits from *at on: at most `most` octets, and no
 * less than `least` but where the maximum leaves less; 0: none. What stands
 * before *at goes when fewer than those are free in its memory.
 */
size_t buf_room(struct buf *, size_t *at, size_t most, size_t least);
void buf_cut(struct buf *, size_t len); /* only the first len stay */
/* As it was when it had len octets, whatever was missed since. */
void buf_undo(struct buf *, size_t len);
void buf_reset(struct buf *); /* empty, keeps its memory */
void buf_free(struct buf *); /* empty, reusable */
bool buf_failed(const struct buf *);
struct span buf_span(const struct buf *); /* dead when the buffer changes */

#endif
