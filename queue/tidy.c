/* SPDX-License-Identifier: ISC */
/*
 * tidy.c: removes what crashes left, while nothing runs. It begins with a syncfs:
 * an envelope may come back after a power cut if its removal is not on disk
 * (model row 12). Content without an envelope was settled, or never
 * acknowledged: with more links it is in a mailbox and its name here is removed;
 * with one link it moves to aside/. Memory is bounded: contents are read a share
 * at a time, each share compared with all envelopes.
 */
#include "tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Contents at once: each share reads every directory of envelopes once, so
 * 200,000 that wait are one share. Chosen: 15 MB, and this process ends soon.
 */
#define TIDY_SHARE 262144
#define DIR_NAME   64

struct orphan {
	struct store_listed name;
	bool in, elsewhere; /* an envelope, or the one file, is there */
	bool aside; /* only a corrupt envelope is there */
};

struct tidying {
	struct store *store;
	struct journal *journal;
	struct tidied *done;
	const char *dir;
	struct orphan *orphan;
	size_t n;
	bool is_in, is_aside;
};

static bool
remove_dot_name(void *arg, const char *name)
{
	struct tidying *t = arg;
	char path[DIR_NAME + 300];

	if (name[0] != '.')
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	if (unlinkat(t->store->fd, path, 0) == 0)
		t->done->dot_names++;
	return true;
}

/*
 * On a file system without a journal a cut may leave a name of a minute or a
 * shard over an inode that was written for something else. Nothing that was
 * acknowledged rests on it, and with it no directory could be listed.
 */
static bool
set_stray_aside(void *arg, const char *name)
{
	struct tidying *t = arg;
	char path[DIR_NAME + 300], to[DIR_NAME + 300];
	int queue = t->store->fd;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    S_ISDIR(st.st_mode))
		return true;
	(void)snprintf(to, sizeof(to), "aside/%s.%s", t->dir, name);
	if (renameat2(queue, path, queue, to, RENAME_NOREPLACE) == 0) {
		journal_alarm(
		    t->journal, NULL, "to aside: %s is no directory", path);
		t->done->aside++;
	}
	return true;
}

/* What is in these is directories. */
static enum outcome
clean_parents(struct tidying *t, struct fault *f)
{
	static const char *const parents[] = { "retry1", "retry2", "message" };

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		t->dir = parents[i];
		if (store_each(t->store, t->dir, set_stray_aside, t, f) != OK)
			return f->outcome;
	}
	return OK;
}

static int
by_name(const void *key, const void *element)
{
	return strcmp(key, ((const struct orphan *)element)->name.text);
}

static bool
mark(void *arg, const char *name)
{
	struct tidying *t = arg;
	struct orphan *o = bsearch(name, t->orphan, t->n, sizeof(*o), by_name);

	if (o != NULL && t->is_in)
		o->in = true;
	else if (o != NULL && t->is_aside)
		o->aside = true;
	else if (o != NULL)
		o->elsewhere = true;
	return true;
}

static enum outcome
mark_dir(void *arg, struct store_place place, struct fault *f)
{
	struct tidying *t = arg;
	char dir[STORE_DIR_MAX];

	t->is_in = place.state == STORE_IN;
	t->is_aside = place.state == STORE_ASIDE;
	store_dir_name(place, dir);
	return store_each(t->store, dir, mark, t, f);
}

static enum outcome
clean_dir(struct tidying *t, const char *dir, struct fault *f)
{
	t->dir = dir;
	return store_each(t->store, dir, remove_dot_name, t, f);
}

static enum outcome
clean_place(void *arg, struct store_place place, struct fault *f)
{
	struct tidying *t = arg;
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	if (clean_dir(t, dir, f) != OK)
		return f->outcome;
	if (store_has_minutes(place.state))
		store_remove_dir(t->store, dir);
	return OK;
}

/* Every directory of the first n states. */
static enum outcome
each_place(struct tidying *t, int n,
    enum outcome (*each)(void *, struct store_place, struct fault *),
    struct fault *f)
{
	for (int state = 0; state < n; state++)
		if (store_each_place(
		        t->store, (enum store_state)state, each, t, f) != OK)
			return f->outcome;
	return OK;
}

/* No envelope names it any more. */
static enum outcome
settle_orphan(struct tidying *t, const struct orphan *o, struct fault *f)
{
	struct store *store = t->store;
	char name[STORE_NAME_MAX];
	struct stat st, one;
	struct qid qid;

	if (o->elsewhere || !qid_parse(span_of(o->name.text), &qid))
		return OK;
	store_content_name(&qid, name);
	/* The queue makes no link and no pipe: what is one stays. */
	if (fstatat(store->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return OK;
	if (o->in) {
		/* The one file that was to move: in/ is its name again. */
		store_envelope_name(
		    (struct store_place){ STORE_IN, 0 }, &qid, name);
		if (fstatat(store->fd, name, &one, AT_SYMLINK_NOFOLLOW) != 0 ||
		    one.st_ino != st.st_ino)
			return OK;
	}
	/* Recipients may already have it; the envelope in aside/ lists those
	   who do not. */
	if (st.st_nlink > 1 && !o->aside) {
		t->done->contents++;
		return store_unlink_content(store, &qid, f);
	}
	t->done->aside++;
	return store_set_aside_content(store, &qid, f);
}

static enum outcome
settle_share(struct tidying *t, struct fault *f)
{
	if (t->n == 0)
		return OK;
	if (each_place(t, STORE_STATES, mark_dir, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < t->n; i++)
		if (settle_orphan(t, &t->orphan[i], f) != OK)
			return f->outcome;
	t->n = 0;
	return OK;
}

/* The contents of one shard; shares may span shards, for names sort. */
static enum outcome
tidy_shard(struct tidying *t, const char *shard, struct store_listed *name,
    struct fault *f)
{
	char after[QID_LEN + 1] = "", dir[DIR_NAME];
	bool more = true;
	size_t got;

	(void)snprintf(dir, sizeof(dir), "message/%s", shard);
	if (clean_dir(t, dir, f) != OK)
		return f->outcome;
	while (more) {
		if (store_list(t->store, dir, STORE_QIDS, after, TIDY_SHARE,
		        name, &got, &more, f) != OK)
			return f->outcome;
		if (got == 0)
			break;
		memcpy(after, name[got - 1].text, sizeof(after));
		if (t->n + got > TIDY_SHARE && settle_share(t, f) != OK)
			return f->outcome;
		for (size_t i = 0; i < got; i++)
			t->orphan[t->n++] = (struct orphan){ .name = name[i] };
	}
	return OK;
}

static enum outcome
tidy_shards(struct tidying *t, struct store_listed *name, struct fault *f)
{
	char after[QID_LEN + 1] = "";

	for (;;) {
		if (store_next(t->store, "message", STORE_SHARDS, after, f) !=
		    OK)
			return f->outcome;
		if (after[0] == '\0')
			break;
		if (tidy_shard(t, after, name, f) != OK)
			return f->outcome;
	}
	return settle_share(t, f);
}

static enum outcome
remove_shards(struct tidying *t, struct fault *f)
{
	char after[QID_LEN + 1] = "", dir[DIR_NAME];

	for (;;) {
		if (store_next(t->store, "message", STORE_SHARDS, after, f) !=
		    OK)
			return f->outcome;
		if (after[0] == '\0')
			break;
		(void)snprintf(dir, sizeof(dir), "message/%s", after);
		store_remove_dir(t->store, dir);
	}
	return OK;
}

/* What was seen is on disk. An error is told once: it must outlive us. */
static enum outcome
sync_queue(struct tidying *t, struct fault *f)
{
	if (store_syncfs(t->store, f) == OK)
		return OK;
	store_trouble_set(t->store, t->journal->program, f->text);
	journal_alarm(t->journal, NULL, "%s", f->text);
	return f->outcome;
}

enum outcome
tidy_queue(struct store *store, struct journal *journal, struct tidied *done,
    struct fault *f)
{
	struct tidying t = { .store = store, .journal = journal, .done = done };
	struct store_listed *name = calloc(TIDY_SHARE, sizeof(*name));
	enum outcome got = OK;

	*done = (struct tidied){ 0 };
	t.orphan = calloc(TIDY_SHARE, sizeof(*t.orphan));
	if (name == NULL || t.orphan == NULL)
		got = fault_set(f, TEMP, "4.3.0", 0, "no memory");
	else if (sync_queue(&t, f) != OK || clean_parents(&t, f) != OK ||
	    each_place(&t, STORE_ASIDE, clean_place, f) != OK ||
	    tidy_shards(&t, name, f) != OK || remove_shards(&t, f) != OK ||
	    sync_queue(&t, f) != OK)
		got = f->outcome;
	free(name);
	free(t.orphan);
	return got;
}
