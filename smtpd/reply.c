/* SPDX-License-Identifier: ISC */
/* reply.c: what is said to the client, and told to the journal. */
#include "session.h"

#include "codes.h"

/*
 * Refusals with an entry of their own, until a message is queued; the others are
 * counted: no client may fill the journal.
 */
#define REFUSALS_TOLD 5

#define REPLY_TEXT_MAX 510 /* octets; with CRLF 512. RFC 5321 4.5.3.1.5 */

enum kind { BAD, LOCAL, MILD, ENDS }; /* rules.def says what they are */

struct refusal {
	const char *name;
	const char *reply;
	const char *enhanced;
	enum kind kind;
	const char *journal;
	const char *text;
};

static const struct refusal refusals[RULES] = {
#define RULE(constant, ...) [RULE_##constant] = { __VA_ARGS__ },
#include "rules.def"
#undef RULE
};

/* ---- To the journal. ---- */

static void
put_client(const struct session *s, struct record_out out)
{
	record_put_optional(out, "ip", span_of(s->peer->ip));
	record_put_optional(out, "helo", span_of(s->helo));
	record_put_optional(out, "account", span_of(s->account));
	record_put_optional(out, "user", span_of(s->user));
}

static void
put_tls(const struct session *s, struct record_out out)
{
	const struct tls *t = s->tls;

	if (t == NULL)
		return;
	record_puts(out, "tls", t->version);
	record_puts(out, "cipher", t->cipher);
	record_put_optional(out, "sni", span_of(t->server_name));
	record_put_optional(out, "certificate", span_of(t->client));
}

void
entries_queued(struct session *s)
{
	struct journal *j = &s->server->journal;
	const struct envelope *e = s->envelope;
	bool is_sent = s->set->role == ROLE_LOCAL;
	struct record_out out = journal_begin(
	    j, is_sent ? CODE_SEND_API : CODE_LOCAL_RECEIVED, &e->qid);

	put_client(s, out);
	record_puts(out, "proto", e->proto);
	if (s->relay != NULL)
		record_puts(out, "relay", s->relay);
	put_tls(s, out);
	journal_end(j, out);
	out = journal_begin(
	    j, is_sent ? CODE_SEND_ORIGINATOR : CODE_ORIGINATOR, &e->qid);
	record_put(out, "from", path_span(&e->reverse_path));
	journal_end(j, out);
	out = journal_begin(
	    j, is_sent ? CODE_SEND_SIZE : CODE_MESSAGE_SIZE, &e->qid);
	record_put_num(out, "size", s->content->size);
	journal_end(j, out);
	if (s->content->message_id[0] != '\0') {
		out = journal_begin(j, CODE_MESSAGE_ID, &e->qid);
		record_puts(out, "id", s->content->message_id);
		journal_end(j, out);
	}
	for (size_t i = 0; i < e->recipients; i++) {
		const struct recipient *r = &e->recipient[i];

		out = journal_begin(
		    j, is_sent ? CODE_SEND_RECIPIENT : CODE_RECIPIENT, &e->qid);
		record_put_num(out, "n", r->n);
		record_put(out, "to", path_span(&r->forward_path));
		journal_end(j, out);
	}
	journal_end(j, journal_begin(j, CODE_QUEUED_IN, &e->qid));
	s->journal_due = true;
}

void
entries_no_tls(struct session *s, const struct fault *why)
{
	struct journal *j = &s->server->journal;
	struct record_out out = journal_begin(j, CODE_CONN_REFUSED, NULL);

	record_puts(out, "rule", "tls");
	put_client(s, out);
	record_puts(out, "text", why->text);
	journal_end(j, out);
}

void
entries_untold(struct session *s)
{
	struct journal *j = &s->server->journal;
	struct record_out out;

	if (s->untold == 0)
		return;
	out = journal_begin(j, CODE_REJECTED, NULL);
	record_puts(out, "rule", "more");
	record_put_num(out, "n", s->untold);
	put_client(s, out);
	journal_end(j, out);
}

/* Nobody fills the journal so: each has its transaction, or its login. */
void
entries_report(struct session *s, enum rule rule, const char *report)
{
	const struct refusal *r = &refusals[rule];
	struct journal *j = &s->server->journal;
	struct record_out out;

	if (s->refusals++ >= REFUSALS_TOLD)
		return;
	out = journal_begin(j, CODE_REJECTED, NULL);
	record_puts(out, "rule", r->name);
	record_puts(out, "report", report);
	put_client(s, out);
	record_put_optional(out, "from", path_span(&s->envelope->reverse_path));
	record_puts(out, "text", r->text);
	journal_end(j, out);
}

static void
tell_refusal(struct session *s, const struct refusal *r, const struct fault *f,
    struct span to)
{
	struct journal *j = &s->server->journal;
	const struct envelope *e = s->envelope;
	bool in_transaction = s->phase >= PHASE_MAIL && s->phase < PHASE_OVER;
	struct record_out out;

	if (r->kind != ENDS && s->refusals++ >= REFUSALS_TOLD) {
		s->untold++;
		return;
	}
	out = journal_begin(j, r->journal, in_transaction ? &e->qid : NULL);
	record_puts(out, "rule", r->name);
	record_puts(out, "reply", r->reply);
	record_puts(out, "code", f->code);
	put_client(s, out);
	/* Of a MAIL that is refused the path is there, too. */
	if (in_transaction || !path_is_null(&e->reverse_path))
		record_put(out, "from", path_span(&e->reverse_path));
	record_put_optional(out, "to", to);
	record_puts(out, "text", f->text);
	journal_end(j, out);
	if (j->pending.len > JOURNAL_PENDING_HIGH)
		s->journal_due = true;
}

/* ---- To the client. ---- */

void
reply_line(struct session *s, const char *const parts[])
{
	char line[REPLY_TEXT_MAX + 2];
	struct fault f;
	size_t n = 0;

	for (; *parts != NULL; parts++) {
		const char *p = *parts;

		for (; *p != '\0' && n < REPLY_TEXT_MAX; p++) {
			bool may_stay =
			    *p == ' ' || is_graph((unsigned char)*p);

			line[n++] = may_stay ? *p : '?';
		}
	}
	trace_line(&s->server->trace, false, (struct span){ line, n });
	line[n++] = '\r';
	line[n++] = '\n';
	if (s->phase != PHASE_OVER &&
	    stream_put(s->io, (struct span){ line, n }, &f) != OK)
		session_enter(s, PHASE_OVER);
}

void
refuse_for(
    struct session *s, enum rule rule, const struct fault *why, struct span to)
{
	const struct refusal *r = &refusals[rule];
	bool is_local = r->kind == LOCAL;
	struct fault own;

	(void)fault_set(&own, r->reply[0] == '4' ? TEMP : PERM, r->enhanced, 0,
	    "%s", r->text);
	if (why == NULL || why->outcome == OK)
		why = &own;
	reply(s, r->reply, " ", is_local ? own.code : why->code, " ",
	    is_local ? own.text : why->text);
	s->errors += r->kind == BAD;
	/* Not the client's fault, but no mail either. */
	s->idle_commands += is_local;
	if (r->journal != NULL)
		tell_refusal(s, r, why, to);
	if (r->kind == ENDS) {
		s->has_unread = true;
		session_enter(s, PHASE_OVER);
	}
}

void
refuse(struct session *s, enum rule rule)
{
	refuse_for(s, rule, NULL, SPAN_EMPTY);
}
