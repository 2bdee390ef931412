/* SPDX-License-Identifier: ISC */
/*
 * aside.c: what was corrupt or not known, and its two ways out. It comes back by
 * the checks that a listing makes, of what the disk holds: a fault of a file
 * system that was mended, a restored backup, a program that died on it.
 */
#include "aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_place aside = { STORE_ASIDE, 0 };

static void
content_name(const struct qid *qid, char out[STORE_NAME_MAX])
{
	(void)snprintf(out, STORE_NAME_MAX, "aside/%s.content", qid->text);
}

bool
aside_has(const struct store *s, const struct qid *qid)
{
	char name[2][STORE_NAME_MAX];

	store_envelope_name(aside, qid, name[0]);
	content_name(qid, name[1]);
	return faccessat(s->fd, name[0], F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(s->fd, name[1], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of two files the content may still lie where it was. */
enum outcome
aside_open_content(struct store *s, const struct envelope *e,
    struct store_content *c, struct fault *f)
{
	*c = STORE_CONTENT_NONE;
	c->offset = e->start;
	if (e->shape == ENVELOPE_ONE) {
		store_envelope_name(aside, &e->qid, c->name);
		return store_open_content_at(s, c, f);
	}
	content_name(&e->qid, c->name);
	if (store_open_content_at(s, c, f) == OK)
		return OK;
	if (f->error == ENOENT)
		store_content_name(&e->qid, c->name);
	if (f->error == ENOENT && store_open_content_at(s, c, f) == OK)
		return OK;
	return f->error != ENOENT
	    ? f->outcome
	    : fault_set(f, PERM, "5.3.0", 0, "envelope without content");
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

static bool
is_same_file(const struct store *s, const char *a, const char *b)
{
	struct stat st[2];

	return fstatat(s->fd, a, &st[0], AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(s->fd, b, &st[1], AT_SYMLINK_NOFOLLOW) == 0 &&
	    st[0].st_dev == st[1].st_dev && st[0].st_ino == st[1].st_ino;
}

/* The content before the envelope that rests on it: link, sync, unlink. */
static enum outcome
bring_content(struct store *s, const struct qid *qid, struct fault *f)
{
	char from[STORE_NAME_MAX], to[STORE_NAME_MAX], dir[STORE_DIR_MAX];
	int shard;

	content_name(qid, from);
	store_content_name(qid, to);
	store_shard_name(qid, dir);
	if (store_dir(s, dir, true, &shard, f) != OK)
		return f->outcome;
	if (linkat(s->fd, from, s->fd, to, 0) != 0 && errno != ENOENT) {
		(void)store_failed(f, "bring back", from);
		if (f->error != EEXIST || !is_same_file(s, from, to))
			return f->outcome;
	}
	if (store_sync_shard(s, qid, f) != OK)
		return f->outcome;
	if (unlinkat(s->fd, from, 0) != 0 && errno != ENOENT)
		return store_failed(f, "bring back", from);
	return OK;
}

enum outcome
aside_release(struct store *s, const struct qid *qid, struct fault *f)
{
	struct envelope e;
	enum outcome got;

	envelope_begin(&e);
	got = aside_read(s, qid, &e, f);
	if (got == OK && e.shape == ENVELOPE_APART)
		got = bring_content(s, qid, f);
	envelope_free(&e);
	if (got != OK)
		return got;
	if (store_link_state(s, qid, aside, STORE_PLACE_IN, f) != OK ||
	    store_sync_state_dir(s, STORE_PLACE_IN, f) != OK ||
	    store_unlink_state(s, qid, aside, f) != OK)
		return f->outcome;
	return store_sync_state_dir(s, aside, f);
}

/* Content that no envelope names but the one that goes. */
static enum outcome
remove_content(struct store *s, const struct qid *qid, struct fault *f)
{
	struct store_place place;

	if (!store_has_content(s, qid) ||
	    store_find_envelope(s, qid, &place, f) == OK)
		return OK;
	return f->error == ENOENT ? store_unlink_content(s, qid, f)
	                          : f->outcome;
}

enum outcome
aside_remove(struct store *s, const struct qid *qid, struct fault *f)
{
	char name[2][STORE_NAME_MAX];

	if (remove_content(s, qid, f) != OK)
		return f->outcome;
	store_envelope_name(aside, qid, name[0]);
	content_name(qid, name[1]);
	for (size_t i = 0; i < 2; i++)
		if (unlinkat(s->fd, name[i], 0) != 0 && errno != ENOENT)
			return store_failed(f, "remove", name[i]);
	return store_sync_state_dir(s, aside, f);
}
