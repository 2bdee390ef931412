/* SPDX-License-Identifier: ISC */
/*
 * aside.c: what was corrupt or not known, and its two ways out. It comes back by
 * the checks that a listing makes, of what the disk holds: a fault of a file
 * system that was mended, a restored backup, a program that died on it.
 */
#include "aside.h"

#include <errno.h>

static const struct store_place aside = { STORE_ASIDE, 0 };
static const struct store_place aside_content = { STORE_ASIDE_CONTENT, 0 };

bool
aside_has(const struct store *s, const struct qid *qid)
{
	return store_has(s, qid, aside) || store_has(s, qid, aside_content);
}

/* Of two files the content may still lie where it was. */
enum outcome
aside_open_content(struct store *s, const struct envelope *e,
    struct store_content *c, struct fault *f)
{
	const struct store_place apart[] = { aside_content,
		store_content_place(&e->qid) };

	if (e->shape == ENVELOPE_ONE)
		return store_open_content_of(s, e, &aside, 1, c, f);
	if (store_open_content_of(s, e, apart, 2, c, f) != OK &&
	    f->error == ENOENT)
		return fault_set(
		    f, PERM, "5.3.0", 0, "envelope without content");
	return c->fd == -1 ? f->outcome : OK;
}

enum outcome
aside_read(
    struct store *s, const struct qid *qid, struct envelope *e, struct fault *f)
{
	struct store_content content;
	enum outcome got;

	if (store_read_envelope(s, qid, aside, true, e, f) != OK ||
	    aside_open_content(s, e, &content, f) != OK)
		return f->outcome;
	got = store_check_content(&content, e, true, f);
	store_close_content(&content);
	return got;
}

enum outcome
aside_release(struct store *s, const struct qid *qid, struct fault *f)
{
	struct store_place content = store_content_place(qid);
	struct envelope e;
	enum outcome got;
	bool apart;

	envelope_begin(&e);
	got = aside_read(s, qid, &e, f);
	apart = e.shape == ENVELOPE_APART;
	envelope_free(&e);
	/* The content before the envelope that rests on it. */
	if (got == OK && apart)
		got = store_has(s, qid, aside_content)
		    ? store_move(s, qid, aside_content, content, f)
		    : store_sync(s, content, f);
	return got == OK ? store_move(s, qid, aside, STORE_PLACE_IN, f) : got;
}

enum outcome
aside_remove(struct store *s, const struct qid *qid, struct fault *f)
{
	struct store_place content = store_content_place(qid), other;

	/* Content that no envelope names but the one that goes. */
	if (store_has(s, qid, content) &&
	    store_find_envelope(s, qid, &other, f) != OK &&
	    (f->error != ENOENT || store_unlink(s, qid, content, f) != OK))
		return f->outcome;
	if (store_unlink(s, qid, aside, f) != OK ||
	    store_unlink(s, qid, aside_content, f) != OK)
		return f->outcome;
	return store_sync(s, aside, f);
}
