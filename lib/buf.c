/* SPDX-License-Identifier: ISC */
/* buf.c: owned octets with a hard maximum. */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define BUF_FIRST 256 /* octets of the first allocation. Ours */

char buf_nothing[1];

/* Counted without overflow; wanting nothing is no success either. */
static bool
miss(struct buf *b, size_t n)
{
	if (!size_add(b->missed, n == 0 ? 1 : n, &b->missed))
		b->missed = SIZE_MAX;
	return false;
}

bool
buf_reserve(struct buf *b, size_t n)
{
	size_t want, cap = b->cap == 0 ? BUF_FIRST : b->cap;

	if (b->missed > 0 || !size_add(b->len, n, &want) || want > b->max)
		return miss(b, n);
	if (want < b->cap)
		return true; /* one octet is kept for the closing 0 */
	while (cap <= want)
		cap *= 2;
	b->p = mem_grow(b->cap == 0 ? NULL : b->p, cap, 1);
	b->cap = cap;
	b->p[b->len] = '\0';
	return true;
}

void
buf_add(struct buf *b, struct span s)
{
	if (s.len == 0 || !buf_reserve(b, s.len))
		return;
	memcpy(b->p + b->len, s.p, s.len);
	buf_extend(b, s.len);
}

void
buf_extend(struct buf *b, size_t n)
{
	b->len += n;
	b->p[b->len] = '\0';
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, span_of(s));
}

void
buf_add_printable(struct buf *b, struct span s)
{
	while (s.len > 0) {
		size_t n = utf8_printable(s);

		if (n == 0) {
			buf_addc(b, '?');
			n = 1;
		} else {
			buf_add(b, span_head(s, n));
		}
		s = span_from(s, n);
	}
}

static bool
is_plain(int c)
{
	return is_graph(c) && c != '"' && c != '\\' && c != '=';
}

void
buf_add_value(struct buf *b, struct span s)
{
	bool plain = span_is_all(s, is_plain), spaced = false;

	if (!plain)
		buf_addc(b, '"');
	while (s.len > 0) {
		size_t n = utf8_printable(s);

		/* ` key=` is what a search for a field looks for. */
		if (n == 0 || (*s.p == '=' && spaced)) {
			n = 1;
			buf_addf(b, "\\x%02X", (unsigned char)*s.p);
		} else {
			if (*s.p == '"' || *s.p == '\\')
				buf_addc(b, '\\');
			buf_add(b, span_head(s, n));
		}
		spaced |= !is_graph((unsigned char)*s.p);
		s = span_from(s, n);
	}
	if (!plain)
		buf_addc(b, '"');
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, (struct span){ &c, 1 });
}

void
buf_addv(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		(void)miss(b, 1);
	if (n <= 0 || !buf_reserve(b, (size_t)n))
		return;
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, format, ap);
	b->len += (size_t)n;
}

void
buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_addv(b, format, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		buf_cut(b, 0);
		return;
	}
	memmove(b->p, b->p + n, b->len - n);
	buf_cut(b, b->len - n);
}

size_t
buf_room(struct buf *b, size_t *at, size_t most, size_t least)
{
	size_t end = b->cap < b->max ? b->cap : b->max;
	size_t room;

	if (*at == b->len || (*at > 0 && end - b->len <= least)) {
		buf_drop(b, *at);
		*at = 0;
	}
	room = b->max - b->len < most ? b->max - b->len : most;
	/* Memory that is worth a read does not grow. */
	if (b->cap > b->len + least && room > b->cap - b->len - 1)
		room = b->cap - b->len - 1;
	return room > 0 && buf_reserve(b, room) ? room : 0;
}

void
buf_cut(struct buf *b, size_t len)
{
	if (len > b->len)
		abort(); /* a caller's mistake: never go on with it */
	b->len = len;
	if (b->cap > 0)
		b->p[len] = '\0';
}

void
buf_undo(struct buf *b, size_t len)
{
	buf_cut(b, len);
	b->missed = 0;
}

void
buf_reset(struct buf *b)
{
	buf_undo(b, 0);
}

void
buf_free(struct buf *b)
{
	if (b->cap > 0)
		free(b->p);
	*b = BUF_INIT(b->max);
}

bool
buf_failed(const struct buf *b)
{
	return b->missed > 0;
}

struct span
buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}
