/* SPDX-License-Identifier: ISC */
/* entries.c: what the journal is told. */
#include "entries.h"

#include "codes.h"

static void
put_client(const struct session *s, struct record_out out)
{
	if (s->peer->ip[0] != '\0')
		record_puts(out, "ip", s->peer->ip);
	if (s->helo[0] != '\0')
		record_puts(out, "helo", s->helo);
}

static void
put_recipients(const struct session *s)
{
	struct journal *j = &s->server->journal;
	const struct envelope *e = s->envelope;

	for (size_t i = 0; i < e->recipients; i++) {
		struct record_out out =
		    journal_begin(j, CODE_RECIPIENT, &e->qid);

		record_put_num(out, "n", e->recipient[i].n);
		record_put(out, "to", path_span(&e->recipient[i].forward_path));
		journal_end(j, out);
	}
}

void
entries_queued(struct session *s)
{
	struct journal *j = &s->server->journal;
	const struct envelope *e = s->envelope;
	struct record_out out;

	if (j->fd == -1)
		return;
	out = journal_begin(j, CODE_LOCAL_RECEIVED, &e->qid);
	put_client(s, out);
	record_puts(out, "proto", e->proto);
	journal_end(j, out);
	out = journal_begin(j, CODE_ORIGINATOR, &e->qid);
	record_put(out, "from", path_span(&e->reverse_path));
	journal_end(j, out);
	out = journal_begin(j, CODE_MESSAGE_SIZE, &e->qid);
	record_put_num(out, "size", s->content.size);
	journal_end(j, out);
	if (s->content.message_id[0] != '\0') {
		out = journal_begin(j, CODE_MESSAGE_ID, &e->qid);
		record_puts(out, "id", s->content.message_id);
		journal_end(j, out);
	}
	put_recipients(s);
	journal_end(j, journal_begin(j, CODE_QUEUED_IN, &e->qid));
	s->journal_due = true;
}

void
entries_untold(struct session *s)
{
	struct journal *j = &s->server->journal;
	struct record_out out;

	if (j->fd == -1 || s->untold == 0)
		return;
	out = journal_begin(j, CODE_REJECTED, NULL);
	record_puts(out, "rule", "more");
	record_put_num(out, "n", s->untold);
	put_client(s, out);
	journal_end(j, out);
}

void
entries_refused(struct session *s, const char *code, const char *rule,
    int reply, const struct fault *f, struct span to)
{
	struct journal *j = &s->server->journal;
	const struct envelope *e = s->envelope;
	bool in_transaction = s->phase >= PHASE_MAIL && s->phase < PHASE_OVER;
	struct record_out out;

	if (j->fd == -1)
		return;
	out = journal_begin(j, code, in_transaction ? &e->qid : NULL);
	record_puts(out, "rule", rule);
	record_put_num(out, "reply", (uint64_t)reply);
	record_puts(out, "code", f->code);
	put_client(s, out);
	if (in_transaction)
		record_put(out, "from", path_span(&e->reverse_path));
	record_put_optional(out, "to", to);
	record_puts(out, "text", f->text);
	journal_end(j, out);
	if (j->pending.len > JOURNAL_PENDING_HIGH)
		s->journal_due = true;
}
