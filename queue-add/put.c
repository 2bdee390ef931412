/* SPDX-License-Identifier: ISC */
/*
 * put.c: what a request of queue-add brings, written whole into a file that
 * has no name yet. What follows, for all of a round, is round.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "clock.h"
#include "field.h"

/*
 * What goes before the content. None may see the other recipients. An empty
 * line that has to go between is not counted as a field: without the fields,
 * the content still begins with it. content: empty when it comes later.
 */
static enum outcome
put_fields(
    struct accept *a, struct envelope *e, struct span content, struct fault *f)
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
	if (buf_failed(b))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "queue: fields");
	return OK;
}

static void
digest_of(struct span a, struct span b, unsigned char *out)
{
	struct envelope_digest d;

	envelope_digest_begin(&d);
	envelope_digest_add(&d, a);
	envelope_digest_add(&d, b);
	envelope_digest_end(&d, out);
}

enum outcome
accept_begin_content(struct accept *a, struct envelope *e, struct span content,
    struct store_file *file, struct fault *f)
{
	char shard[STORE_DIR_MAX];

	if (put_fields(a, e, content, f) != OK)
		return f->outcome;
	store_shard_name(&e->qid, shard);
	if (store_create(a->store, shard, &e->qid, 0400, file, f) != OK)
		return f->outcome;
	if (store_write(file->fd, buf_span(&a->fields), SPAN_EMPTY, f) != OK)
		store_abandon(a->store, file);
	return file->fd == -1 ? f->outcome : OK;
}

/* ---- A name that is taken. ---- */

static enum outcome
enter_existing(
    struct accept *a, struct client *c, const struct qid *qid, struct fault *f)
{
	struct fault why;

	if (accept_check_existing(a, qid, &why) != OK)
		return accept_enter_failed(a, c, qid, &why, f);
	if (accept_enter(a, c, ACCEPTED_EXISTS, qid) == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	return OK;
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
	    store_has_content(a->store, &e->qid) &&
	    store_find_envelope(a->store, &e->qid, &place, &f) == OK;
}

/* ---- The whole message is there. ---- */

static enum outcome
put_one(struct accept *a, struct client *c, const struct envelope *e,
    struct span content, struct fault *f)
{
	struct store_file file;
	struct accepted *entry;
	struct span record;
	struct fault why;

	if (store_create(a->store, "in", &e->qid, 0400, &file, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	if (store_write(file.fd, buf_span(&a->head), content, &why) != OK) {
		store_abandon(a->store, &file);
		return accept_enter_failed(a, c, &e->qid, &why, f);
	}
	entry = accept_enter(a, c, ACCEPTED_ONE, &e->qid);
	if (entry == NULL) {
		store_abandon(a->store, &file);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	}
	entry->file = file;
	/* The notice is the first line without `Pneu: ` and CR. */
	record = span_from(span_head(buf_span(&a->head), (size_t)e->start - 2),
	    sizeof(ENVELOPE_ONE_PREFIX) - 1);
	entry->notice_at = a->notices.len;
	buf_add(&a->notices, record);
	buf_addc(&a->notices, '\n');
	entry->notice_len = a->notices.len - entry->notice_at;
	return OK;
}

static enum outcome
put_apart(struct accept *a, struct client *c, struct envelope *e,
    struct span content, struct fault *f)
{
	struct store_file file;
	struct fault why;

	if (accept_begin_content(a, e, content, &file, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	e->start = 0;
	if (store_write(file.fd, content, SPAN_EMPTY, &why) != OK) {
		store_abandon(a->store, &file);
		return accept_enter_failed(a, c, &e->qid, &why, f);
	}
	return accept_put_content(a, c, e, &file, f);
}

/*
 * Can it be one file? Then its head is in a->head. The sizes and the digest
 * are those of both shapes.
 */
static bool
make_head(struct accept *a, struct envelope *e, struct span content)
{
	struct fault f;

	e->size = a->fields.len + content.len;
	digest_of(buf_span(&a->fields), content, e->digest);
	if (e->recipients != 1 || content.len > a->one_file_max)
		return false;
	buf_reset(&a->head);
	if (envelope_put_one(&a->head, e, &f) != OK)
		return false;
	buf_add(&a->head, buf_span(&a->fields));
	return !buf_failed(&a->head);
}

enum outcome
accept_put(struct accept *a, struct client *c, struct envelope *e,
    struct span content, bool dots, struct fault *f)
{
	struct fault why;

	e->dots = dots;
	e->time_ms = clock_wall_ms();
	if (put_fields(a, e, content, &why) != OK)
		return accept_enter_failed(a, c, &e->qid, &why, f);
	if (is_there_elsewhere(a, e))
		return enter_existing(a, c, &e->qid, f);
	if (make_head(a, e, content))
		return put_one(a, c, e, content, f);
	return put_apart(a, c, e, content, f);
}

enum outcome
accept_put_content(struct accept *a, struct client *c, struct envelope *e,
    struct store_file *file, struct fault *f)
{
	struct accepted *entry;
	struct envelope *own;
	struct qid qid = e->qid;

	e->time_ms = clock_wall_ms();
	e->shape = ENVELOPE_APART;
	own = malloc(sizeof(*own));
	entry = own == NULL ? NULL : accept_enter(a, c, ACCEPTED_APART, &qid);
	if (entry == NULL) {
		free(own);
		store_abandon(a->store, file);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	}
	*own = *e;
	envelope_begin(e);
	entry->envelope = own;
	entry->content = *file;
	*file = STORE_FILE_NONE;
	return OK;
}
