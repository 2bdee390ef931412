/* SPDX-License-Identifier: ISC */
/* existing.c: a message that somebody brought before. */
#include <fcntl.h>

#include "accept.h"
#include "fds.h"

/* Syncs what is there. An error is reported once: the next fsync would succeed,
   so queue/trouble is made, and then it is read back from the disk. */
static enum outcome
sync_existing(struct accept *a, const struct store_content *c,
    const struct envelope *e, struct store_place place, struct fault *f)
{
	bool apart = e->shape == ENVELOPE_APART;
	char name[STORE_NAME_MAX];
	enum outcome got;
	int fd = -1;

	store_name(place, &e->qid, name);
	if (apart &&
	    (fd = openat(
	         a->store->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return store_failed(f, "open", name);
	got = store_sync_file(c->fd, f);
	if (got == OK && apart)
		got = store_sync(a->store, store_content_place(&e->qid), f);
	if (got == OK && apart)
		got = store_sync_file(fd, f);
	if (got == OK)
		got = store_sync(a->store, place, f);
	fds_close(&fd);
	if (got != OK)
		store_io_error(a->store, a->journal, &e->qid, f);
	return got;
}

/* It counts as there when it is valid and on disk, and not before. */
enum outcome
accept_check_existing(struct accept *a, const struct qid *qid, struct fault *f)
{
	bool fresh = store_is_trouble(a->store);
	struct store_content c = STORE_CONTENT_NONE;
	struct store_place place;
	struct envelope e;
	struct fault why;
	enum outcome got;

	if (store_find_envelope(a->store, qid, &place, f) != OK)
		return f->outcome;
	envelope_begin(&e);
	got = store_read_envelope(a->store, qid, place, fresh, &e, f);
	if (got == OK)
		got = store_open_content(a->store, &e, &c, f);
	if (got == OK)
		got = store_check_content(&c, &e, fresh, f);
	if (got == OK)
		got = sync_existing(a, &c, &e, place, f);
	store_close_content(&c);
	envelope_free(&e);
	if (got == OK)
		return OK;
	/* What is wrong with it is not what is wrong with this one. */
	why = *f;
	return fault_set(f, TEMP, "4.3.0", 0,
	    "a message with this qid is there: %s", why.text);
}
