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
#include "space.h"

enum adding_state {
	ADDING_IDLE,
	ADDING_TO, /* recipients come */
	ADDING_INLINE, /* line.size octets and `end` come */
	ADDING_WRITING, /* the client has our descriptor */
	ADDING_CHUNKS, /* a chunk line comes, or the end */
	ADDING_CHUNK, /* line.size octets come */
	ADDING_END
};

/* One client's request as far as it has come. */
struct adding {
	struct accept *accept;
	struct client *client;
	enum adding_state state;
	struct add_line line; /* the last one */
	struct envelope envelope;
	struct fault refused; /* not OK: read to its end, then answered so */
	struct store_file content; /* of two files, being written */
	struct envelope_digest digest; /* of chunks */
	struct lines lines; /* of chunks */
};

static struct adding *
adding_of(struct accept *a, struct client *c)
{
	struct adding *g = c->state;

	if (g != NULL)
		return g;
	/* The digest is aligned as no other memory is. */
	g = aligned_alloc(_Alignof(struct adding), sizeof(*g));
	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->accept = a;
	g->client = c;
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

static bool
is_refused(const struct adding *g)
{
	return g->refused.outcome != OK;
}

/* The first reason is the answer. */
static void
refuse(
    struct adding *g, enum outcome outcome, const char *code, const char *text)
{
	if (!is_refused(g))
		(void)fault_set(&g->refused, outcome, code, 0, "%s", text);
}

/* The end of a request that is refused, if it is. */
static bool
ends_refused(struct adding *g)
{
	if (!is_refused(g))
		return false;
	store_abandon(g->accept->store, &g->content);
	accept_enter_failed(
	    g->accept, g->client, &g->envelope.qid, &g->refused);
	return true;
}

/* ---- One function a word. ---- */

enum outcome
accept_check_space(struct accept *a, struct fault *f)
{
	uint64_t now = clock_mono_ms();
	struct space space;

	if (a->min_free == 0)
		return OK;
	if (a->space_asked_ms == 0 ||
	    now - a->space_asked_ms >= ACCEPT_SPACE_MS) {
		a->space_asked_ms = now;
		a->space_short = space_look(a->store->fd, &space) &&
		    !space_has(&space, a->min_free);
	}
	return a->space_short
	    ? fault_set(f, TEMP, FAULT_NO_SPACE, 0,
	          "less than half of [storage] min_free (%llu octets) is free "
	          "on the queue's file system",
	          (unsigned long long)a->min_free)
	    : OK;
}

static void
on_add(struct adding *g)
{
	g->state = ADDING_TO;
	if (!is_refused(g))
		(void)!accept_check_space(g->accept, &g->refused);
}

static void
on_to(struct adding *g)
{
	if (g->envelope.recipients <= g->accept->recipients_max)
		return;
	refuse(g, TEMP, FAULT_TOO_MANY, "too many recipients");
	envelope_drop_recipients(&g->envelope);
}

static void
begin_data(struct adding *g, enum adding_state state)
{
	g->state = state;
	if (g->envelope.recipients == 0)
		refuse(g, PERM, "5.5.1", "no recipient");
}

static void
on_data(struct adding *g)
{
	begin_data(g, ADDING_INLINE);
}

static enum outcome
begin_content(struct adding *g, struct fault *f)
{
	return accept_begin_content(
	    g->accept, &g->envelope, SPAN_EMPTY, &g->content, f);
}

/* A descriptor of the same open file: it stands behind what we wrote. */
static enum outcome
pass_content(struct adding *g, struct fault *f)
{
	struct accepted *entry;
	struct stat st;
	int fd;

	if (fstat(g->client->in, &st) != 0 || !S_ISSOCK(st.st_mode))
		/* TEMP: a filter put before us is no fault of the message. */
		return fault_set(f, TEMP, "4.3.5", 0,
		    "a descriptor needs a socket: use data chunked=1");
	if (begin_content(g, f) != OK)
		return f->outcome;
	fd = fcntl(g->content.fd, F_DUPFD_CLOEXEC, 3);
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "descriptor");
	entry = accept_enter(g->accept, g->client, ADD_WRITE, &g->envelope.qid);
	/* What the client writes is described from there on: its digest. */
	g->envelope.start = entry->offset = g->accept->fields.len;
	g->envelope.skip = 0;
	entry->pass_fd = fd;
	return OK;
}

static void
on_data_fd(struct adding *g)
{
	struct fault why;

	begin_data(g, ADDING_WRITING);
	if (!is_refused(g) && pass_content(g, &why) != OK)
		g->refused = why;
	/* Nobody waits for a `write` that never comes. */
	if (ends_refused(g))
		g->state = ADDING_IDLE;
}

static void
on_data_chunked(struct adding *g)
{
	struct span fields;
	struct fault why;

	begin_data(g, ADDING_CHUNKS);
	if (!is_refused(g) && begin_content(g, &why) != OK)
		g->refused = why;
	if (is_refused(g))
		return;
	fields = buf_span(&g->accept->fields);
	envelope_digest_begin(&g->digest);
	envelope_digest_add(&g->digest, fields);
	g->lines = LINES_BEGIN;
	g->envelope.start = 0;
	g->envelope.size = fields.len;
}

static void
on_chunk(struct adding *g)
{
	if (g->line.size > 0)
		g->state = ADDING_CHUNK;
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
	uint64_t rest = e->size - e->skip;
	size_t most = rest < sizeof(octets) ? (size_t)rest : sizeof(octets);
	ssize_t n =
	    pread(g->content.fd, octets, most, (off_t)(e->start + e->skip));

	if (n != (ssize_t)most) /* a disk's fault may show as a short read */
		refuse(g, TEMP, "4.3.0", "the file cannot be read");
	else if (field_is_missing((struct span){ octets, most }))
		refuse(g, PERM, "5.6.0",
		    "content must begin with a header field or an empty line");
}

static void
on_written(struct adding *g)
{
	struct envelope *e = &g->envelope;
	struct stat st;

	g->state = ADDING_END;
	e->size = g->line.size;
	e->dots = g->line.dots;
	memcpy(e->digest, g->line.digest, sizeof(e->digest));
	if (fstat(g->content.fd, &st) != 0 ||
	    (uint64_t)st.st_size != e->start + e->size)
		refuse(g, TEMP, "4.3.0",
		    "the file is not as long as the client says");
	else if (e->size == 0)
		refuse(g, PERM, "5.6.0", "content is empty");
	else
		check_beginning(g);
}

/* The client wants no answer: its message is no more, or never was whole. */
static void
on_drop(struct adding *g)
{
	struct accept *a = g->accept;
	struct fault why;

	g->state = ADDING_IDLE;
	store_abandon(a->store, &g->content);
	if (g->line.text[0] == '\0')
		return;
	(void)fault_set(&why, TEMP, "4.3.0", 0, "%s", g->line.text);
	store_io_error(a->store, a->journal, &g->envelope.qid, &why);
}

static void
on_end(struct adding *g)
{
	if (g->state == ADDING_CHUNKS && !is_refused(g)) {
		envelope_digest_end(&g->digest, g->envelope.digest);
		g->envelope.dots = g->lines.dots;
		if (lines_end(&g->lines, &g->refused) == OK)
			check_beginning(g);
	}
	g->state = ADDING_IDLE;
	if (!ends_refused(g))
		accept_put_content(
		    g->accept, g->client, &g->envelope, &g->content);
}

/* A request out of turn ends the client. */
#define IN(state) (1U << (state))
static const struct {
	unsigned in_turn; /* the states that take this word */
	bool is_request; /* it is answered */
	void (*take)(struct adding *);
} words[] = {
	[ADD_ADD] = { IN(ADDING_IDLE), false, on_add },
	[ADD_TO] = { IN(ADDING_TO), false, on_to },
	[ADD_DATA] = { IN(ADDING_TO), false, on_data },
	[ADD_DATA_FD] = { IN(ADDING_TO), true, on_data_fd },
	[ADD_DATA_CHUNKED] = { IN(ADDING_TO), false, on_data_chunked },
	[ADD_CHUNK] = { IN(ADDING_CHUNKS), false, on_chunk },
	[ADD_WRITTEN] = { IN(ADDING_WRITING), false, on_written },
	[ADD_DROP] = { IN(ADDING_WRITING), false, on_drop },
	[ADD_END] = { IN(ADDING_CHUNKS) | IN(ADDING_END), true, on_end },
};

/* ---- What comes: lines, and the octets that follow some. ---- */

static enum outcome
malformed(struct fault *f, const char *why)
{
	return fault_set(f, TEMP, "4.3.0", 0, "add request: %s", why);
}

/* Nothing is done before all of it is there, so one write brings it to disk. */
static enum outcome
take_inline(struct adding *g, struct span in, size_t *used, struct fault *f)
{
	struct span end = SPAN_LIT("end\n");
	size_t size = g->line.size;

	if (in.len < size + end.len)
		return OK;
	if (!span_same(span_head(span_from(in, size), end.len), end))
		return malformed(f, "no end after data");
	*used = size + end.len;
	g->state = ADDING_IDLE;
	if (!ends_refused(g))
		accept_put(
		    g->accept, g->client, &g->envelope, span_head(in, size));
	return OK;
}

static void
take_chunk(struct adding *g, struct span in, size_t *used)
{
	struct span chunk = span_head(in, g->line.size);

	if (in.len < g->line.size)
		return;
	*used = chunk.len;
	g->state = ADDING_CHUNKS;
	if (is_refused(g))
		return;
	envelope_digest_add(&g->digest, chunk);
	lines_add(&g->lines, chunk);
	g->envelope.size += chunk.len;
	if (store_write(g->content.fd, chunk, SPAN_EMPTY, &g->refused) != OK)
		store_abandon(g->accept->store, &g->content);
}

static enum outcome
take_line(struct adding *g, struct span in, size_t *used, bool *request,
    struct fault *f)
{
	struct span head = span_head(in, RECORD_MAX);
	size_t lf = span_find(head, '\n');
	struct fault why = FAULT_NONE;

	if (lf == head.len)
		return head.len < RECORD_MAX ? OK : malformed(f, "long line");
	g->line = (struct add_line){ .word = ADD_END };
	if (wire_add_get(span_head(in, lf), &g->envelope, &g->line, &why) ==
	        TEMP &&
	    !fault_is(&why, FAULT_TOO_MANY)) {
		*f = why;
		return TEMP;
	}
	if ((words[g->line.word].in_turn & IN(g->state)) == 0)
		return malformed(f, "out of turn");
	*used = lf + 1;
	*request = words[g->line.word].is_request;
	if (g->line.word == ADD_ADD)
		g->refused = FAULT_NONE;
	if (!is_refused(g))
		g->refused = why;
	words[g->line.word].take(g);
	return OK;
}

static enum outcome
take_step(struct adding *g, struct span in, size_t *used, bool *request,
    struct fault *f)
{
	*request = true; /* a chunk too: it is a write */
	switch (g->state) {
	case ADDING_INLINE:
		return take_inline(g, in, used, f);
	case ADDING_CHUNK:
		take_chunk(g, in, used);
		return OK;
	default:
		return take_line(g, in, used, request, f);
	}
}

enum outcome
accept_take(void *arg, struct client *c, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	struct adding *g = adding_of(arg, c);

	if (g == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	*used = *requests = 0;
	while (*requests < most) {
		size_t step = 0;
		bool request;

		/* What was asked before what is malformed is answered first. */
		if (take_step(g, span_from(in, *used), &step, &request, f) !=
		    OK)
			return *used > 0 ? OK : f->outcome;
		if (step == 0)
			break;
		*used += step;
		*requests += request ? 1 : 0;
	}
	return OK;
}
