/* SPDX-License-Identifier: ISC */
/*
 * content.c: one pass over what came, a line at a time. What a piece of input
 * has only the start of waits in `line` until its end comes, so each line is
 * looked at whole, however the network cut it.
 */
#include "content.h"

#include <string.h>

#include "clock.h"
#include "field.h"
#include "tls.h"

/* The longest line that may be set, or what waits to go to queue-add (submit.h),
   and a read's octets after it: of content twice as many when each is a bare LF. */
#define BUF_MAX (256UL * 1024)

void
content_init(struct content *c, const struct smtpd_settings *set)
{
	*c = (struct content){
		.set = set, .buf = BUF_INIT(BUF_MAX), .line = BUF_INIT(BUF_MAX)
	};
}

void
content_free(struct content *c)
{
	buf_free(&c->buf);
	buf_free(&c->line);
}

void
content_reset(struct content *c)
{
	buf_reset(&c->buf);
	buf_reset(&c->line);
	*c = (struct content){ .set = c->set, .buf = c->buf, .line = c->line };
}

void
content_begin(struct content *c, const struct envelope *e, const char *hostname,
    const struct tls *tls)
{
	bool has_ip =
	    e->ip[0] != '\0'; /* else a pipe: there is nobody to name */
	bool is_v6 = strchr(e->ip, ':') != NULL;
	bool is_one = e->recipients == 1; /* of several none is named */
	const char *before_ip = is_v6 ? " ([IPv6:" : " ([";
	char date[48];
	const char *const trace[] = { "Received: from ", e->helo,
		has_ip ? before_ip : "", e->ip, has_ip ? "])" : "", "\r\n\tby ",
		hostname, " (Pneu) with ", e->proto, " id ", e->qid.text,
		is_one ? "\r\n\tfor <" : "",
		is_one ? e->recipient[0].forward_path.text : "",
		is_one ? ">" : "", tls == NULL ? "" : "\r\n\ttls ",
		tls == NULL ? "" : tls->cipher, tls == NULL ? "" : " (",
		tls == NULL ? "" : tls->version, tls == NULL ? "" : ")",
		";\r\n\t", date, "\r\n" };

	content_reset(c);
	c->in_header = true;
	clock_rfc5322(clock_wall_ms(), date);
	for (size_t i = 0; i < sizeof(trace) / sizeof(trace[0]); i++)
		buf_adds(&c->buf, trace[i]);
}

static void
refuse_content(struct content *c, enum rule rule)
{
	c->has_bare |= rule == RULE_BARE_CR || rule == RULE_BARE_LF;
	if (c->refused == RULE_NONE)
		c->refused = rule;
}

/* ---- The header section. ---- */

static void
take_message_id(struct content *c, struct span value)
{
	struct cur cur = cur_over(value);

	(void)cur_while(&cur, is_wsp);
	value = cur_rest(&cur);
	while (value.len > 0 && is_wsp(value.p[value.len - 1]))
		value.len--;
	c->id_open = value.len == 0; /* folded: it stands on the next line */
	(void)span_copy(span_head(value, MESSAGE_ID_MAX), c->message_id,
	    sizeof(c->message_id));
}

static void
end_header(struct content *c)
{
	c->in_header = false;
	fixup_end(&c->fixup, &c->buf, c->message_id, sizeof(c->message_id));
}

void
content_end(struct content *c)
{
	if (c->in_header)
		end_header(c);
}

/* A line of the header section, without its end. */
static void
look_at_field(struct content *c, struct span line)
{
	static const char id[] = "Message-ID:";
	bool is_folded_id = c->id_open && line.len > 0 && is_wsp(line.p[0]);

	c->id_open = false;
	if (c->size == 0 && field_is_missing(line)) {
		/* The first line is no field: all is body, and an empty line
		   goes between it and the trace field, which is no content of
		   the client's either. */
		end_header(c);
		buf_adds(&c->buf, "\r\n");
	} else if (is_folded_id) {
		take_message_id(c, line);
	} else if (line.len == 0 ||
	    (c->fixup.is_wanted && fixup_look(&c->fixup, line))) {
		end_header(c);
	} else if (span_has_prefix_nocase(line, "Received:")) {
		/* RFC 5321 6.3: many of them are a loop. */
		if (++c->received_fields > c->set->received_max)
			refuse_content(c, RULE_LOOP);
	} else if (c->message_id[0] == '\0' &&
	    span_has_prefix_nocase(line, id)) {
		take_message_id(c, span_from(line, sizeof(id) - 1));
	}
}

/* ---- Lines. ---- */

/* What is left of a line when its dot-stuffing is undone. True: it is the end of
   data. A dot alone with a bare LF before or behind it is neither: it stays. */
static bool
undo_stuffing(struct span *text, bool is_bare)
{
	if (text->len == 0 || text->p[0] != '.')
		return false;
	if (text->len == 1)
		return !is_bare;
	*text = span_from(*text, 1);
	return false;
}

/* A whole line, with its LF. True: it was the end of data. */
static bool
take_line(struct content *c, struct span line, bool stuffed)
{
	struct span text = span_head(line, line.len - 1);
	bool is_bare = text.len == 0 || text.p[text.len - 1] != '\r';
	bool was_bare = c->after_bare;

	if (!is_bare)
		text.len--;
	if (stuffed && undo_stuffing(&text, is_bare || was_bare))
		return true;
	c->after_bare = is_bare;
	if (is_bare && c->set->bare_lf == BARE_REJECT)
		refuse_content(c, RULE_BARE_LF);
	if (span_find(text, '\r') < text.len)
		refuse_content(c, RULE_BARE_CR);
	if (text.len + 2 > c->set->text_line_max)
		refuse_content(c, RULE_TEXT_LINE);
	if (c->in_header && c->refused == RULE_NONE)
		look_at_field(c, text);
	if (c->refused != RULE_NONE)
		return false;
	if (text.len > 0 && text.p[0] == '.')
		c->dots = true;
	c->size += text.len + 2;
	if (is_bare) {
		buf_add(&c->buf, text);
		text = SPAN_LIT("\r\n");
	} else {
		text.len += 2; /* its CRLF stands behind it */
	}
	buf_add(&c->buf, text);
	return false;
}

/* More of a line whose start waits already, or whose end has not come. */
static struct span
join_line(struct content *c, struct span part)
{
	size_t most = c->set->text_line_max + 1; /* a stuffed dot is no text */
	struct buf *b = &c->line;

	buf_add(b, part);
	if (b->len > most && b->p[b->len - 1] != '\n') {
		size_t n = b->len - most;

		refuse_content(c, RULE_TEXT_LINE);
		if (span_find(span_head(buf_span(b), n), '\r') < n)
			refuse_content(c, RULE_BARE_CR);
		/* Kept is too much to be a dot alone, and how it ends. */
		buf_drop(b, n);
	}
	return buf_span(b);
}

size_t
content_take(struct content *c, struct span in, bool stuffed, bool *ended)
{
	struct span rest = in;
	size_t used;

	*ended = false;
	while (rest.len > 0 && !*ended) {
		struct span line = span_head(rest, span_find(rest, '\n') + 1);
		bool is_whole = line.p[line.len - 1] == '\n';

		rest = span_from(rest, line.len);
		if (c->line.len > 0 || !is_whole)
			line = join_line(c, line);
		if (is_whole) {
			*ended = take_line(c, line, stuffed);
			buf_reset(&c->line);
		}
	}
	used = in.len - rest.len;
	c->received += used;
	/* RFC 2045 2.7, 2.8: neither 7bit nor 8bit data has NUL. */
	if (span_find(span_head(in, used), '\0') < used)
		refuse_content(c, RULE_NUL);
	if (c->size > c->set->max_size)
		refuse_content(c, RULE_SIZE);
	if (buf_failed(&c->buf) || buf_failed(&c->line))
		refuse_content(c, RULE_LOCAL_ERROR);
	return used;
}

void
content_close(struct content *c)
{
	bool ended;

	if (c->line.len > 0)
		(void)content_take(c, SPAN_LIT("\r\n"), false, &ended);
}
