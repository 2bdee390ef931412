/* SPDX-License-Identifier: ISC */
/* message.c: what a program wrote, to what SMTP carries. */
#include "message.h"

#include "field.h"

/* The next line, without its end. false: there is none. */
static bool
next_line(struct span *rest, struct span *line)
{
	if (!span_next(rest, '\n', line))
		return false;
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool
is_folded(struct span line)
{
	return line.len > 0 && is_wsp(line.p[0]);
}

/*
 * One field of the header section: its name and its value, over all its lines.
 * false: the header section is over.
 */
static bool
next_field(struct span *rest, struct span *name, struct span *value)
{
	struct span after, line;
	const char *end;

	after = *rest;
	if (!next_line(&after, &line) || field_name(line) == 0)
		return false;
	*name = span_head(line, field_name(line));
	*value = span_from(line, span_find(line, ':') + 1);
	do {
		end = line.p + line.len;
		*rest = after;
	} while (next_line(&after, &line) && is_folded(line));
	value->len = (size_t)(end - value->p);
	return true;
}

static bool
is_dropped(struct span name)
{
	return span_same_nocase(name, SPAN_LIT("Bcc")) ||
	    span_same_nocase(name, SPAN_LIT("Resent-Bcc"));
}

/* Up to a line of one dot. */
static struct span
end_at_dot(struct span text)
{
	struct span rest = text, line;

	while (next_line(&rest, &line))
		if (span_eq(line, "."))
			return span_head(text, (size_t)(line.p - text.p));
	return text;
}

void
message_begin(struct message *m, struct span text, bool takes_dots)
{
	struct span rest, name, value, line;

	*m = (struct message){ .text = takes_dots ? text : end_at_dot(text) };
	rest = m->text;
	if (span_has_prefix(rest, "From ") && next_line(&rest, &line))
		m->text = rest;
	m->is_8bit = !span_is_ascii(m->text);
	rest = m->text;
	while (next_field(&rest, &name, &value))
		m->has_from |= span_same_nocase(name, SPAN_LIT("From"));
}

static bool
is_recipient(struct span name, bool resent)
{
	static const char prefix[] = "Resent-";

	if (span_has_prefix_nocase(name, prefix) != resent)
		return false;
	if (resent)
		name = span_from(name, sizeof(prefix) - 1);
	return span_is_word(name, "To Cc Bcc");
}

enum outcome
message_recipients(
    const struct message *m, struct addresses *out, struct fault *f)
{
	struct span rest = m->text, name, value;
	bool resent = false;

	while (next_field(&rest, &name, &value))
		resent |= is_recipient(name, true);
	rest = m->text;
	while (next_field(&rest, &name, &value))
		if (is_recipient(name, resent) &&
		    addresses_add(out, value, f) != OK)
			return fault_context(
			    f, SPAN_FMT, SPAN_ARG(span_head(name, 40)));
	return OK;
}

/* ---- out ---- */

struct writer {
	enum outcome (*put)(void *arg, struct span, struct fault *);
	void *arg;
	struct fault *f;
};

static enum outcome
put_piece(struct writer *w, struct span piece, bool is_rest)
{
	enum outcome got = OK;

	if (is_rest)
		got = w->put(w->arg, SPAN_LIT(" "), w->f);
	else if (piece.len > 0 && piece.p[0] == '.')
		got = w->put(w->arg, SPAN_LIT("."), w->f);
	if (got == OK)
		got = w->put(w->arg, piece, w->f);
	return got == OK ? w->put(w->arg, SPAN_LIT("\r\n"), w->f) : got;
}

/* Not within a character, where it is UTF-8. */
static size_t
piece_length(struct span line, bool is_rest)
{
	size_t most = MESSAGE_LINE_MAX - is_rest, n = most;

	if (line.len <= most)
		return line.len;
	while (n > most - 4 && ((unsigned char)line.p[n] & 0xC0) == 0x80)
		n--;
	return ((unsigned char)line.p[n] & 0xC0) == 0x80 ? most : n;
}

static enum outcome
put_line(struct writer *w, struct span line)
{
	bool is_rest = false;
	enum outcome got;

	do {
		struct span piece =
		    span_head(line, piece_length(line, is_rest));

		got = put_piece(w, piece, is_rest);
		line = span_from(line, piece.len);
		is_rest = true;
	} while (got == OK && line.len > 0);
	return got;
}

enum outcome
message_put(const struct message *m,
    enum outcome (*put)(void *arg, struct span, struct fault *), void *arg,
    struct fault *f)
{
	struct writer w = { put, arg, f };
	struct span rest = m->text, name, value, line;
	struct span at = rest;
	enum outcome got = OK;

	/* The header section, a field at a time. */
	while (got == OK && next_field(&rest, &name, &value)) {
		struct span field = span_head(at, (size_t)(rest.p - at.p));

		at = rest;
		if (is_dropped(name))
			continue;
		while (got == OK && next_line(&field, &line))
			got = put_line(&w, line);
	}
	while (got == OK && next_line(&rest, &line))
		got = put_line(&w, line);
	return got;
}
