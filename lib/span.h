/* SPDX-License-Identifier: ISC */
/*
 * span.h: borrowed octets, a cursor over them, and numbers in text.
 *
 * A span borrows: it is never freed, never NULL, and dead when what it borrows
 * from changes. All parsers take spans and return spans; none touches a raw
 * char pointer.
 */
#ifndef LIB_SPAN_H
#define LIB_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct span {
	const char *p;
	size_t len;
};

#define SPAN_EMPTY  ((struct span){ "", 0 })
#define SPAN_LIT(s) ((struct span){ (s), sizeof(s) - 1 })
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) (int)(s).len, (s).p

struct span span_of(const char *); /* a C string */
struct span span_from(struct span, size_t skip); /* all after skip octets */
struct span span_head(struct span, size_t len); /* the first len octets */
bool span_eq(struct span, const char *);
bool span_same(struct span, struct span);
bool span_same_nocase(struct span, struct span); /* ASCII letters fold */
bool span_is_word(
    struct span, const char *words); /* one of `A B C`; in any case */
bool span_has_prefix(struct span, const char *);
bool span_has_prefix_nocase(struct span, const char *);
bool span_is_all(struct span, bool (*is)(int)); /* every octet of it */
bool span_is_ascii(struct span); /* no octet over 127 */
bool span_has_control(struct span); /* an octet below space, or DEL */
/* Index of the first such octet, or the span's length. */
size_t span_find(struct span, char);
/* Its lines; a last one without LF counts. */
uint64_t span_count_lines(struct span);
/* All up to its last LF, with it; the rest is no line yet. */
struct span span_whole_lines(struct span);
/* Take the part before the first `by`, and step over it; false at the end. */
bool span_next(struct span *rest, char by, struct span *part);
/* Copy with a closing 0; false (and "") when it does not fit. */
bool span_copy(struct span, char *out, size_t size);

/* A cursor: cur_peek() is -1 at the end, so no loop passes it. What is asked for
   each octet stands here, for the compiler to put in place. */
struct cur {
	const char *p, *end;
};

static inline struct cur
cur_over(struct span s)
{
	return (struct cur){ s.p, s.p + s.len };
}

/* The next octet 0..255, or -1. */
static inline int
cur_peek(const struct cur *c)
{
	return c->p < c->end ? (unsigned char)*c->p : -1;
}

/* The same, and step over it. */
static inline int
cur_take(struct cur *c)
{
	return c->p < c->end ? (unsigned char)*c->p++ : -1;
}

/* Step over it if it is next. */
static inline bool
cur_eat(struct cur *c, char want)
{
	if (cur_peek(c) != (unsigned char)want)
		return false;
	c->p++;
	return true;
}

static inline struct span
cur_rest(const struct cur *c)
{
	return (struct span){ c->p, (size_t)(c->end - c->p) };
}

bool cur_eat_nocase(struct cur *, const char *word);
struct span cur_while(struct cur *, bool (*is)(int));

/* Classes of RFC 5234 and 5322; -1 is in none of them. */
static inline bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alnum(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_wsp(int c)
{
	return c == ' ' || c == '\t';
}

/* 0x21-0x7E */
static inline bool
is_graph(int c)
{
	return c >= 0x21 && c <= 0x7E;
}

/* ASCII only. */
static inline int
to_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool is_atext(int); /* RFC 5322 3.2.3, and octets over 127 (RFC 6531) */
int hex_digit(int); /* 0-9 A-F: its value; else -1 */

/*
 * Length in octets of the character at the start of s if it may be shown: an
 * ASCII graphic or space, or well-formed UTF-8 from U+00A0 on but for U+2028,
 * U+2029, U+FEFF and the bidirectional controls. 0 otherwise. Source: ours.
 */
size_t utf8_printable(struct span s);
/* Is all of it well-formed UTF-8? Source: RFC 3629 4. */
bool utf8_is_valid(struct span);

/* A number of 1*DIGIT within min..max and nothing else; false if it is not. */
bool num_parse(struct span, uint64_t min, uint64_t max, uint64_t *out);
/* The same of a variable of the environment; false, too, without it. */
bool num_from_env(const char *name, uint64_t min, uint64_t max, uint64_t *out);
/* False on overflow; then *out is not set. */
bool size_add(size_t a, size_t b, size_t *out);

#endif
