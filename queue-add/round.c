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
 * Contents of two files have a pass of their own before that of what names a
 * message; a pass goes by the directory that its files lie in.
 */
#include <errno.h>
#include <stdlib.h>

#include "accept.h"
#include "fds.h"
#include "mem.h"

#define FIELDS_MAX                                                             \
	2048 /* Return-Path: and Delivered-To: of the longest paths */
#define HEAD_MAX  (ENVELOPE_ONE_LINE + FIELDS_MAX)
#define HINTS_MAX (ROUND_REQUESTS_MAX * (ENVELOPE_ONE_MAX + 2UL))

void
accept_begin(struct accept *a, struct store *store, struct journal *journal,
    const struct settings *s)
{
	*a = (struct accept){ .store = store,
		.journal = journal,
		.one_file_max = s->queue.one_file_max,
		.min_free = s->storage.min_free / SPACE_KEPT,
		.recipients_max = s->queue.recipients_max,
		.tell = TELL_NONE,
		.entry = mem_new(ROUND_REQUESTS_MAX, sizeof(*a->entry)),
		.head = BUF_INIT(HEAD_MAX),
		.fields = BUF_INIT(FIELDS_MAX),
		.hints = BUF_INIT(HINTS_MAX) };
}

void
accept_end(struct accept *a)
{
	fds_close(&a->tell.fd);
	buf_free(&a->head);
	buf_free(&a->fields);
	buf_free(&a->hints);
	free(a->entry);
}

struct accepted *
accept_enter(struct accept *a, struct client *c, enum add_answer answer,
    const struct qid *qid)
{
	struct accepted *entry;

	if (a->entries == ROUND_REQUESTS_MAX)
		abort(); /* accept_take() was asked for more than a round */
	entry = &a->entry[a->entries++];
	entry->answer = answer;
	entry->client = c;
	entry->qid = *qid;
	entry->file = STORE_FILE_NONE;
	entry->envelope = BUF_INIT(0);
	entry->pass_fd = -1;
	return entry;
}

void
accept_enter_failed(struct accept *a, struct client *c, const struct qid *qid,
    const struct fault *why)
{
	accept_enter(a, c, ADD_FAILED, qid)->why = *why;
	if (store_is_io_error(why))
		store_io_error(a->store, a->journal, qid, why);
}

/* ---- What becomes of a file that fails in a pass. ---- */

static void
fail(struct accept *a, struct accepted *entry, const struct fault *why)
{
	entry->answer = ADD_FAILED;
	entry->why = *why;
	entry->why.outcome = TEMP;
	a->hints_are_wrong = true;
}

/*
 * It never had a name, so nothing of it can come back; nor can the envelope
 * that would have named its content.
 */
static void
give_up(struct accept *a, struct accepted *entry, const struct fault *why)
{
	struct fault second;

	store_abandon(a->store, &entry->file);
	if (store_is_io_error(why))
		store_io_error(a->store, a->journal, &entry->qid, why);
	fail(a, entry, why);
	if (entry->envelope.len > 0 && entry->file.place.state == STORE_IN &&
	    store_unlink(a->store, &entry->qid,
	        store_content_place(&entry->qid), &second) != OK)
		fault_append(&entry->why, &second);
}

/*
 * It has its name, and its sync failed. When the disk is full, it has told what
 * is missing. Else the pages may look whole while the disk lacks them, so the
 * file goes aside. Nothing is synced again. The content of an envelope that had
 * its name stays, for tidying: after a cut the envelope may be back. Who
 * brought the same in this round, and would be told that it exists, fails too.
 */
static void
take_back(struct accept *a, struct accepted *entry, const struct fault *why)
{
	bool full = fault_is(why, FAULT_NO_SPACE);
	struct store_place place = entry->file.place;
	struct fault second = FAULT_NONE;
	enum outcome got;

	fail(a, entry, why);
	for (size_t i = 0; i < a->entries; i++)
		if (a->entry[i].answer == ADD_EXISTS &&
		    qid_compare(&a->entry[i].qid, &entry->qid) == 0)
			fail(a, &a->entry[i], why);
	fds_close(&entry->file.fd);
	if (!full)
		store_trouble_set(a->store, a->journal->program, why->text);
	got = full ? store_unlink(a->store, &entry->qid, place, &second)
	           : store_set_aside(a->store, &entry->qid, place, &second);
	if (got != OK)
		fault_append(&entry->why, &second);
	if (got != OK || !full)
		journal_alarm(a->journal, &entry->qid, "%s", entry->why.text);
}

/* ---- A pass. ---- */

/* The next one with an open file of the pass; NULL: there is none. */
static struct accepted *
next_file(struct accept *a, enum store_state pass, struct accepted *entry)
{
	entry = entry == NULL ? a->entry : entry + 1;
	while (entry < a->entry + a->entries &&
	    (entry->file.fd == -1 || entry->file.place.state != pass))
		entry++;
	return entry < a->entry + a->entries ? entry : NULL;
}

static void
publish(struct accept *a, struct accepted *entry)
{
	struct fault why;

	if (store_publish(a->store, &entry->file, &entry->qid, &why) == OK)
		return;
	give_up(a, entry, &why);
	if (why.error != EEXIST)
		return;
	if (accept_check_existing(a, &entry->qid, &why) == OK)
		entry->answer = ADD_EXISTS;
	else
		fail(a, entry, &why);
}

/* Each file; or where one carries all, the last one that got its name: its
   change is the newest. */
static void
sync_files(struct accept *a, enum store_state pass)
{
	bool one = a->store->disk.fsync_carries_all;
	struct accepted *entry = NULL, *last = NULL;
	struct fault why;

	while ((entry = next_file(a, pass, entry)) != NULL) {
		last = entry;
		if (!one && store_sync_file(entry->file.fd, &why) != OK)
			take_back(a, entry, &why);
	}
	if (!one || last == NULL || store_sync_file(last->file.fd, &why) == OK)
		return;
	while ((entry = next_file(a, pass, entry)) != NULL)
		take_back(a, entry, &why);
}

static bool
has_name_in(const struct accepted *entry, struct store_place place)
{
	return entry->answer == ADD_OK &&
	    store_is_same_place(entry->file.place, place);
}

/*
 * Where fsync of a file does not carry its name: each directory, once. When
 * that fails, it is all of them that have their names there, whatever stands
 * between them.
 */
static void
sync_names(struct accept *a, enum store_state pass)
{
	struct fault why;

	for (size_t i = 0; i < a->entries; i++) {
		struct store_place place = a->entry[i].file.place;
		size_t k = 0;

		if (place.state != pass || a->entry[i].answer != ADD_OK)
			continue;
		while (!has_name_in(&a->entry[k], place))
			k++;
		if (k < i || store_sync(a->store, place, &why) == OK)
			continue;
		for (; k < a->entries; k++)
			if (has_name_in(&a->entry[k], place))
				take_back(a, &a->entry[k], &why);
	}
}

static void
bring_to_disk(struct accept *a, enum store_state pass)
{
	const struct disk *disk = &a->store->disk;
	struct accepted *entry = NULL;
	struct fault why;

	/* All at once, so that the disk is woken once. */
	while ((entry = next_file(a, pass, entry)) != NULL)
		store_start_disk(a->store, entry->file.fd);
	while (disk->fsync_carries_all &&
	    (entry = next_file(a, pass, entry)) != NULL)
		if (store_wait_for_disk(entry->file.fd, &why) != OK)
			give_up(a, entry, &why);
	while ((entry = next_file(a, pass, entry)) != NULL)
		publish(a, entry);
	sync_files(a, pass);
	while ((entry = next_file(a, pass, entry)) != NULL)
		fds_close(&entry->file.fd);
	if (!disk->fsync_carries_name)
		sync_names(a, pass);
}

/* ---- The round's end. ---- */

static void
write_envelope(struct accept *a, struct accepted *entry)
{
	struct fault why;

	if (store_create(a->store, STORE_PLACE_IN, &entry->qid, 0600,
	        &entry->file, &why) != OK ||
	    store_write(entry->file.fd, buf_span(&entry->envelope), SPAN_EMPTY,
	        &why) != OK)
		give_up(a, entry, &why);
}

static void
answer(struct accepted *entry)
{
	struct client *c = entry->client;
	struct fault f;

	if (wire_add_put_answer(&c->outbuf, entry->answer, &entry->qid,
	        entry->offset, &entry->why, &f) != OK)
		c->end = true; /* no room: the end is his answer */
	if (entry->answer == ADD_WRITE) {
		fds_close(&c->pass_fd);
		c->pass_fd = entry->pass_fd;
	}
}

void
accept_finish(void *arg)
{
	struct accept *a = arg;

	/* From here on the end of this process makes queue-run list in/. */
	if (a->entries > 0)
		tell_connect(&a->tell);
	bring_to_disk(a, STORE_CONTENT);
	for (size_t i = 0; i < a->entries; i++)
		if (a->entry[i].answer == ADD_OK &&
		    a->entry[i].envelope.len > 0)
			write_envelope(a, &a->entry[i]);
	bring_to_disk(a, STORE_IN);
	for (size_t i = 0; i < a->entries; i++) {
		answer(&a->entry[i]);
		buf_free(&a->entry[i].envelope);
	}
	a->entries = 0;
}

void
accept_after(void *arg)
{
	struct accept *a = arg;

	if (a->hints_are_wrong || buf_failed(&a->hints))
		tell_look(&a->tell);
	else if (a->hints.len > 0)
		tell_send(&a->tell, buf_span(&a->hints));
	a->hints_are_wrong = false;
	buf_reset(&a->hints);
	if (a->journal->pending_entries > 0)
		journal_flush(a->journal);
}
