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

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

/*
 * Contents at once: each share reads every directory of envelopes once, so
 * 200,000 that wait are one share. Chosen: 15 MB, and this process ends soon.
 */
#define TIDY_SHARE 262144
#define DIR_NAME   64

struct orphan {
	struct qid qid; /* first: bsearch() */
	unsigned in; /* the states that have an envelope of it: bits */
};
#define BIT(state) (1U << (state))

struct tidying {
	struct store *store;
	struct journal *journal;
	struct tidied *done;
	const char *dir; /* whose names are looked at */
	struct orphan *orphan; /* TIDY_SHARE at most, sorted */
	size_t n;
};

/*
 * On a file system without a journal a cut may leave a name of a minute or a
 * shard over an inode that was written for something else. Nothing that was
 * acknowledged rests on it, and with it no directory could be listed.
 */
static void
set_stray_aside(void *arg, const char *name)
{
	struct tidying *t = arg;
	char path[DIR_NAME + 300], to[DIR_NAME + 300];
	int queue = t->store->fd;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	if (fstatat(queue, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    S_ISDIR(st.st_mode))
		return;
	(void)snprintf(to, sizeof(to), "aside/%s.%s", t->dir, name);
	if (renameat2(queue, path, queue, to, RENAME_NOREPLACE) != 0)
		return;
	journal_alarm(t->journal, NULL, "to aside: %s is no directory", path);
	t->done->aside++;
}

/* What is in these is directories. */
static enum outcome
set_strays_aside(struct tidying *t, struct fault *f)
{
	for (int state = 0; state < STORE_DIRECTORIES; state++) {
		t->dir = store_state_word((enum store_state)state);
		if (store_parts((enum store_state)state) != STORE_UNDIVIDED &&
		    store_each_name(t->store, t->dir, set_stray_aside, t, f) !=
		        OK)
			return f->outcome;
	}
	return OK;
}

static void
remove_dot_name(void *arg, const char *name)
{
	struct tidying *t = arg;
	char path[DIR_NAME + 300];

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	if (name[0] == '.' && unlinkat(t->store->fd, path, 0) == 0)
		t->done->dot_names++;
}

static enum outcome
remove_dot_names(void *arg, struct store_place place, struct fault *f)
{
	struct tidying *t = arg;
	char dir[STORE_DIR_MAX];

	store_dir_name(place, dir);
	t->dir = dir;
	return store_each_name(t->store, dir, remove_dot_name, t, f);
}

static enum outcome
remove_part(void *arg, struct store_place place, struct fault *f)
{
	(void)f;
	store_remove_part(((struct tidying *)arg)->store, place);
	return OK;
}

/* Every directory but aside/. */
static enum outcome
each_place(struct tidying *t, store_on_place *each, struct fault *f)
{
	for (int state = 0; state < STORE_DIRECTORIES; state++)
		if (state != STORE_ASIDE &&
		    store_each_place(
		        t->store, (enum store_state)state, each, t, f) != OK)
			return f->outcome;
	return OK;
}

static enum outcome
mark(
    void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct tidying *t = arg;
	struct orphan *o =
	    bsearch(qid, t->orphan, t->n, sizeof(*o), qid_compare);

	(void)f;
	if (o != NULL)
		o->in |= BIT(place.state);
	return OK;
}

/* No envelope names it any more. */
static enum outcome
settle_orphan(struct tidying *t, const struct orphan *o, struct fault *f)
{
	struct store_place content = store_content_place(&o->qid);
	int queue = t->store->fd;
	char name[STORE_NAME_MAX];
	struct stat st, one;

	if ((o->in & ~(BIT(STORE_IN) | BIT(STORE_ASIDE))) != 0)
		return OK;
	store_name(content, &o->qid, name);
	/* The queue makes no link and no pipe: what is one stays. */
	if (fstatat(queue, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return OK;
	if ((o->in & BIT(STORE_IN)) != 0) {
		/* The one file that was to move: in/ is its name again. */
		store_name(STORE_PLACE_IN, &o->qid, name);
		if (fstatat(queue, name, &one, AT_SYMLINK_NOFOLLOW) != 0 ||
		    one.st_ino != st.st_ino)
			return OK;
	}
	/* Recipients may already have it; the envelope in aside/ lists those
	   who do not. */
	if (st.st_nlink > 1 && (o->in & BIT(STORE_ASIDE)) == 0) {
		t->done->contents++;
		return store_unlink(t->store, &o->qid, content, f);
	}
	t->done->aside++;
	return store_set_aside(t->store, &o->qid, content, f);
}

static enum outcome
settle_share(struct tidying *t, struct fault *f)
{
	for (int state = 0; t->n > 0 && state < STORE_STATES; state++)
		if (store_each_qid(
		        t->store, (enum store_state)state, mark, t, f) != OK)
			return f->outcome;
	for (size_t i = 0; i < t->n; i++)
		if (settle_orphan(t, &t->orphan[i], f) != OK)
			return f->outcome;
	t->n = 0;
	return OK;
}

static enum outcome
take_content(
    void *arg, struct store_place place, const struct qid *qid, struct fault *f)
{
	struct tidying *t = arg;

	/* In a shard that is not its own it is a stranger; and it would put the
	   others out of their order. */
	if (!store_is_same_place(place, store_content_place(qid)))
		return OK;
	if (t->n == TIDY_SHARE && settle_share(t, f) != OK)
		return f->outcome;
	t->orphan[t->n++] = (struct orphan){ .qid = *qid };
	return OK;
}

/* What was seen is on disk. */
static enum outcome
sync_queue(struct tidying *t, struct fault *f)
{
	if (store_syncfs(t->store, f) == OK)
		return OK;
	store_io_error(t->store, t->journal, NULL, f);
	return f->outcome;
}

enum outcome
tidy_queue(struct store *store, struct journal *journal, struct tidied *done,
    struct fault *f)
{
	struct tidying t = { .store = store, .journal = journal, .done = done };
	enum outcome got = OK;

	*done = (struct tidied){ 0 };
	t.orphan = mem_new(TIDY_SHARE, sizeof(*t.orphan));
	if (sync_queue(&t, f) != OK || set_strays_aside(&t, f) != OK ||
	    each_place(&t, remove_dot_names, f) != OK ||
	    store_each_qid(store, STORE_CONTENT, take_content, &t, f) != OK ||
	    settle_share(&t, f) != OK || each_place(&t, remove_part, f) != OK ||
	    sync_queue(&t, f) != OK)
		got = f->outcome;
	free(t.orphan);
	return got;
}
