/* SPDX-License-Identifier: ISC */
/* bring.c: one message from a shell: made whole, then accepted like all. */
#include "bring.h"

#include <stdio.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "field.h"
#include "prog.h"

#define FIELDS_MAX 8192 /* octets of the fields that we add */

static enum outcome
too_large(const struct bring *bring, struct fault *f)
{
	return fault_set(f, PERM, "5.3.4", 0,
	    "the message is larger than %llu octets",
	    (unsigned long long)bring->size_max);
}

/* ---- The header section; lines may end with LF alone. ---- */

struct header {
	bool date, message_id, from;
};

static struct header
look_at_header(struct span content)
{
	struct header h = { false, false, false };
	struct span line;
	bool any = false;

	while (span_next(&content, '\n', &line)) {
		struct span name = span_head(line, field_name(line));

		if (any && is_wsp((unsigned char)line.p[0]))
			continue;
		if (name.len == 0)
			break; /* the empty line, too */
		any = true;
		h.date = h.date || span_same_nocase(name, SPAN_LIT("Date"));
		h.from = h.from || span_same_nocase(name, SPAN_LIT("From"));
		h.message_id = h.message_id ||
		    span_same_nocase(name, SPAN_LIT("Message-ID"));
	}
	return h;
}

static bool
has_no_header(struct span content)
{
	return !span_has_prefix(content, "\n") && field_is_missing(content);
}

/*
 * The line that mbox files put before a message is no part of it; one that no
 * header section follows is text.
 */
static struct span
skip_mbox_line(struct span content)
{
	struct span rest = span_from(content, span_find(content, '\n') + 1);

	return span_has_prefix(content, "From ") && !has_no_header(rest)
	    ? rest
	    : content;
}

static void
put_fields(struct buf *b, const struct header *h, const struct envelope *e,
    const struct bring *bring)
{
	char date[48];

	clock_rfc5322(clock_wall_ms(), date);
	buf_addf(b, "Received: by %s (Pneu, uid %u)\r\n\tid %s;\r\n\t%s\r\n",
	    prog_hostname(), (unsigned)bring->uid, e->qid.text, date);
	if (!h->date)
		buf_addf(b, "Date: %s\r\n", date);
	if (!h->message_id)
		buf_addf(
		    b, "Message-ID: <%s@%s>\r\n", e->qid.text, prog_hostname());
	if (!h->from && path_is_null(&e->reverse_path))
		buf_addf(b, "From: MAILER-DAEMON@%s\r\n", prog_hostname());
	else if (!h->from)
		buf_addf(b, "From: <" SPAN_FMT ">\r\n",
		    SPAN_ARG(path_span(&e->reverse_path)));
}

/* LF and CRLF become CRLF; a last line without an end gets one. */
static enum outcome
put_crlf(struct buf *b, struct span in, struct fault *f)
{
	struct span line;

	while (span_next(&in, '\n', &line)) {
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (span_find(line, '\r') < line.len)
			return fault_set(f, PERM, "5.6.0", 0,
			    "a CR stands inside a line of the message");
		buf_add(b, line);
		buf_add(b, SPAN_LIT("\r\n"));
	}
	return OK;
}

static enum outcome
make_whole(struct buf *out, struct span in, const struct envelope *e,
    const struct bring *bring, struct fault *f)
{
	struct span content = skip_mbox_line(in);
	struct header h = look_at_header(content);

	put_fields(out, &h, e, bring);
	if (has_no_header(content))
		buf_add(out, SPAN_LIT("\r\n"));
	if (put_crlf(out, content, f) != OK)
		return f->outcome;
	return buf_failed(out) ? too_large(bring, f) : OK;
}

/* ---- The envelope. ---- */

static enum outcome
take_address(const char *text, bool forward, struct path *out, struct fault *f)
{
	struct span s = span_of(text);

	*out = (struct path){ 0 };
	if (s.len >= 2 && s.p[0] == '<' && s.p[s.len - 1] == '>')
		s = (struct span){ s.p + 1, s.len - 2 };
	if (s.len == 0 && !forward)
		return OK; /* the null reverse-path */
	return path_parse_bare(s, out, f);
}

static enum outcome
make_envelope(struct envelope *e, const struct bring *bring, struct fault *f)
{
	struct path path;

	qid_draw(&e->qid);
	(void)snprintf(e->proto, sizeof(e->proto), "LOCAL");
	if (take_address(bring->sender, false, &e->reverse_path, f) != OK)
		return fault_context(f, "sender");
	e->smtputf8 = !path_is_ascii(&e->reverse_path);
	for (size_t i = 0; i < bring->rcpts; i++) {
		if (take_address(bring->rcpt[i], true, &path, f) != OK)
			return fault_context(f, "recipient %zu", i + 1);
		e->smtputf8 = e->smtputf8 || !path_is_ascii(&path);
		if (envelope_add_recipient(
		        e, &path, SPAN_EMPTY, SPAN_EMPTY, f) != OK)
			return f->outcome;
	}
	return OK;
}

/* ---- Acceptance. ---- */

static enum outcome
accept_one(
    struct accept *a, struct envelope *e, struct span content, struct fault *f)
{
	struct client c = { .in = -1,
		.out = -1,
		.pass_fd = -1,
		.outbuf = BUF_INIT(CLIENT_OUT_MAX) };
	enum add_answer answer;
	uint64_t offset;
	enum outcome got;

	if (accept_check_space(a, f) != OK)
		return f->outcome;
	if (e->recipients > a->recipients_max)
		return fault_set(
		    f, TEMP, FAULT_TOO_MANY, 0, "too many recipients");
	accept_put(a, &c, e, content);
	accept_finish(a);
	got = wire_add_get_answer(
	    buf_span(&c.outbuf), &e->qid, &answer, &offset, f);
	accept_after(a);
	buf_free(&c.outbuf);
	return got;
}

/* ---- The journal: EH E1 E2 ET, as programs that send mail were noted. ---- */

static void
note(struct journal *j, const struct envelope *e, size_t size)
{
	journal_tell(j, CODE_SEND_API, &e->qid, JOURNAL_NONE);
	journal_tell(j, CODE_SEND_ORIGINATOR, &e->qid,
	    JOURNAL_FIELDS(JOURNAL_ANY("from", e->reverse_path.text)));
	for (size_t i = 0; i < e->recipients; i++)
		journal_tell(j, CODE_SEND_RECIPIENT, &e->qid,
		    JOURNAL_FIELDS(JOURNAL_NUM("n", e->recipient[i].n),
		        JOURNAL_TEXT("to", e->recipient[i].forward_path.text)));
	journal_tell(j, CODE_SEND_SIZE, &e->qid,
	    JOURNAL_FIELDS(JOURNAL_NUM("size", size)));
	journal_tell(j, CODE_QUEUED_IN, &e->qid, JOURNAL_NONE);
	journal_flush(j);
}

enum outcome
bring_message(struct accept *a, const struct bring *bring, int fd,
    struct qid *qid, struct fault *f)
{
	struct buf in = BUF_INIT(bring->size_max);
	struct buf content = BUF_INIT(2 * bring->size_max + FIELDS_MAX);
	struct envelope e;
	enum outcome got;

	envelope_begin(&e);
	got = make_envelope(&e, bring, f);
	if (got == OK && fds_read_to_end(fd, "message", &in, f) != OK)
		got = f->outcome == PERM ? too_large(bring, f) : TEMP;
	if (got == OK)
		got = make_whole(&content, buf_span(&in), &e, bring, f);
	if (got == OK)
		got = accept_one(a, &e, buf_span(&content), f);
	if (got == OK) {
		*qid = e.qid;
		note(a->journal, &e, content.len);
	}
	envelope_free(&e);
	buf_free(&in);
	buf_free(&content);
	return got;
}
