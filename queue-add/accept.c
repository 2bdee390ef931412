/* SPDX-License-Identifier: ISC */
/*
 * accept.c: the requests of one client of queue-add, word by word. Whom it
 * trusts: nobody for the form of what comes; its clients (smtpd, queue-run,
 * whoever may open the socket) for what it says.
 */
#include "accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "field.h"

enum adding_state {
	ADDING_IDLE,
	ADDING_TO, /* recipients come */
	ADDING_INLINE, /* size octets and `end` come */
	ADDING_WRITING, /* the client has our descriptor */
	ADDING_CHUNKS, /* a chunk line comes, or the end */
	ADDING_CHUNK, /* size octets come */
	ADDING_END
};

/* One client's request as far as it has come. */
struct adding {
	enum adding_state state;
	struct envelope envelope;
	struct fault refused; /* not OK: read to its end, then answered so */
	uint64_t size; /* of what comes next, in octets */
	struct store_file content; /* of two files, being written */
	struct envelope_digest digest; /* of chunks */
	struct lines lines; /* of chunks */
};

/* Which words a state takes: a request out of turn ends the client. */
#define WORD(w) (1U << (w))
static const unsigned in_turn[] = {
	[ADDING_IDLE] = WORD(ADD_ADD),
	[ADDING_TO] = WORD(ADD_TO) | WORD(ADD_DATA) | WORD(ADD_DATA_FD) |
	    WORD(ADD_DATA_CHUNKED),
	[ADDING_WRITING] = WORD(ADD_WRITTEN) | WORD(ADD_DROP),
	[ADDING_CHUNKS] = WORD(ADD_CHUNK) | WORD(ADD_END),
	[ADDING_END] = WORD(ADD_END),
};

static struct adding *
adding_of(struct client *c)
{
	struct adding *g = c->state;

	if (g != NULL)
		return g;
	g = aligned_alloc(_Alignof(struct adding), sizeof(*g));
	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->content = STORE_FILE_NONE;
	envelope_begin(&g->envelope);
	c->state = g;
	return g;
}

void
accept_gone(void *arg, struct client *c)
{
	struct accept *a = arg;
	struct adding *g = c->state;

	if (g == NULL)
		return;
	store_abandon(a->store, &g->content);
	envelope_free(&g->envelope);
	free(g);
	c->state = NULL;
}

/* The first reason is the answer. */
static void
refuse(struct adding *g, const struct fault *why)
{
	if (g->refused.outcome == OK)
		g->refused = *why;
}

static void
refuse_for(
    struct adding *g, enum outcome outcome, const char *code, const char *text)
{
	struct fault f;

	(void)fault_set(&f, outcome, code, 0, "%s", text);
	refuse(g, &f);
}

static bool
is_refused(const struct adding *g)
{
	return g->refused.outcome != OK;
}

/* ---- One function a word. ---- */

static bool
is_space_short(struct accept *a)
{
	uint64_t now, octets;
	struct fault f;

	if (a->min_free == 0)
		return false;
	now = clock_mono_ms();
	if (a->space_asked_ms != 0 && now - a->space_asked_ms < ACCEPT_SPACE_MS)
		return a->space_short;
	a->space_asked_ms = now;
	a->space_short = store_free_octets(a->store, &octets, &f) == OK &&
	    octets < a->min_free;
	return a->space_short;
}

static void
on_add(struct accept *a, struct adding *g)
{
	g->state = ADDING_TO;
	/* From here on our end shall make queue-run list in/. */
	tell_connect(&a->tell);
	if (is_space_short(a))
		refuse_for(g, TEMP, FAULT_NO_SPACE, "not enough free space");
}

static void
on_to(struct accept *a, struct adding *g)
{
	if (g->envelope.recipients <= a->recipients_max)
		return;
	refuse_for(g, TEMP, FAULT_TOO_MANY, "too many recipients");
	envelope_drop_recipients(&g->envelope);
}

static void
begin_data(struct adding *g, enum adding_state state)
{
	g->state = state;
	if (g->envelope.recipients == 0)
		refuse_for(g, PERM, "5.5.1", "no recipient");
}

/* A descriptor of the same open file: it stands behind what we wrote. */
static enum outcome
pass_content(
    struct accept *a, struct client *c, struct adding *g, struct fault *f)
{
	struct accepted *entry;
	struct stat st;
	int fd;

	if (fstat(c->in, &st) != 0 || !S_ISSOCK(st.st_mode))
		/* TEMP: a filter put before us is no fault of the message. */
		return fault_set(f, TEMP, "4.3.5", 0,
		    "a descriptor needs a socket: use data chunked=1");
	if (accept_begin_content(a, &g->envelope, SPAN_EMPTY, &g->content, f) !=
	    OK)
		return f->outcome;
	fd = fcntl(g->content.fd, F_DUPFD_CLOEXEC, 3);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "descriptor");
	entry = accept_enter(a, c, ACCEPTED_WRITE, &g->envelope.qid);
	if (entry == NULL) {
		(void)close(fd);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	}
	/* What the client writes is described from there on: its digest. */
	g->envelope.start = entry->offset = a->fields.len;
	g->envelope.skip = 0;
	entry->pass_fd = fd;
	return OK;
}

static enum outcome
on_data_fd(
    struct accept *a, struct client *c, struct adding *g, struct fault *f)
{
	struct fault why;

	begin_data(g, ADDING_WRITING);
	if (!is_refused(g) && pass_content(a, c, g, &why) == OK)
		return OK;
	if (!is_refused(g))
		refuse(g, &why);
	/* Nobody waits for a `write` that never comes. */
	store_abandon(a->store, &g->content);
	g->state = ADDING_IDLE;
	return accept_enter_failed(a, c, &g->envelope.qid, &g->refused, f);
}

static void
on_data_chunked(struct accept *a, struct adding *g)
{
	struct fault why;

	begin_data(g, ADDING_CHUNKS);
	if (is_refused(g))
		return;
	if (accept_begin_content(
	        a, &g->envelope, SPAN_EMPTY, &g->content, &why) != OK) {
		refuse(g, &why);
		return;
	}
	envelope_digest_begin(&g->digest);
	envelope_digest_add(&g->digest, buf_span(&a->fields));
	g->lines = LINES_BEGIN;
	g->envelope.start = 0;
	g->envelope.size = a->fields.len;
}

/*
 * Fields stand before it already, with no empty line behind them. It came in
 * any pieces, or was written by the client: so it is looked at where it lies.
 */
static void
check_beginning(struct adding *g)
{
	char octets[FIELD_COLON_MAX];
	const struct envelope *e = &g->envelope;
	ssize_t n = pread(
	    g->content.fd, octets, sizeof(octets), (off_t)(e->start + e->skip));

	if (n < 0)
		refuse_for(g, TEMP, "4.3.0", "the file cannot be read");
	else if (field_is_missing((struct span){ octets, (size_t)n }))
		refuse_for(g, PERM, "5.6.0",
		    "content must begin with a header field or an empty line");
}

static void
on_written(struct adding *g, const struct add_line *l)
{
	struct stat st;
	struct envelope *e = &g->envelope;

	g->state = ADDING_END;
	e->size = l->size;
	e->dots = l->dots;
	memcpy(e->digest, l->digest, sizeof(e->digest));
	if (fstat(g->content.fd, &st) != 0 ||
	    (uint64_t)st.st_size != e->start + e->size)
		refuse_for(g, TEMP, "4.3.0",
		    "the file is not as long as the client says");
	else if (e->size == 0)
		refuse_for(g, PERM, "5.6.0", "content is empty");
	else
		check_beginning(g);
}

/* The client wants no answer: its message is no more, or never was whole. */
static void
on_drop(struct accept *a, struct adding *g, const struct add_line *l)
{
	struct fault why;

	g->state = ADDING_IDLE;
	store_abandon(a->store, &g->content);
	if (l->text[0] == '\0')
		return;
	(void)fault_set(&why, TEMP, "4.3.0", 0, "%s", l->text);
	accept_io_error(a, &g->envelope.qid, &why);
}

static enum outcome
on_end(struct accept *a, struct client *c, struct adding *g, struct fault *f)
{
	struct envelope *e = &g->envelope;

	if (g->state == ADDING_CHUNKS && !is_refused(g)) {
		envelope_digest_end(&g->digest, e->digest);
		e->dots = g->lines.dots;
		if (!lines_is_good(&g->lines, e->size - e->skip))
			refuse_for(g, PERM, "5.6.0",
			    "content must have CRLF line ends, the last too");
		check_beginning(g);
	}
	g->state = ADDING_IDLE;
	if (!is_refused(g))
		return accept_put_content(a, c, e, &g->content, f);
	store_abandon(a->store, &g->content);
	return accept_enter_failed(a, c, &e->qid, &g->refused, f);
}

/* ---- Octets that follow a line. ---- */

/* Nothing is done before all of it is there, so one write brings it to disk. */
static enum outcome
take_inline(struct accept *a, struct client *c, struct adding *g,
    struct span in, size_t *used, struct fault *f)
{
	static const struct span end = { "end\n", 4 };
	struct span content;
	struct lines lines = LINES_BEGIN;

	if (in.len < g->size + end.len)
		return OK;
	content = span_head(in, g->size);
	if (!span_same(span_head(span_from(in, g->size), end.len), end))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "add request: no end after data");
	*used = g->size + end.len;
	g->state = ADDING_IDLE;
	if (!is_refused(g)) {
		lines_add(&lines, content);
		if (!lines_is_good(&lines, content.len))
			refuse_for(g, PERM, "5.6.0",
			    "content must have CRLF line ends, the last too");
	}
	if (is_refused(g))
		return accept_enter_failed(
		    a, c, &g->envelope.qid, &g->refused, f);
	return accept_put(a, c, &g->envelope, content, lines.dots, f);
}

static void
take_chunk(struct accept *a, struct adding *g, struct span in, size_t *used)
{
	struct span chunk = span_head(in, g->size);
	struct fault why;

	if (in.len < g->size)
		return;
	*used = chunk.len;
	g->state = ADDING_CHUNKS;
	if (is_refused(g))
		return;
	envelope_digest_add(&g->digest, chunk);
	lines_add(&g->lines, chunk);
	g->envelope.size += chunk.len;
	if (store_write(g->content.fd, chunk, SPAN_EMPTY, &why) != OK) {
		refuse(g, &why);
		store_abandon(a->store, &g->content);
	}
}

/* ---- The state machine. ---- */

static enum outcome
on_line(struct accept *a, struct client *c, struct adding *g,
    const struct add_line *l, bool *request, struct fault *f)
{
	switch (l->word) {
	case ADD_ADD:
		on_add(a, g);
		return OK;
	case ADD_TO:
		on_to(a, g);
		return OK;
	case ADD_DATA:
		begin_data(g, ADDING_INLINE);
		g->size = l->size;
		return OK;
	case ADD_DATA_FD:
		*request = true;
		return on_data_fd(a, c, g, f);
	case ADD_DATA_CHUNKED:
		on_data_chunked(a, g);
		return OK;
	case ADD_CHUNK:
		g->state = l->size > 0 ? ADDING_CHUNK : ADDING_CHUNKS;
		g->size = l->size;
		return OK;
	case ADD_WRITTEN:
		on_written(g, l);
		return OK;
	case ADD_DROP:
		on_drop(a, g, l);
		return OK;
	case ADD_END:
		*request = true;
		return on_end(a, c, g, f);
	}
	return fault_set(f, TEMP, "4.3.0", 0, "add request: unknown word");
}

static enum outcome
take_line(struct accept *a, struct client *c, struct adding *g, struct span in,
    size_t *used, bool *request, struct fault *f)
{
	struct span head = span_head(in, RECORD_MAX);
	size_t lf = span_find(head, '\n');
	struct add_line l = { .word = ADD_END };
	struct fault why = FAULT_NONE;

	if (lf == head.len)
		return head.len < RECORD_MAX
		    ? OK
		    : fault_set(f, TEMP, "4.3.0", 0, "add request: long line");
	if (wire_add_get(span_head(in, lf), &g->envelope, &l, &why) == TEMP &&
	    !fault_is(&why, FAULT_TOO_MANY)) {
		*f = why;
		return TEMP;
	}
	if ((in_turn[g->state] & WORD(l.word)) == 0)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "add request: out of turn");
	*used = lf + 1;
	if (l.word == ADD_ADD)
		g->refused = FAULT_NONE;
	if (why.outcome != OK)
		refuse(g, &why);
	return on_line(a, c, g, &l, request, f);
}

static enum outcome
take_step(struct accept *a, struct client *c, struct adding *g, struct span in,
    size_t *used, bool *request, struct fault *f)
{
	switch (g->state) {
	case ADDING_INLINE: {
		enum outcome got = take_inline(a, c, g, in, used, f);

		*request = *used > 0;
		return got;
	}
	case ADDING_CHUNK:
		take_chunk(a, g, in, used);
		*request = *used > 0; /* a write each: it counts */
		return OK;
	default:
		return take_line(a, c, g, in, used, request, f);
	}
}

enum outcome
accept_take(void *arg, struct client *c, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	struct accept *a = arg;
	struct adding *g = adding_of(c);

	if (g == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	*used = *requests = 0;
	while (*requests < most) {
		size_t step = 0;
		bool request = false;

		if (take_step(a, c, g, span_from(in, *used), &step, &request,
		        f) != OK) {
			/* What was asked before it is answered first. */
			if (*used > 0)
				break;
			return f->outcome;
		}
		if (step == 0)
			break;
		*used += step;
		*requests += request ? 1 : 0;
	}
	return OK;
}
