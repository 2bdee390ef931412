/* SPDX-License-Identifier: ISC */
/*
 * round.c: the entries of a round of queue-add, and its end. The order of
 * these calls is the protocol that tests/model proves: a name appears when the
 * file is whole; of two files the envelope is made when content and the
 * content's names are synced; nothing is synced twice; the answers come last.
 *
 * A pass brings files to the disk: data, names, sync. Where one journal holds
 * every change in order, the data of all is waited for, then all get their
 * names, and one fsync carries the whole pass: a commit and a flush instead of
 * a flush for each file (doc/performance.md). Elsewhere each file is synced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "codes.h"

#define FIELDS_MAX                                                             \
	2048 /* Return-Path: and Delivered-To: of the longest paths */
#define HEAD_MAX    (ENVELOPE_ONE_LINE + FIELDS_MAX)
#define NOTICES_MAX (ROUND_REQUESTS_MAX * (ENVELOPE_ONE_MAX + 2UL))
#define APART_MAX   STORE_ENVELOPE_MAX

void
accept_begin(struct accept *a, struct store *store, struct journal *journal,
    const struct settings *s)
{
	memset(a, 0, sizeof(*a));
	a->store = store;
	a->journal = journal;
	a->one_file_max = s->queue.one_file_max;
	a->min_free = s->queue.min_free;
	a->recipients_max = s->queue.recipients_max;
	a->head = BUF_INIT(HEAD_MAX);
	a->fields = BUF_INIT(FIELDS_MAX);
	a->notices = BUF_INIT(NOTICES_MAX);
	a->told = BUF_INIT(NOTICES_MAX);
	tell_begin(&a->tell);
}

void
accept_end(struct accept *a)
{
	tell_end(&a->tell);
	buf_free(&a->head);
	buf_free(&a->fields);
	buf_free(&a->notices);
	buf_free(&a->told);
	free(a->entry);
}

struct accepted *
accept_enter(struct accept *a, struct client *c, enum accepted_kind kind,
    const struct qid *qid)
{
	struct accepted *entry;

	if (a->entries == a->entries_cap) {
		size_t cap = a->entries_cap == 0 ? ROUND_REQUESTS_MAX
		                                 : 2 * a->entries_cap;

		entry = reallocarray(a->entry, cap, sizeof(*entry));
		if (entry == NULL)
			return NULL;
		a->entry = entry;
		a->entries_cap = cap;
	}
	entry = &a->entry[a->entries++];
	entry->kind = kind;
	entry->client = c;
	entry->qid = *qid;
	entry->file = entry->content = STORE_FILE_NONE;
	entry->envelope = NULL;
	entry->notice_at = entry->notice_len = 0;
	entry->pass_fd = -1;
	return entry;
}

enum outcome
accept_enter_failed(struct accept *a, struct client *c, const struct qid *qid,
    const struct fault *why, struct fault *f)
{
	struct accepted *entry = accept_enter(a, c, ACCEPTED_FAILED, qid);

	if (entry == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "round");
	entry->why = *why;
	if (accept_is_io_error(why))
		accept_io_error(a, qid, why);
	return OK;
}

/* ---- A pass, and what becomes of a file that fails in it. ---- */

/* Contents of two files first; then what names a message. */
enum pass { PASS_CONTENTS, PASS_MESSAGES };

static struct store_file *
file_of(struct accepted *entry, enum pass pass)
{
	return pass == PASS_CONTENTS ? &entry->content : &entry->file;
}

static enum outcome
unlink_message(struct store *s, const struct qid *qid, struct fault *f)
{
	return store_unlink_state(s, qid, STORE_PLACE_IN, f);
}

static enum outcome
set_message_aside(struct store *s, const struct qid *qid, struct fault *f)
{
	return store_set_aside(s, qid, STORE_PLACE_IN, f);
}

typedef enum outcome undo_function(
    struct store *, const struct qid *, struct fault *);

/*
 * unnamed: its own file never had a name, so nothing of it can come back.
 * full: it has a name, and the disk has told us what is missing. unsynced: the
 * pages may look whole while the disk lacks them, so it goes aside. Of two
 * files the content stays when the envelope had its name, for tidying: after a
 * cut the envelope may be back.
 */
static const struct {
	undo_function *unnamed, *full, *unsynced;
} undo[] = {
	[PASS_CONTENTS] = { NULL, store_unlink_content,
	    store_set_aside_content },
	[PASS_MESSAGES] = { store_unlink_content, unlink_message,
	    set_message_aside },
};

static void
fail(struct accepted *entry, const struct fault *why)
{
	entry->kind = ACCEPTED_FAILED;
	entry->why = *why;
	entry->why.outcome = TEMP;
}

/* A file that has its name, and whose sync failed. Nothing is synced again. */
static void
take_back(struct accept *a, struct accepted *entry, enum pass pass,
    const struct fault *why)
{
	bool full = why->error == ENOSPC || why->error == EDQUOT;
	struct fault second = FAULT_NONE;
	enum outcome got;

	fail(entry, why);
	if (!full)
		store_trouble_set(a->store, "queue-add", why->text);
	got = (full ? undo[pass].full : undo[pass].unsynced)(
	    a->store, &entry->qid, &second);
	if (got != OK)
		fault_append(&entry->why, &second);
	if (got != OK || !full)
		accept_alarm(a, &entry->qid, &entry->why);
	store_file_close(file_of(entry, pass));
}

static void
give_up(struct accept *a, struct accepted *entry, enum pass pass,
    const struct fault *why)
{
	undo_function *unnamed =
	    entry->kind == ACCEPTED_APART ? undo[pass].unnamed : NULL;
	struct fault second;

	store_abandon(a->store, file_of(entry, pass));
	if (accept_is_io_error(why))
		accept_io_error(a, &entry->qid, why);
	fail(entry, why);
	if (unnamed != NULL && unnamed(a->store, &entry->qid, &second) != OK)
		fault_append(&entry->why, &second);
}

/* All at once, so that the disk is woken once. */
static void
start_disk(struct accept *a, enum pass pass)
{
	for (size_t i = 0; i < a->entries; i++) {
		int fd = file_of(&a->entry[i], pass)->fd;

		if (fd != -1)
			store_start_disk(a->store, fd);
	}
}

static void
wait_for_data(struct accept *a, enum pass pass)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];
		const struct store_file *file = file_of(entry, pass);

		if (file->fd == -1 || store_wait_for_disk(file->fd, &why) == OK)
			continue;
		give_up(a, entry, pass, &why);
	}
}

static void
publish(struct accept *a, enum pass pass)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];
		struct store_file *file = file_of(entry, pass);

		if (file->fd == -1 ||
		    store_publish(a->store, file, &entry->qid, &why) == OK)
			continue;
		give_up(a, entry, pass, &why);
		if (why.error != EEXIST)
			continue;
		if (accept_check_existing(a, &entry->qid, &why) == OK)
			entry->kind = ACCEPTED_EXISTS;
		else
			fail(entry, &why);
	}
}

/* The last one that got its name carries all: its change is the newest. */
static void
sync_last(struct accept *a, enum pass pass)
{
	struct accepted *last = NULL;
	struct fault why;

	for (size_t i = 0; i < a->entries; i++)
		if (file_of(&a->entry[i], pass)->fd != -1)
			last = &a->entry[i];
	if (last == NULL ||
	    store_sync_file(file_of(last, pass)->fd, &why) == OK)
		return;
	for (size_t i = 0; i < a->entries; i++)
		if (file_of(&a->entry[i], pass)->fd != -1)
			take_back(a, &a->entry[i], pass, &why);
}

static void
sync_each(struct accept *a, enum pass pass)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		int fd = file_of(&a->entry[i], pass)->fd;

		if (fd != -1 && store_sync_file(fd, &why) != OK)
			take_back(a, &a->entry[i], pass, &why);
	}
}

static void
bring_to_disk(struct accept *a, enum pass pass)
{
	start_disk(a, pass);
	if (a->store->disk.fsync_carries_all)
		wait_for_data(a, pass);
	publish(a, pass);
	if (a->store->disk.fsync_carries_all)
		sync_last(a, pass);
	else
		sync_each(a, pass);
	for (size_t i = 0; i < a->entries; i++)
		store_file_close(file_of(&a->entry[i], pass));
}

/* ---- The round's end. ---- */

static bool
is_accepted(const struct accepted *entry)
{
	return entry->kind == ACCEPTED_ONE || entry->kind == ACCEPTED_APART;
}

/* Each shard of the round once; they are the same but for a change of hour. */
static void
sync_shards(struct accept *a)
{
	struct fault why = FAULT_NONE;
	char last[QID_SHARD_LEN + 1] = "";
	enum outcome got = OK;

	for (size_t i = 0; i < a->entries; i++) {
		struct accepted *entry = &a->entry[i];

		if (entry->kind != ACCEPTED_APART)
			continue;
		if (strncmp(last, entry->qid.text, QID_SHARD_LEN) != 0) {
			got = store_sync_shard(a->store, &entry->qid, &why);
			memcpy(last, entry->qid.text, QID_SHARD_LEN);
		}
		if (got != OK)
			take_back(a, entry, PASS_CONTENTS, &why);
	}
}

static enum outcome
write_envelope(struct accept *a, struct accepted *entry, struct fault *f)
{
	struct buf b = BUF_INIT(APART_MAX);
	enum outcome got = envelope_put_apart(&b, entry->envelope, f);

	if (got == OK)
		got = store_create(
		    a->store, "in", &entry->qid, 0600, &entry->file, f);
	if (got == OK)
		got = store_write(entry->file.fd, buf_span(&b), SPAN_EMPTY, f);
	buf_free(&b);
	return got;
}

static void
put_envelope(struct accept *a, struct accepted *entry)
{
	struct fault why;

	if (write_envelope(a, entry, &why) != OK) {
		give_up(a, entry, PASS_MESSAGES, &why);
		return;
	}
	entry->notice_at = a->notices.len;
	if (envelope_put_notice(&a->notices, entry->envelope, &why) == OK)
		entry->notice_len = a->notices.len - entry->notice_at;
}

/* Where fsync of a file does not carry its name: the directory, once. */
static void
sync_in(struct accept *a)
{
	struct fault why = FAULT_NONE;
	bool any = false;

	for (size_t i = 0; i < a->entries; i++)
		any = any || is_accepted(&a->entry[i]);
	if (!any || store_sync_state_dir(a->store, STORE_PLACE_IN, &why) == OK)
		return;
	for (size_t i = 0; i < a->entries; i++)
		if (is_accepted(&a->entry[i]))
			take_back(a, &a->entry[i], PASS_MESSAGES, &why);
}

static void
answer(struct accept *a, struct accepted *entry)
{
	static const enum add_answer words[] = { [ACCEPTED_ONE] = ADD_OK,
		[ACCEPTED_APART] = ADD_OK,
		[ACCEPTED_EXISTS] = ADD_EXISTS,
		[ACCEPTED_WRITE] = ADD_WRITE,
		[ACCEPTED_FAILED] = ADD_FAILED };
	struct client *c = entry->client;
	struct fault f;

	if (wire_add_put_answer(&c->outbuf, words[entry->kind], &entry->qid,
	        entry->offset, &entry->why, &f) != OK)
		c->end = true; /* no memory: the end is his answer */
	if (entry->kind == ACCEPTED_WRITE) {
		if (c->pass_fd != -1)
			(void)close(c->pass_fd);
		c->pass_fd = entry->pass_fd;
	}
	if (is_accepted(entry) && entry->notice_len > 0)
		buf_add(&a->told,
		    span_head(
		        span_from(buf_span(&a->notices), entry->notice_at),
		        entry->notice_len));
	else if (is_accepted(entry))
		a->tell.owes_look = true;
}

static void
free_envelope(struct envelope **e)
{
	if (*e == NULL)
		return;
	envelope_free(*e);
	free(*e);
	*e = NULL;
}

/* Contents, then the names that they got, then their envelopes. */
static void
settle_contents(struct accept *a)
{
	bring_to_disk(a, PASS_CONTENTS);
	if (!a->store->disk.fsync_carries_name)
		sync_shards(a);
	for (size_t i = 0; i < a->entries; i++)
		if (a->entry[i].kind == ACCEPTED_APART)
			put_envelope(a, &a->entry[i]);
}

void
accept_finish(void *arg)
{
	struct accept *a = arg;
	bool apart = false;

	for (size_t i = 0; i < a->entries; i++)
		apart = apart || a->entry[i].kind == ACCEPTED_APART;
	if (apart)
		settle_contents(a);
	bring_to_disk(a, PASS_MESSAGES);
	if (!a->store->disk.fsync_carries_name)
		sync_in(a);
	for (size_t i = 0; i < a->entries; i++) {
		answer(a, &a->entry[i]);
		free_envelope(&a->entry[i].envelope);
	}
	a->entries = 0;
	buf_reset(&a->notices);
}

void
accept_after(void *arg)
{
	struct accept *a = arg;

	if (a->told.len > 0 || a->tell.owes_look || a->tell.pending.len > 0)
		tell_send(&a->tell, buf_span(&a->told));
	if (buf_failed(&a->told))
		a->tell.owes_look = true;
	buf_reset(&a->told);
	if (a->journal->pending_entries > 0)
		journal_flush(a->journal);
}
