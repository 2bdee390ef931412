/* SPDX-License-Identifier: ISC */
/*
 * content.c: one pass over what came, a line at a time with memchr(), copied
 * in runs: an octet is looked at by the processor's widest means and moved
 * once.
 */
#include "content.h"

#include <string.h>

#include "clock.h"
#include "field.h"

/* What of the input is not yet looked at, and what is not yet copied. */
struct pass {
	const char *from, *at, *end;
};

/* ---- The trace field. ---- */

static void
put_client(struct buf *b, const struct trace *t)
{
	buf_add(b, t->helo);
	if (t->ip.len == 0)
		return; /* a pipe: there is nobody to name */
	buf_adds(b, span_find(t->ip, ':') < t->ip.len ? " ([IPv6:" : " ([");
	buf_add(b, t->ip);
	buf_adds(b, "])");
}

static void
put_trace(struct buf *b, const struct trace *t)
{
	char date[48];

	clock_rfc5322(t->wall_ms, date);
	buf_adds(b, "Received: from ");
	put_client(b, t);
	buf_adds(b, "\r\n\tby ");
	buf_add(b, t->host);
	buf_adds(b, " (Pneu) with ");
	buf_add(b, t->protocol);
	buf_adds(b, " id ");
	buf_add(b, t->qid);
	if (t->recipient.len > 0) {
		buf_adds(b, "\r\n\tfor <");
		buf_add(b, t->recipient);
		buf_addc(b, '>');
	}
	buf_adds(b, ";\r\n\t");
	buf_adds(b, date);
	buf_adds(b, "\r\n");
}

void
content_begin(struct content *c, const struct settings *set, struct buf *buf,
    const struct trace *trace)
{
	*c = (struct content){
		.set = set, .buf = buf, .at_line_start = true, .in_header = true
	};
	buf_reset(buf);
	if (buf_reserve(buf, CONTENT_FRONT))
		buf->len = CONTENT_FRONT;
	put_trace(buf, trace);
	c->line_at = buf->len;
}

void
content_reset(struct content *c)
{
	struct buf *buf = c->buf;

	*c = (struct content){ .set = c->set, .buf = buf };
	buf_reset(buf);
}

/* ---- The header section. ---- */

static void
take_message_id(struct content *c, struct span value)
{
	struct cur cur = cur_over(value);

	(void)cur_while(&cur, is_wsp);
	value = cur_rest(&cur);
	value.len -= 2; /* CRLF: the line is whole */
	while (value.len > 0 && is_wsp(value.p[value.len - 1]))
		value.len--;
	c->id_open = value.len == 0; /* folded: it stands on the next line */
	(void)span_copy(span_head(value, MESSAGE_ID_MAX), c->message_id,
	    sizeof(c->message_id));
}

/*
 * The first line is no field: all is body, and an empty line goes between it
 * and the trace field, which is no content of the client's either.
 */
static void
part_from_trace(struct content *c)
{
	struct buf *b = c->buf;
	size_t len = b->len - c->line_at;

	c->in_header = false;
	buf_adds(b, "\r\n");
	if (buf_failed(b))
		return;
	memmove(b->p + c->line_at + 2, b->p + c->line_at, len);
	memcpy(b->p + c->line_at, "\r\n", 2);
}

/* The line from line_at on is whole and lies in buf. */
static void
look_at_field(struct content *c)
{
	static const char received[] = "Received:", id[] = "Message-ID:";
	struct span line = span_from(buf_span(c->buf), c->line_at);
	bool is_folded_id = c->id_open && is_wsp(line.p[0]);
	bool is_first = !c->has_line;

	c->has_line = true;
	c->id_open = false;
	if (is_first && field_is_missing(line)) {
		part_from_trace(c);
	} else if (is_folded_id) {
		take_message_id(c, line);
	} else if (span_eq(line, "\r\n")) {
		c->in_header = false;
	} else if (span_has_prefix_nocase(line, received)) {
		/* RFC 5321 6.3: many of them are a loop. */
		if (++c->received_fields > c->set->smtpd.received_max &&
		    c->refused == RULE_NONE)
			c->refused = RULE_LOOP;
	} else if (span_has_prefix_nocase(line, id) &&
	    c->message_id[0] == '\0') {
		take_message_id(c, span_from(line, sizeof(id) - 1));
	}
}

/* ---- Octets. ---- */

static void
refuse_content(struct content *c, enum rule rule)
{
	if (c->refused == RULE_NONE)
		c->refused = rule;
}

static void
add(struct content *c, struct span s)
{
	c->size += s.len;
	if (c->refused == RULE_NONE)
		buf_add(c->buf, s);
}

/* Copy the run up to `at`; the next one begins `skip` octets later. */
static void
keep_run(struct content *c, struct pass *p, size_t skip)
{
	add(c, (struct span){ p->from, (size_t)(p->at - p->from) });
	p->at += skip;
	p->from = p->at;
}

/* Of memory: what is kept is not all of it. */
static void
refuse_if_short(struct content *c)
{
	if (buf_failed(c->buf))
		refuse_content(c, RULE_LOCAL_ERROR);
}

static void
add_length(struct content *c, size_t n)
{
	c->line_len += n;
	if (c->line_len + 2 > c->set->smtpd.text_line_max)
		refuse_content(c, RULE_TEXT_LINE);
}

static void
end_line(struct content *c, struct pass *p, bool bare)
{
	c->line_len = 0;
	c->at_line_start = true;
	c->after_bare = bare;
	if (!c->in_header || c->refused != RULE_NONE)
		return;
	keep_run(c, p, 0);
	if (buf_failed(c->buf))
		return;
	look_at_field(c);
	c->line_at = c->buf->len;
}

/*
 * A CR or LF alone. Accepted, it becomes the end of a line. skip: it stands at
 * p->at still; 0: the last piece ended in it.
 */
static void
take_bare(struct content *c, struct pass *p, char octet, size_t skip)
{
	const struct smtpd_settings *set = &c->set->smtpd;

	if ((octet == '\n' ? set->bare_lf : set->bare_cr) == BARE_ACCEPT) {
		keep_run(c, p, skip);
		add(c, SPAN_LIT("\r\n"));
		end_line(c, p, true);
	} else {
		refuse_content(c, octet == '\n' ? RULE_BARE_LF : RULE_BARE_CR);
		p->at += skip;
	}
}

/* The last piece ended in a CR that has not been copied. */
static void
settle_cr(struct content *c, struct pass *p)
{
	c->has_cr = false;
	if (p->at == p->end || *p->at != '\n') {
		take_bare(c, p, '\r', 0);
		return;
	}
	p->from = ++p->at;
	add(c, SPAN_LIT("\r\n"));
	end_line(c, p, false);
}

/*
 * At the start of a line of DATA: the end of data, or a dot to take away.
 * false: what follows the dot must be seen first. After a bare LF or CR (where
 * they are accepted) a dot alone is neither: it ends nothing and stays.
 */
static bool
undo_stuffing(struct content *c, struct pass *p, bool *ended)
{
	static const char end[] = ".\r\n";
	size_t left = (size_t)(p->end - p->at);
	size_t n = left < 3 ? left : 3;

	if (*p->at != '.')
		return true;
	if (memcmp(p->at, end, n) == 0) {
		if (n < 3)
			return false;
		if (c->after_bare)
			return true;
		keep_run(c, p, 3);
		*ended = true;
		return true;
	}
	if (!(c->after_bare && (p->at[1] == '\n' || p->at[1] == '\r')))
		keep_run(c, p, 1);
	return true;
}

/* From p->at to the end of its line, or of what is there. */
static void
take_piece(struct content *c, struct pass *p)
{
	const char *lf = memchr(p->at, '\n', (size_t)(p->end - p->at));
	const char *stop = lf == NULL ? p->end : lf;
	const char *cr = memchr(p->at, '\r', (size_t)(stop - p->at));
	const char *text_end = cr == NULL ? stop : cr;

	c->at_line_start = false;
	add_length(c, (size_t)(text_end - p->at));
	p->at = text_end;
	if (cr != NULL && cr + 1 == lf) {
		p->at = lf + 1;
		end_line(c, p, false);
	} else if (cr != NULL && cr + 1 == p->end) {
		keep_run(c, p, 1);
		c->has_cr = true;
	} else if (cr != NULL) {
		take_bare(c, p, '\r', 1);
	} else if (lf != NULL) {
		take_bare(c, p, '\n', 1);
	}
}

static size_t
take(struct content *c, struct span in, bool stuffed, bool *ended)
{
	struct pass p = { in.p, in.p, in.p + in.len };
	size_t used;

	if (c->has_cr && in.len > 0)
		settle_cr(c, &p);
	while (p.at < p.end && !*ended) {
		if (c->at_line_start && stuffed && !undo_stuffing(c, &p, ended))
			break;
		if (*ended)
			break;
		if (c->at_line_start && *p.at == '.')
			c->dots = true;
		take_piece(c, &p);
	}
	keep_run(c, &p, 0);
	used = (size_t)(p.at - in.p);
	c->received += used;
	/* RFC 2045 2.7, 2.8: neither 7bit nor 8bit data has NUL. */
	if (used > 0 && memchr(in.p, '\0', used) != NULL)
		refuse_content(c, RULE_NUL);
	if (c->size > c->set->smtpd.max_size)
		refuse_content(c, RULE_SIZE);
	refuse_if_short(c);
	return used;
}

size_t
content_take_data(struct content *c, struct span in, bool *ended)
{
	*ended = false;
	return take(c, in, true, ended);
}

void
content_take_chunk(struct content *c, struct span in)
{
	bool ended = false;

	(void)take(c, in, false, &ended);
}

void
content_close(struct content *c)
{
	struct pass p = { "", "", "" };

	if (c->has_cr)
		settle_cr(c, &p);
	if (!c->at_line_start) {
		add(c, SPAN_LIT("\r\n"));
		end_line(c, &p, false);
	}
	refuse_if_short(c);
}

/* ---- What leaves. ---- */

struct span
content_waiting(const struct content *c)
{
	return span_from(buf_span(c->buf), CONTENT_FRONT);
}

struct span
content_ready(const struct content *c)
{
	struct span s = content_waiting(c);

	/* A header line is looked at when it is whole: it waits in buf. */
	if (c->in_header)
		s = span_head(s, c->line_at - CONTENT_FRONT);
	return s;
}

void
content_drop(struct content *c, size_t n)
{
	struct buf *b = c->buf;
	size_t left = b->len - CONTENT_FRONT - n;

	if (left > 0)
		memmove(b->p + CONTENT_FRONT, b->p + CONTENT_FRONT + n, left);
	buf_cut(b, CONTENT_FRONT + left);
	c->line_at =
	    c->line_at > n + CONTENT_FRONT ? c->line_at - n : CONTENT_FRONT;
}
