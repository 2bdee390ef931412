/* SPDX-License-Identifier: ISC */
/*
 * transfer.c: a message's content, from the client to queue-add. Whatever is
 * wrong with it, it is read to its end before that is said.
 */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"

/* Slower than this, after data_timeout, is no delivery. Postfix's default. */
#define DATA_RATE_LEAST 500 /* octets a second */
/* Slower is as good as silent when others wait for a worker. Chosen */
#define DATA_RATE_FULL 10000
/* A refused message is read to its end, up to so much over the limit */
#define DISCARD_SPARE (1024UL * 1024)

/* Octets behind which a message that is refused is read no further. */
static uint64_t
most_octets(const struct session *s)
{
	return 2 * s->set->max_size + DISCARD_SPARE;
}

static void
begin_content(struct session *s)
{
	const char *hostname = s->server->hostname;

	content_begin(s->content, s->envelope, hostname, s->tls);
	if (s->set->role != ROLE_MX)
		fixup_begin(&s->content->fixup, &s->envelope->qid, hostname,
		    s->user, s->user_name);
	s->content_start_ms = clock_mono_ms();
}

/*
 * For the next piece, but no longer than the rate allows: it is counted from
 * the first octet of the message on, however many chunks bring it.
 */
static uint64_t
content_deadline(const struct session *s)
{
	uint64_t wait = s->set->data_timeout_ms;
	uint64_t by_rate = s->content_start_ms + wait +
	    s->content->received * 1000 / DATA_RATE_LEAST;
	uint64_t by_piece = clock_mono_ms() + wait;

	return by_piece < by_rate ? by_piece : by_rate;
}

/* Since when the client is behind what is asked of it while the pool is full. */
static uint64_t
content_since(const struct session *s)
{
	uint64_t now = clock_mono_ms();
	uint64_t by_rate =
	    s->content_start_ms + s->content->received * 1000 / DATA_RATE_FULL;

	return by_rate < now ? by_rate : now;
}

static enum rule
rule_of_queue(const struct fault *f)
{
	if (f->outcome == PERM)
		return RULE_QUEUE_PERM;
	return fault_is(f, FAULT_NO_SPACE) ? RULE_SPACE : RULE_QUEUE;
}

/* After each piece: what is refused is let go, what is big moves on. */
static bool
keep_up(struct session *s, struct fault *why)
{
	struct content *c = s->content;
	struct submit *submit = &s->server->submit;

	if (c->refused == RULE_NONE &&
	    submit_spill(submit, s->envelope, &c->buf, why) != OK)
		c->refused = rule_of_queue(why);
	if (c->refused != RULE_NONE)
		submit_drop(submit);
	if (c->received > most_octets(s))
		refuse(s, RULE_DISCARD);
	return s->phase != PHASE_OVER;
}

/* DATA to its end, or a chunk of so many octets. false: the session is over. */
static bool
read_content(struct session *s, uint64_t size, bool is_data, struct fault *why)
{
	bool ended = false;

	while (size > 0 && !ended) {
		struct span in = stream_waiting(s->io);
		size_t used;

		if (in.len == 0) {
			if (!input_fill(
			        s, content_deadline(s), content_since(s)))
				return false;
			continue;
		}
		if (in.len > size)
			in.len = (size_t)size;
		used = content_take(s->content, in, is_data, &ended);
		stream_consume(s->io, used);
		size -= used;
		if (!keep_up(s, why))
			return false;
	}
	return true;
}

/* Queue it or refuse it, and say so. */
static void
finish_message(struct session *s, struct fault *why)
{
	enum rule refused = s->content->refused;

	content_end(s->content);
	if (refused == RULE_NONE &&
	    submit_finish(&s->server->submit, s->envelope, &s->content->buf,
	        s->content->dots, why) != OK)
		refused = rule_of_queue(why);
	if (refused != RULE_NONE) {
		refuse_for(s, refused, why, SPAN_EMPTY);
	} else {
		entries_queued(s);
		reply(s, "250 2.0.0 queued as ", s->envelope->qid.text);
		s->idle_commands = s->errors = s->refusals = 0;
	}
	session_enter(s, PHASE_READY);
}

/*
 * SMTP smuggling: behind a message with bare CR or LF, what the client sent as
 * content of that message may look like commands here. They are not answered,
 * whatever else is wrong with it: that was chosen by who wrote it.
 * CVE-2023-51764 and others.
 */
static void
finish_data(struct session *s, struct fault *why)
{
	bool has_bare = s->content->has_bare;

	finish_message(s, why);
	if (has_bare && s->phase != PHASE_OVER &&
	    stream_waiting(s->io).len > 0) {
		s->has_unread = true;
		session_enter(s, PHASE_OVER);
	}
}

void
transfer_data(struct session *s, struct span args)
{
	struct fault why = FAULT_NONE;

	(void)args;
	/* Others have sent since MAIL. */
	if (!server_has_space(s->server, s->size)) {
		refuse(s, RULE_SPACE);
		return;
	}
	session_enter(s, PHASE_CONTENT);
	reply(s, "354 end data with <CR><LF>.<CR><LF>");
	begin_content(s);
	if (s->phase == PHASE_CONTENT &&
	    read_content(s, UINT64_MAX, true, &why))
		finish_data(s, &why);
}

/* chunk-size [SP "LAST"]. RFC 3030 2. *size is set but for RULE_CHUNK_SIZE. */
static enum rule
parse_chunk(struct span args, uint64_t *size, bool *last)
{
	struct cur c = cur_over(args);
	struct span digits = cur_while(&c, is_digit), word;

	*last = cur_while(&c, is_wsp).len > 0;
	word = cur_rest(&c);
	if (digits.len == 0 || (!*last && word.len > 0))
		return RULE_CHUNK_SIZE;
	if (!num_parse(digits, 0, UINT64_MAX, size))
		*size = UINT64_MAX;
	return !*last || span_same_nocase(word, SPAN_LIT("LAST"))
	    ? RULE_NONE
	    : RULE_CHUNK_WORD;
}

/* Whatever the answer is, the chunk is read first. RFC 3030 2. */
static void
take_chunk(struct session *s, uint64_t size, bool last, enum rule refused)
{
	bool in_turn = s->phase == PHASE_RCPT || s->phase == PHASE_CHUNKS;
	struct fault why = FAULT_NONE;
	char text[32];

	if (s->phase != PHASE_CHUNKS)
		begin_content(s);
	if (refused != RULE_NONE)
		s->content->refused = refused;
	/* Chunks that are empty, or here already, do not wait for input. */
	if (clock_mono_ms() >= content_deadline(s)) {
		refuse(s, RULE_TIMEOUT);
		return;
	}
	if (!read_content(s, size, false, &why))
		return;
	if (last)
		content_close(s->content);
	if (!in_turn) {
		/* There is no transaction that it could end. */
		content_reset(s->content);
		refuse(s, refused);
	} else if (last || s->content->refused != RULE_NONE) {
		/* A chunk ends where its size says: nothing hides there. */
		finish_message(s, &why);
	} else {
		(void)snprintf(text, sizeof(text), "%" PRIu64, size);
		session_enter(s, PHASE_CHUNKS);
		reply(s, "250 2.0.0 ", text, " octets taken");
	}
}

void
transfer_bdat(struct session *s, struct span args)
{
	uint64_t size;
	bool last;
	enum rule syntax = parse_chunk(args, &size, &last);
	enum rule order = session_order(
	    s, IN(PHASE_RCPT) | IN(PHASE_CHUNKS), RULE_ORDER_RCPT);

	if (syntax == RULE_CHUNK_SIZE)
		refuse(s, syntax);
	else if (size > most_octets(s))
		refuse(s, RULE_DISCARD);
	else if (order != RULE_NONE || syntax != RULE_NONE)
		take_chunk(s, size, last, order != RULE_NONE ? order : syntax);
	else
		take_chunk(s, size, last,
		    server_has_space(s->server, size) ? RULE_NONE : RULE_SPACE);
}
