/* SPDX-License-Identifier: ISC */
/*
 * put.c: what a request of queue-add brings, written whole into a file that
 * has no name yet. What follows, for all of a round, is round.c's.
 */
#include "accept.h"
#include "clock.h"
#include "field.h"

/*
 * What goes before the content. None may see the other recipients. An empty
 * line that has to go between is not counted as a field: without the fields,
 * the content still begins with it. content: empty when it comes later.
 */
static void
put_fields(struct accept *a, struct envelope *e, struct span content)
{
	struct buf *b = &a->fields;

	buf_reset(b);
	buf_adds(b, "Return-Path: <");
	buf_add(b, path_span(&e->reverse_path));
	buf_adds(b, ">\r\n");
	if (e->recipients == 1) {
		buf_adds(b, "Delivered-To: ");
		buf_add(b, path_span(&e->recipient[0].forward_path));
		buf_adds(b, "\r\n");
	}
	e->skip = b->len;
	if (field_is_missing(content))
		buf_adds(b, "\r\n");
}

/* A new file that begins so; none when it fails. */
static enum outcome
write_file(struct accept *a, struct store_place place, const struct qid *qid,
    struct span head, struct span content, struct store_file *file,
    struct fault *f)
{
	if (store_create(a->store, place, qid, 0400, file, f) == OK &&
	    store_write(file->fd, head, content, f) == OK)
		return OK;
	store_abandon(a->store, file);
	return f->outcome;
}

enum outcome
accept_begin_content(struct accept *a, struct envelope *e, struct span content,
    struct store_file *file, struct fault *f)
{
	put_fields(a, e, content);
	return write_file(a, store_content_place(&e->qid), &e->qid,
	    buf_span(&a->fields), SPAN_EMPTY, file, f);
}

/* ---- A name that is taken. ---- */

static void
enter_existing(struct accept *a, struct client *c, const struct qid *qid)
{
	struct fault why;

	if (accept_check_existing(a, qid, &why) == OK)
		(void)accept_enter(a, c, ADD_EXISTS, qid);
	else
		accept_enter_failed(a, c, qid, &why);
}

/*
 * Only what has a derived qid comes twice: a report, from the null
 * reverse-path. It may have left in/ since, as an envelope of its own.
 */
static bool
is_there_elsewhere(struct accept *a, const struct envelope *e)
{
	struct store_place place;
	struct fault f;

	return path_is_null(&e->reverse_path) &&
	    store_has(a->store, &e->qid, store_content_place(&e->qid)) &&
	    store_find_envelope(a->store, &e->qid, &place, &f) == OK;
}

/* ---- The whole message is there. ---- */

static void
put_one(struct accept *a, struct client *c, const struct envelope *e,
    struct span content)
{
	struct store_file file;
	struct fault why;

	if (write_file(a, STORE_PLACE_IN, &e->qid, buf_span(&a->head), content,
	        &file, &why) != OK) {
		accept_enter_failed(a, c, &e->qid, &why);
		return;
	}
	accept_enter(a, c, ADD_OK, &e->qid)->file = file;
	/* The hint is the first line without `Pneu: ` and CR. */
	buf_add(&a->hints,
	    span_from(span_head(buf_span(&a->head), (size_t)e->start - 2),
	        sizeof(ENVELOPE_ONE_PREFIX) - 1));
	buf_addc(&a->hints, '\n');
}

static void
put_apart(
    struct accept *a, struct client *c, struct envelope *e, struct span content)
{
	struct store_file file;
	struct fault why;

	e->start = 0;
	if (accept_begin_content(a, e, content, &file, &why) == OK &&
	    store_write(file.fd, content, SPAN_EMPTY, &why) == OK) {
		accept_put_content(a, c, e, &file);
		return;
	}
	store_abandon(a->store, &file);
	accept_enter_failed(a, c, &e->qid, &why);
}

/* Can it be one file? Then its head is in a->head. */
static bool
make_head(struct accept *a, struct envelope *e, struct span content)
{
	struct fault f;

	if (e->recipients != 1 || content.len > a->one_file_max)
		return false;
	buf_reset(&a->head);
	if (envelope_put_one(&a->head, e, &f) != OK)
		return false;
	buf_add(&a->head, buf_span(&a->fields));
	return !buf_failed(&a->head);
}

void
accept_put(
    struct accept *a, struct client *c, struct envelope *e, struct span content)
{
	struct lines lines = LINES_BEGIN;
	struct envelope_digest digest;
	struct fault why;

	lines_add(&lines, content);
	if (lines_end(&lines, &why) != OK) {
		accept_enter_failed(a, c, &e->qid, &why);
		return;
	}
	put_fields(a, e, content);
	e->dots = lines.dots;
	e->time_ms = clock_wall_ms();
	/* The same in both shapes. */
	e->size = a->fields.len + content.len;
	envelope_digest_begin(&digest);
	envelope_digest_add(&digest, buf_span(&a->fields));
	envelope_digest_add(&digest, content);
	envelope_digest_end(&digest, e->digest);
	if (is_there_elsewhere(a, e))
		enter_existing(a, c, &e->qid);
	else if (make_head(a, e, content))
		put_one(a, c, e, content);
	else
		put_apart(a, c, e, content);
}

void
accept_put_content(struct accept *a, struct client *c, struct envelope *e,
    struct store_file *file)
{
	struct buf envelope = BUF_INIT(STORE_ENVELOPE_MAX);
	struct accepted *entry;
	struct fault why;

	e->time_ms = clock_wall_ms();
	if (envelope_put_apart(&envelope, e, &why) != OK ||
	    envelope_put_notice(&a->hints, e, &why) != OK) {
		buf_free(&envelope);
		store_abandon(a->store, file);
		accept_enter_failed(a, c, &e->qid, &why);
		return;
	}
	entry = accept_enter(a, c, ADD_OK, &e->qid);
	entry->envelope = envelope;
	entry->file = *file;
	*file = STORE_FILE_NONE;
}
