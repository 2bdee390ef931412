/* SPDX-License-Identifier: ISC */
/*
 * report_text.c: the report to a sender, RFC 3464. What it repeats of others
 * (the addresses, the original recipient, the envelope id) was parsed before,
 * but nothing here relies on it: buf_add_printable() lets no octet through that
 * could end a line.
 */
#include "report_text.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

_Static_assert(REPORT_HEADER_MAX + REPORT_TEXT_MAX <= REPORT_MAX,
    "a report is one small request");

/* What one recipient costs at most in both parts, besides its own texts. */
#define REPORT_RECIPIENT_COST 512
/* No number of a recipient: into the qid of a report of a delay. */
#define DELAYED_MIX (UINT64_C(1) << 32)

static size_t
cost(const struct report_recipient *failed)
{
	size_t n = REPORT_RECIPIENT_COST;

	/* Addresses and texts stand in both parts. */
	n += 2 * failed->recipient->forward_path.len;
	n += 2 * strlen(failed->text);
	if (failed->recipient->orcpt != NULL)
		n += strlen(failed->recipient->orcpt);
	return n;
}

size_t
report_share(const struct report *n, struct qid *qid)
{
	size_t share = 0, octets = 0;
	uint64_t mix;

	while (share < n->n) {
		octets += cost(&n->failed[share]);
		if (share > 0 && octets > REPORT_TEXT_MAX)
			break;
		share++;
	}
	/*
	 * One recipient: its number. Several: a mix of all numbers (FNV-1a), for
	 * a report about others must not meet `exists`.
	 */
	mix = n->failed[0].recipient->n;
	for (size_t i = 1; i < share; i++)
		mix = (mix ^ n->failed[i].recipient->n) * 1099511628211U;
	if (n->action == REPORT_DELAYED)
		mix = (mix ^ DELAYED_MIX) * 1099511628211U;
	qid_derive(&n->of->qid, mix, qid);
	return share;
}

struct span
report_header(struct span content)
{
	size_t end = 0;

	while (end < content.len) {
		struct span line = span_from(content, end);
		size_t len = span_find(line, '\n') + 1;

		if (len > line.len || end + len > REPORT_HEADER_MAX ||
		    span_has_prefix(line, "\r\n"))
			break;
		end += len;
	}
	return span_head(content, end);
}

/* xtext of RFC 3461 4, decoded; what is not xtext stands as it is. */
static void
print_xtext(struct buf *b, struct span s)
{
	while (s.len > 0) {
		int hi = -1, lo = -1;
		char octet;

		if (s.p[0] == '+' && s.len >= 3) {
			hi = hex_digit((unsigned char)s.p[1]);
			lo = hex_digit((unsigned char)s.p[2]);
		}
		if (hi >= 0 && lo >= 0) {
			octet = (char)(hi << 4 | lo);
			buf_add_printable(b, (struct span){ &octet, 1 });
			s = span_from(s, 3);
		} else {
			buf_add_printable(b, span_head(s, 1));
			s = span_from(s, 1);
		}
	}
}

/* Does it name an address in UTF-8? Then RFC 6533's types serve. */
static bool
is_global(const struct report *n, size_t share)
{
	if (!path_is_ascii(&n->of->reverse_path))
		return true;
	for (size_t i = 0; i < share; i++)
		if (!path_is_ascii(&n->failed[i].recipient->forward_path))
			return true;
	return false;
}

static void
put_top(struct buf *b, const struct report *n, const struct qid *qid)
{
	char date[48];

	clock_rfc5322(n->now_ms, date);
	buf_addf(b, "Date: %s\r\n", date);
	/* RFC 3464 2: the address of a person; 5321 4.5.1 has one everywhere. */
	buf_addf(
	    b, "From: Mail Delivery System <postmaster@%s>\r\n", n->postmaster);
	buf_adds(b, "To: <");
	buf_add_printable(b, path_span(&n->of->reverse_path));
	buf_adds(b, ">\r\n");
	buf_addf(b, "Message-ID: <%s@%s>\r\n", qid->text, n->hostname);
	buf_adds(b,
	    n->action == REPORT_DELAYED
	        ? "Subject: Delayed mail (still being tried)\r\n"
	        : "Subject: Undelivered mail returned to sender\r\n");
	/* RFC 3834 5: no vacation program answers it. */
	buf_adds(b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_addf(b,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"=_%s\"\r\n\r\n"
	    "This is a delivery report in MIME format.\r\n",
	    qid->text);
}

static void
put_part(struct buf *b, const struct qid *qid, const char *type, bool ascii)
{
	buf_addf(b, "\r\n--=_%s\r\nContent-Type: %s\r\n", qid->text, type);
	if (!ascii)
		buf_adds(b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_adds(b, "\r\n");
}

static void
put_for_people(struct buf *b, const struct report *n, size_t share)
{
	bool delayed = n->action == REPORT_DELAYED;

	buf_addf(b,
	    "This is the mail system at %s.\r\n\r\n"
	    "Your message could not %sbe delivered to %s below.\r\n"
	    "It will %sbe tried again; its header section is attached.\r\n",
	    n->hostname, delayed ? "yet " : "",
	    share == 1 ? "the address" : "the addresses",
	    delayed ? "" : "not ");
	for (size_t i = 0; i < share; i++) {
		buf_adds(b, "\r\n    <");
		buf_add_printable(
		    b, path_span(&n->failed[i].recipient->forward_path));
		buf_adds(b, ">\r\n        ");
		buf_add_printable(b, span_of(n->failed[i].text));
		buf_addf(b, " (%s)\r\n", n->failed[i].code);
	}
}

/* RFC 3464 2.2: the fields of the message. */
static void
put_message_fields(struct buf *b, const struct report *n)
{
	char date[48];

	buf_addf(b, "Reporting-MTA: dns; %s\r\n", n->hostname);
	if (n->of->envid[0] != '\0') {
		buf_adds(b, "Original-Envelope-Id: ");
		print_xtext(b, span_of(n->of->envid));
		buf_adds(b, "\r\n");
	}
	buf_addf(b, "X-Pneu-Queue-Id: %s\r\n", n->of->qid.text);
	clock_rfc5322(n->of->time_ms, date);
	buf_addf(b, "Arrival-Date: %s\r\n", date);
}

/* RFC 3464 2.3: the fields of one recipient, in their order. */
static void
put_recipient_fields(struct buf *b, const struct report *n,
    const struct report_recipient *failed)
{
	const struct recipient *r = failed->recipient;
	char date[48];

	buf_adds(b, "\r\n");
	if (r->orcpt != NULL && r->orcpt[0] != '\0') {
		struct span rest = span_of(r->orcpt), type;

		(void)span_next(&rest, ';', &type);
		buf_adds(b, "Original-Recipient: ");
		buf_add_printable(b, type);
		buf_adds(b, "; ");
		print_xtext(b, rest);
		buf_adds(b, "\r\n");
	}
	buf_addf(b, "Final-Recipient: %s; ",
	    path_is_ascii(&r->forward_path) ? "rfc822" : "utf-8");
	buf_add_printable(b, path_span(&r->forward_path));
	buf_addf(b, "\r\nAction: %s\r\nStatus: %s\r\n",
	    n->action == REPORT_DELAYED ? "delayed" : "failed", failed->code);
	/* No reply of a remote server: not type smtp. RFC 3464 2.3.6. */
	buf_addf(b, "Diagnostic-Code: x-pneu; %s ", failed->code);
	buf_add_printable(b, span_of(failed->text));
	clock_rfc5322(n->now_ms, date);
	buf_addf(b, "\r\nLast-Attempt-Date: %s\r\n", date);
	if (n->action == REPORT_DELAYED && n->until_ms > 0) {
		clock_rfc5322(n->until_ms, date);
		buf_addf(b, "Will-Retry-Until: %s\r\n", date);
	}
}

static enum outcome
put_envelope(const struct report *n, const struct qid *qid, bool global,
    struct envelope *e, struct fault *f)
{
	envelope_begin(e);
	e->qid = *qid;
	e->time_ms = n->now_ms;
	e->reverse_path = (struct path){ .len = 0 };
	e->smtputf8 = global;
	(void)snprintf(e->helo, sizeof(e->helo), "%s", n->hostname);
	(void)snprintf(e->proto, sizeof(e->proto), "notice");
	/* RFC 3461 6.1 and RFC 5321 4.5.5: no report about a report. */
	return envelope_add_recipient(
	    e, &n->of->reverse_path, SPAN_LIT("NEVER"), SPAN_EMPTY, f);
}

enum outcome
report_put_text(const struct report *n, const struct qid *qid,
    struct envelope *e, struct buf *b, struct fault *f)
{
	struct qid same;
	size_t share = report_share(n, &same);
	bool global = is_global(n, share);
	bool header_ascii = span_is_ascii(n->header);

	if (put_envelope(n, qid, global, e, f) != OK)
		return f->outcome;
	if (!header_ascii || global)
		(void)snprintf(e->body, sizeof(e->body), "8BITMIME");
	put_top(b, n, qid);
	put_part(b, qid, "text/plain; charset=utf-8", !global);
	put_for_people(b, n, share);
	put_part(b, qid,
	    global ? "message/global-delivery-status"
	           : "message/delivery-status",
	    !global);
	put_message_fields(b, n);
	for (size_t i = 0; i < share; i++)
		put_recipient_fields(b, n, &n->failed[i]);
	put_part(b, qid,
	    header_ascii ? "text/rfc822-headers" : "message/global-headers",
	    header_ascii);
	buf_add(b, n->header);
	buf_addf(b, "\r\n--=_%s--\r\n", qid->text);
	if (buf_failed(b))
		return fault_set(f, TEMP, "4.3.0", 0, "report: no memory");
	return OK;
}
