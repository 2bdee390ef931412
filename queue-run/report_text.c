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
/* No number of a recipient: into the qid of a report of a delay, twice that of
   one of relaying. */
#define ACTION_MIX (UINT64_C(1) << 32)
#define FNV_PRIME  1099511628211U

size_t
report_share(const struct report *n, struct qid *qid)
{
	size_t share = 0, octets = 0;
	uint64_t mix = 0;

	for (; share < n->n; share++) {
		const struct recipient *r = n->failed[share].recipient;

		/* Addresses and texts stand in both parts. */
		octets += REPORT_RECIPIENT_COST +
		    2 * (r->forward_path.len + strlen(n->failed[share].text)) +
		    strlen(n->failed[share].host) +
		    (r->orcpt == NULL ? 0 : strlen(r->orcpt));
		if (share > 0 && octets > REPORT_TEXT_MAX)
			break;
		/* One recipient: its number. Several: a mix of all (FNV-1a), for
		   a report about others must not meet `exists`. */
		mix = share == 0 ? r->n : (mix ^ r->n) * FNV_PRIME;
	}
	if (n->action != REPORT_FAILED)
		mix = (mix ^ n->action * ACTION_MIX) * FNV_PRIME;
	qid_derive(&n->of->qid, mix, qid);
	return share;
}

struct span
report_header(struct span content)
{
	struct span head = span_head(content,
	    content.len < REPORT_HEADER_MAX ? content.len : REPORT_HEADER_MAX);
	const char *end = memmem(head.p, head.len, "\r\n\r\n", 4);

	if (span_has_prefix(head, "\r\n"))
		return SPAN_EMPTY;
	/* Without an empty line all of it, but half a line. */
	end = end != NULL ? end + 1 : memrchr(head.p, '\n', head.len);
	return span_head(head, end == NULL ? 0 : (size_t)(end - head.p) + 1);
}

/* ---- Parts of lines. ---- */

static void
put_text(struct buf *b, const char *before, struct span s, const char *after)
{
	buf_adds(b, before);
	buf_add_printable(b, s);
	buf_adds(b, after);
}

/* xtext of RFC 3461 4, decoded; what is not xtext stands as it is. */
static void
put_xtext(struct buf *b, const char *before, struct span s)
{
	buf_adds(b, before);
	while (s.len > 0) {
		int hi = -1, lo = -1;
		char octet = s.p[0];

		if (octet == '+' && s.len >= 3) {
			hi = hex_digit((unsigned char)s.p[1]);
			lo = hex_digit((unsigned char)s.p[2]);
		}
		if (hi >= 0 && lo >= 0)
			octet = (char)(hi << 4 | lo);
		buf_add_printable(b, (struct span){ &octet, 1 });
		s = span_from(s, hi >= 0 && lo >= 0 ? 3 : 1);
	}
	buf_adds(b, "\r\n");
}

static void
put_date(struct buf *b, const char *field, uint64_t ms)
{
	char date[48];

	clock_rfc5322(ms, date);
	buf_addf(b, "%s: %s\r\n", field, date);
}

/* ---- The parts of a report. ---- */

static const struct {
	const char *action; /* RFC 3464 2.3.3 */
	const char *subject, *did, *will;
} words[REPORT_ACTIONS] = {
	[REPORT_FAILED] = { "failed", "Undelivered mail returned to sender",
	    "could not be delivered to", "It will not be tried again" },
	[REPORT_DELAYED] = { "delayed", "Delayed mail (still being tried)",
	    "could not yet be delivered to", "It will be tried again" },
	[REPORT_RELAYED] = { "relayed", "Relayed mail",
	    "was relayed to a system that sends no report of success for",
	    "You may hear of a failure, and of nothing else" },
};

/* Does it name an address in UTF-8? Then RFC 6533's types serve. */
static bool
is_global(const struct report *n)
{
	bool ascii = path_is_ascii(&n->of->reverse_path);

	for (size_t i = 0; i < n->n; i++)
		ascii &= path_is_ascii(&n->failed[i].recipient->forward_path);
	return !ascii;
}

static void
put_top(struct buf *b, const struct report *n, const struct qid *qid)
{
	put_date(b, "Date", n->now_ms);
	/* RFC 3464 2: the address of a person; 5321 4.5.1 has one everywhere. */
	buf_addf(
	    b, "From: Mail Delivery System <postmaster@%s>\r\n", n->postmaster);
	put_text(b, "To: <", path_span(&n->of->reverse_path), ">\r\n");
	/* RFC 3834 5: no vacation program answers it. */
	buf_addf(b,
	    "Message-ID: <%s@%s>\r\n"
	    "Subject: %s\r\n"
	    "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"=_%s\"\r\n\r\n"
	    "This is a delivery report in MIME format.\r\n",
	    qid->text, n->hostname, words[n->action].subject, qid->text);
}

static void
put_part(struct buf *b, const struct qid *qid, const char *type, bool ascii)
{
	buf_addf(b, "\r\n--=_%s\r\nContent-Type: %s\r\n%s\r\n", qid->text, type,
	    ascii ? "" : "Content-Transfer-Encoding: 8bit\r\n");
}

static void
put_for_people(struct buf *b, const struct report *n)
{
	buf_addf(b,
	    "This is the mail system at %s.\r\n\r\n"
	    "Your message %s %s below.\r\n"
	    "%s; its header section is attached.\r\n",
	    n->hostname, words[n->action].did,
	    n->n == 1 ? "the address" : "the addresses", words[n->action].will);
	for (size_t i = 0; i < n->n; i++) {
		put_text(b, "\r\n    <",
		    path_span(&n->failed[i].recipient->forward_path), ">");
		put_text(b, "\r\n        ", span_of(n->failed[i].host),
		    n->failed[i].host[0] == '\0' ? "" : ": ");
		put_text(b, "", span_of(n->failed[i].text), "");
		buf_addf(b, " (%s)\r\n", n->failed[i].code);
	}
}

/* RFC 3464 2.2: the fields of the message. */
static void
put_message_fields(struct buf *b, const struct report *n)
{
	buf_addf(b, "Reporting-MTA: dns; %s\r\n", n->hostname);
	if (n->of->envid[0] != '\0')
		put_xtext(b, "Original-Envelope-Id: ", span_of(n->of->envid));
	buf_addf(b, "X-Pneu-Queue-Id: %s\r\n", n->of->qid.text);
	put_date(b, "Arrival-Date", n->of->time_ms);
}

/* RFC 3464 2.3.5: a name, or the address in brackets where there is none. */
static void
put_remote(struct buf *b, const char *host)
{
	struct span s = span_of(host);
	size_t name = span_find(s, '[');

	if (name == 0)
		name = span_find(s, ']') + 1;
	if (s.len > 0)
		put_text(b, "Remote-MTA: dns; ",
		    span_head(s, name < s.len ? name : s.len), "\r\n");
}

/* RFC 3464 2.3.6: the reply of a remote server as it came, or our own words. */
static void
put_diagnostic(struct buf *b, const struct report_recipient *failed)
{
	bool has_code = span_has_prefix(span_of(failed->text), failed->code);

	if (failed->reply != 0)
		buf_addf(b, "Diagnostic-Code: smtp; %u ", failed->reply);
	else
		buf_adds(b, "Diagnostic-Code: x-pneu; ");
	if (!has_code)
		buf_addf(b, "%s ", failed->code);
	put_text(b, "", span_of(failed->text), "\r\n");
}

/* RFC 3464 2.3: the fields of one recipient, in their order. */
static void
put_recipient_fields(struct buf *b, const struct report *n,
    const struct report_recipient *failed)
{
	const struct recipient *r = failed->recipient;
	bool delayed = n->action == REPORT_DELAYED;

	buf_adds(b, "\r\n");
	if (r->orcpt != NULL && r->orcpt[0] != '\0') {
		struct span rest = span_of(r->orcpt), type;

		(void)span_next(&rest, ';', &type);
		put_text(b, "Original-Recipient: ", type, "");
		put_xtext(b, "; ", rest);
	}
	put_text(b,
	    path_is_ascii(&r->forward_path) ? "Final-Recipient: rfc822; "
	                                    : "Final-Recipient: utf-8; ",
	    path_span(&r->forward_path), "\r\n");
	buf_addf(b, "Action: %s\r\nStatus: %s\r\n", words[n->action].action,
	    failed->code);
	put_remote(b, failed->host);
	put_diagnostic(b, failed);
	put_date(b, "Last-Attempt-Date", n->now_ms);
	if (delayed && n->until_ms > 0)
		put_date(b, "Will-Retry-Until", n->until_ms);
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
	if (global || !span_is_ascii(n->header))
		(void)snprintf(e->body, sizeof(e->body), "8BITMIME");
	/* RFC 3461 6.1 and RFC 5321 4.5.5: no report about a report. */
	return envelope_add_recipient(
	    e, &n->of->reverse_path, SPAN_LIT("NEVER"), SPAN_EMPTY, f);
}

enum outcome
report_put_text(const struct report *n, const struct qid *qid,
    struct envelope *e, struct buf *b, struct fault *f)
{
	bool global = is_global(n), header_ascii = span_is_ascii(n->header);

	if (put_envelope(n, qid, global, e, f) != OK)
		return f->outcome;
	put_top(b, n, qid);
	put_part(b, qid, "text/plain; charset=utf-8", !global);
	put_for_people(b, n);
	put_part(b, qid,
	    global ? "message/global-delivery-status"
	           : "message/delivery-status",
	    !global);
	put_message_fields(b, n);
	for (size_t i = 0; i < n->n; i++)
		put_recipient_fields(b, n, &n->failed[i]);
	put_part(b, qid,
	    header_ascii ? "text/rfc822-headers" : "message/global-headers",
	    header_ascii);
	buf_add(b, n->header);
	buf_addf(b, "\r\n--=_%s--\r\n", qid->text);
	return buf_failed(b)
	    ? fault_set(f, TEMP, "4.3.0", 0, "report: too large")
	    : OK;
}
