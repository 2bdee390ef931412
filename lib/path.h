/* SPDX-License-Identifier: ISC */
/*
 * path.h: reverse-path and forward-path of RFC 5321, parsed once; from here on
 * nobody sees raw text. A path is kept as the text between < and >, source
 * route removed, and its two halves.
 */
#ifndef LIB_PATH_H
#define LIB_PATH_H

#include "span.h"

/* RFC 5321 4.5.3.1.1 to 4.5.3.1.3: floors there, maxima here, by choice. */
#define LOCAL_PART_MAX 64
#define DOMAIN_MAX     255
#define PATH_TEXT_MAX  (LOCAL_PART_MAX + 1 + DOMAIN_MAX) /* without < > */

/* Owns its text. An empty text is the null reverse-path `<>`. */
struct path {
	char text[PATH_TEXT_MAX + 1]; /* local-part@domain, as it was given */
	size_t len, local_len; /* of the text; of the local-part in it */
};

enum path_kind { PATH_REVERSE, PATH_FORWARD };

/*
 * Parse `<...>` at the start of in. Quoted strings, source routes (dropped,
 * RFC 5321 4.1.2 and appendix C), address literals (checked: IPv4, IPv6), UTF-8
 * in both halves when utf8 is set (RFC 6531 3.3). Of a reverse-path `<>` is
 * accepted; of a forward-path `Postmaster` without a domain, in any case, which
 * stays without one (4.1.1.3).
 *
 * rest	what follows '>'
 *
 * PERM	5.1.3 bad syntax of a forward-path, 5.1.7 of a reverse-path; 5.6.7 UTF-8
 *	where utf8 is not set. The text never echoes the input.
 */
enum outcome path_parse(enum path_kind, struct span in, bool utf8,
    struct path *out, struct span *rest, struct fault *) MUST_USE;
/*
 * The same for the inner text alone, as in a record: `ann@example.org`. UTF-8
 * is allowed; an empty text (the null reverse-path) is the caller's to see.
 */
enum outcome path_parse_bare(
    struct span in, struct path *out, struct fault *) MUST_USE;

/* A domain, or an address literal, as it stands after the @: also in EHLO. */
bool path_is_domain(struct span, bool utf8);

static inline bool
path_is_null(const struct path *p)
{
	return p->len == 0;
}

/* Between < and >. */
static inline struct span
path_span(const struct path *p)
{
	return (struct span){ p->text, p->len };
}

static inline struct span
path_local(const struct path *p)
{
	return (struct span){ p->text, p->local_len };
}

/* Empty for <Postmaster>. */
static inline struct span
path_domain(const struct path *p)
{
	return span_from(path_span(p), p->local_len + 1);
}

static inline bool
path_is_ascii(const struct path *p)
{
	return span_is_ascii(path_span(p));
}

#endif
